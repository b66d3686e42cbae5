"""Tones: what the codec's few bits cannot say is filled in from the plan, by harmonics and noise under learned envelopes.

At the player's four levels (3.3 kbit/s) the codec keeps rhythm, bass and colour, but a chord in the middle of a band is lost
between the codes. Its notes are known, though: they are the plan. Harmonics of the planned notes and noise are shaped band by
band with gains that a small network reads from codes and plan (a source and filter model; Wang et al. 2019, "Neural
source-filter waveform models"; Engel et al. 2020, "DDSP"), and the decoder's own spectrum is turned down where they take over.
All of it happens on MDCT frames, so nothing is added to the delay. Without a plan the decoder is heard alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.conditioning import ROLL_WIDTH
from model.config import TonesConfig
from model.layers.convnext import CausalConvNeXtBlock
from model.layers.excitation import SOURCES
from model.streaming import ConvState, StreamState


def band_matrix(bands: int, bins: int) -> Tensor:
    """Triangles over the bins, evenly on a scale that is linear below 300 Hz or so and logarithmic above; every bin sums to 1.

    Shape: [bands, bins].
    """
    scale = torch.log1p(torch.arange(bins, dtype=torch.float64) / 8.0)
    place = scale / scale[-1] * (bands - 1)
    return (1.0 - (place[None] - torch.arange(bands)[:, None]).abs()).clamp(min=0.0).float()


@dataclass
class TonesState(StreamState):
    blocks: list[ConvState]


class Tones(nn.Module):
    """Gains from latents and plan, and their use.

    Shape: latents [batch, steps, latent], roll [batch, steps, ROLL_WIDTH], sources [batch, steps, SOURCES, hop] (MDCT of the
    excitation), noise and spectrum [batch, steps, 2, hop] (mid and side, as coefficients, not companded).
    """

    bands: Tensor
    scale: Tensor

    def __init__(self, config: TonesConfig) -> None:
        super().__init__()
        self.config = config
        self.enter = nn.Linear(config.latent, config.width)
        self.roll = nn.Linear(ROLL_WIDTH, config.width, bias=False)
        self.blocks = nn.ModuleList(CausalConvNeXtBlock(config.width, config.expansion, config.kernel) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width)
        self.leave = nn.Linear(config.width, (SOURCES + 2) * config.bands + SOURCES + 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        with torch.no_grad():
            self.leave.bias[: SOURCES * config.bands] = -3.0
            self.leave.bias[SOURCES * config.bands : (SOURCES + 1) * config.bands] = -7.0
        self.register_buffer("bands", band_matrix(config.bands, config.hop), persistent=False)
        self.register_buffer("scale", torch.ones(()))

    def make_state(self, batch: int = 1) -> TonesState:
        return TonesState([block.make_state(batch) for block in self.blocks])  # type: ignore[operator]

    def _enter(self, latents: Tensor, roll: Tensor) -> Tensor:
        return self.enter(latents * self.scale) + self.roll(roll)  # type: ignore[no-any-return]

    def gains(self, latents: Tensor, roll: Tensor) -> Tensor:
        """What `apply` takes. Shape: [batch, steps, (SOURCES + 2) * bands + SOURCES + 1]."""
        x = self._enter(latents, roll)
        for block in self.blocks:
            x = block(x)
        return self.leave(self.norm(x))  # type: ignore[no-any-return]

    def gains_step(self, latents: Tensor, roll: Tensor, state: TonesState) -> Tensor:
        """`gains` of the next steps."""
        x = self._enter(latents, roll)
        for block, block_state in zip(self.blocks, state.blocks, strict=True):
            x = block.step(x, block_state)  # type: ignore[operator]
        return self.leave(self.norm(x))  # type: ignore[no-any-return]

    def apply_gains(self, gains: Tensor, spectrum: Tensor, sources: Tensor, noise: Tensor) -> Tensor:
        """The decoder's spectrum with tones and noise. Shape: as `spectrum`."""
        bands = self.config.bands
        tone, hiss, keep, pan, width = torch.split(gains, [SOURCES * bands, bands, bands, SOURCES, 1], dim=-1)
        tone = torch.exp(tone.view(*tone.shape[:-1], SOURCES, bands).clamp(-12.0, 0.0)) @ self.bands  # louder only lifts leakage
        hiss = torch.exp(hiss.clamp(-14.0, 0.0)) @ self.bands
        keep = (2.0 * torch.sigmoid(keep)) @ self.bands
        sounds = tone * sources
        middle = spectrum[..., 0, :] * keep + sounds.sum(dim=-2) + hiss * noise[..., 0, :]
        side = spectrum[..., 1, :] * keep + (torch.tanh(pan)[..., None] * sounds).sum(dim=-2)
        side = side + torch.sigmoid(width) * hiss * noise[..., 1, :]
        return torch.stack((middle, side), dim=-2)


def sources_of(excitation: Tensor, basis: Tensor) -> Tensor:
    """MDCT of an excitation that begins one hop before the first frame.

    Shape: [batch, SOURCES, (steps + 1) * hop], basis [2 * hop, hop] to [batch, steps, SOURCES, hop].
    """
    hop = basis.shape[1]
    batch, sources, samples = excitation.shape
    hops = excitation.view(batch, sources, samples // hop, hop).transpose(1, 2)
    return torch.cat((hops[:, :-1], hops[:, 1:]), dim=-1) @ basis
