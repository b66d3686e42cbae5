"""Tones: what the codec's few bits cannot say is filled in from the plan, by sounds of its notes and noise under learned envelopes.

At the player's four levels (3.3 kbit/s) the codec keeps rhythm, bass and colour, but a chord in the middle of a band is lost
between the codes. Its notes are known, though: they are the plan. Sources of the planned notes and hits (`model.layers.excitation`)
and noise are shaped band by band with gains that a small network reads from codes, plan, and the levels of all that is to be mixed
(a source and filter model; Wang et al. 2019, "Neural source-filter waveform models"; Engel et al. 2020, "DDSP"), and the decoder's
own spectrum is turned down where they take over. All of it happens on MDCT frames, so nothing is added to the delay. Without a plan
the decoder is heard alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from jamd.contract.units import FRAME_RATE
from model.codec.mdct import mdct
from model.conditioning import ROLL_WIDTH
from model.config import TonesConfig
from model.layers.chamber import SOURCES
from model.layers.convnext import CausalConvNeXtBlock
from model.layers.timbres import Orchestra, Tables
from model.streaming import ConvState, StreamState

HEARD = SOURCES + 2
"""Spectra whose levels the network is told: the decoder's middle and side, the sources."""
LOUDEST = 1.5
"""Natural logarithm of the greatest gain of a source."""
FAINT = 1e-6
"""Power of a band that counts as silence."""
PER_NAT = 0.2
"""What a nat of power is in the levels that the network is told."""


def band_matrix(bands: int, bins: int) -> Tensor:
    """Triangles over the bins, evenly on a scale that is linear below 300 Hz or so and logarithmic above; every bin sums to 1.

    Shape: [bands, bins].
    """
    scale = torch.log1p(torch.arange(bins, dtype=torch.float64) / 8.0)
    place = scale / scale[-1] * (bands - 1)
    return (1.0 - (place[None] - torch.arange(bands)[:, None]).abs()).clamp(min=0.0).float()


def gains_width(bands: int) -> int:
    """Numbers a frame: level and place of each source, noise, decoder in every band, and the width of the noise."""
    return (2 * SOURCES + 2) * bands + 1


def widened(colour: Tensor, bands: int) -> Tensor:
    """A colour (see `Tones.colour`) that was learnt when there were fewer sources, for those that there are now, the new ones as they are.

    Raises:
        ValueError: it is of no number of sources up to that.
    """
    sources, odd = divmod(len(colour) - 1 - 2 * bands, 2 * bands)
    if odd or not 0 < sources <= SOURCES:
        raise ValueError(f"{len(colour)} gains")
    new = colour.new_zeros((SOURCES - sources) * bands)
    level, place, rest = torch.split(colour, [sources * bands, sources * bands, 2 * bands + 1])
    return torch.cat((level, new, place, new, rest))


@dataclass
class TonesState(StreamState):
    blocks: list[ConvState]
    total: Tensor
    """Levels and places of the sources so far, by power, fading. Shape: [batch, 2, SOURCES * bands]."""
    weight: Tensor
    """Power so far, fading. Shape: [batch, 1, SOURCES * bands]."""


class Tones(nn.Module):
    """Gains from latents, plan and levels, and their use.

    Shape: latents [batch, steps, latent], roll [batch, steps, ROLL_WIDTH], sources [batch, steps, SOURCES, hop] (MDCT of the
    excitation), noise and spectrum [batch, steps, 2, hop] (mid and side, as coefficients, not companded).
    """

    bands: Tensor
    scale: Tensor
    share: Tensor
    """How much of the decoder is mixed in where there is a plan; training takes all values from 0 to 1."""
    colour: Tensor
    """Added to the gains before they are used: what adapters make of the sound. Shape: [gains_width(bands)]."""

    def __init__(self, config: TonesConfig) -> None:
        super().__init__()
        self.config = config
        self.enter = nn.Linear(config.latent, config.width)
        self.roll = nn.Linear(ROLL_WIDTH, config.width, bias=False)
        self.heard = nn.Linear(HEARD * config.bands, config.width, bias=False)
        self.blocks = nn.ModuleList(CausalConvNeXtBlock(config.width, config.expansion, config.kernel) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width)
        self.leave = nn.Linear(config.width, gains_width(config.bands))
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        with torch.no_grad():
            self.leave.bias[: SOURCES * config.bands] = -3.0
            self.leave.bias[2 * SOURCES * config.bands : (2 * SOURCES + 1) * config.bands] = -7.0
        self.register_buffer("bands", band_matrix(config.bands, config.hop), persistent=False)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("share", torch.ones(()))
        self.register_buffer("colour", torch.zeros(gains_width(config.bands)), persistent=False)
        for name, table in Tables.plain()._asdict().items():
            self.register_buffer(f"timbre_{name}", torch.from_numpy(table).to(torch.float16 if name == "residual" else torch.float32))
        self._orchestra: tuple[tuple[int, ...], Orchestra] | None = None

    def orchestra(self) -> Orchestra:
        """What the excitation is made from; made once for as long as the tables stay the same."""
        tables = [getattr(self, f"timbre_{name}") for name in Tables._fields]
        versions = tuple(table._version for table in tables)
        if self._orchestra is None or self._orchestra[0] != versions:
            self._orchestra = versions, Tables(*(table.detach().float().cpu().numpy() for table in tables)).orchestra()
        return self._orchestra[1]

    def make_state(self, batch: int = 1) -> TonesState:
        total, weight = (torch.zeros(batch, rows, SOURCES * self.config.bands, device=self.bands.device) for rows in (2, 1))
        return TonesState([block.make_state(batch) for block in self.blocks], total, weight)  # type: ignore[operator]

    def dim(self, spectrum: Tensor, roll: Tensor) -> Tensor:
        """The decoder's spectrum as it is mixed in: all of it where no plan is given, else `share`."""
        return spectrum * torch.where(roll[..., -1:, None] > 0, self.share, 1.0)

    def levels(self, spectrum: Tensor, sources: Tensor) -> Tensor:
        """Log power by band, 0 where there is silence. Shape: [batch, steps, HEARD * bands]."""
        share = self.bands / self.bands.sum(dim=1, keepdim=True)
        power = torch.cat((spectrum, sources), dim=-2).square() @ share.T
        return (torch.log(power + FAINT) * PER_NAT - _LOG_FAINT * PER_NAT).flatten(-2)

    def _enter(self, latents: Tensor, roll: Tensor, levels: Tensor) -> Tensor:
        return self.enter(latents * self.scale) + self.roll(roll) + self.heard(levels)  # type: ignore[no-any-return]

    def gains(self, latents: Tensor, roll: Tensor, levels: Tensor) -> Tensor:
        """What `apply_gains` takes. Shape: [batch, steps, gains_width(bands)]."""
        x = self._enter(latents, roll, levels)
        for block in self.blocks:
            x = block(x)
        return self._steady(self.leave(self.norm(x)) + self.colour, levels, None)

    def gains_step(self, latents: Tensor, roll: Tensor, levels: Tensor, state: TonesState) -> Tensor:
        """`gains` of the next steps."""
        x = self._enter(latents, roll, levels)
        for block, block_state in zip(self.blocks, state.blocks, strict=True):
            x = block.step(x, block_state)  # type: ignore[operator]
        return self._steady(self.leave(self.norm(x)) + self.colour, levels, state)

    def _steady(self, gains: Tensor, levels: Tensor, state: TonesState | None) -> Tensor:
        """Levels and places of the sources as their means so far, by the power of the source in the band, `steady_s` long."""
        with torch.autocast(gains.device.type, enabled=False):
            gains, levels = gains.float(), levels.float()
            every = SOURCES * self.config.bands
            level, place, rest = torch.split(gains, [every, every, 2 * self.config.bands + 1], dim=-1)
            power = torch.exp(levels[..., 2 * self.config.bands :] / PER_NAT).unsqueeze(-2)
            total = power * torch.stack((level.clamp(-12.0, LOUDEST), place), dim=-2)
            steps = torch.arange(gains.shape[-2], device=gains.device)
            kept = fading(self.config.steady_s)
            ahead = steps[:, None] - steps
            keeps = torch.where(ahead >= 0, kept ** ahead.clamp(min=0), 0.0)
            total, weight = (torch.einsum("ij,bjkl->bikl", keeps, x) for x in (total, power))
            if state is not None:
                old = (kept ** (steps + 1))[:, None, None]
                total, weight = total + old * state.total[:, None], weight + old * state.weight[:, None]
                state.total.copy_(total[:, -1])
                state.weight.copy_(weight[:, -1])
            return torch.cat(((total / weight).flatten(-2), rest), dim=-1)

    def apply_gains(self, gains: Tensor, spectrum: Tensor, sources: Tensor, noise: Tensor) -> Tensor:
        """The decoder's dimmed spectrum with tones and noise. Shape: as `spectrum`."""
        bands = self.config.bands
        tone, pan, hiss, keep, width = torch.split(gains, [SOURCES * bands, SOURCES * bands, bands, bands, 1], dim=-1)
        shape = (*gains.shape[:-1], SOURCES, bands)
        tone = torch.exp(tone.reshape(shape).clamp(-12.0, LOUDEST))
        side = tone * torch.tanh(pan.reshape(shape))
        hiss = torch.exp(hiss.clamp(-14.0, 0.0)) @ self.bands
        keep = (2.0 * torch.sigmoid(keep)) @ self.bands
        middle_sound = ((tone @ self.bands) * sources).sum(dim=-2)
        side_sound = ((side @ self.bands) * sources).sum(dim=-2)
        middle = spectrum[..., 0, :] * keep + middle_sound + hiss * noise[..., 0, :]
        side = spectrum[..., 1, :] * keep + side_sound + torch.sigmoid(width) * hiss * noise[..., 1, :]
        return torch.stack((middle, side), dim=-2)


def fading(seconds: float) -> float:
    """Share of what went before that is left a frame later."""
    return math.exp(-1.0 / (seconds * FRAME_RATE)) if seconds > 0 else 0.0


_LOG_FAINT = float(torch.log(torch.tensor(FAINT)))


def sources_of(excitation: Tensor, basis: Tensor) -> Tensor:
    """MDCT of an excitation that begins one hop before the first frame.

    Shape: [batch, SOURCES, (steps + 1) * hop], basis [2 * hop, hop] to [batch, steps, SOURCES, hop].
    """
    hop = basis.shape[1]
    batch, sources, samples = excitation.shape
    hops = excitation.view(batch, sources, samples // hop, hop).transpose(1, 2)
    return mdct(hops[:, 1:], hops[:, 0], basis)
