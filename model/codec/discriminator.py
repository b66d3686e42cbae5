"""Discriminators on log magnitudes at several STFT sizes, band by band, for the adversarial training of the codec.

They look at what regression cannot give: the grain of cymbals, breath and rooms. Frequencies are cut into bands with weights
of their own (cf. Kumar et al. 2023, DAC, multi-band multi-scale STFT discriminator), and time is walked by
one-dimensional convolutions, which a CPU can train too. Hinge loss (Lim and Ye 2017) and feature matching (Larsen et al. 2016).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BandDiscriminator(nn.Module):
    """One STFT size. Shape: audio [batch, samples] to logits [batch, bands, frames] and features."""

    def __init__(self, size: int, bands: int = 8, channels: int = 32) -> None:
        super().__init__()
        self.size, self.bands = size, bands
        bins = size // 2
        edges = [round(bins * (math.exp(3.0 * i / bands) - 1) / (math.exp(3.0) - 1)) for i in range(bands + 1)]
        self.edges = [max(edge, i * 4) for i, edge in enumerate(edges)]
        self.enter = nn.ModuleList(nn.Conv1d(high - low, channels, 3, padding=1) for low, high in zip(self.edges, self.edges[1:]))  # noqa: B905
        width = bands * channels
        self.middle = nn.ModuleList(nn.Conv1d(width, width, 5, padding=2 * d, dilation=d, groups=bands) for d in (1, 2, 4))
        self.leave = nn.Conv1d(width, bands, 3, padding=1, groups=bands)
        self.register_buffer("window", torch.hann_window(size), persistent=False)

    def forward(self, audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        spectrum = torch.stft(audio, self.size, self.size // 2, window=self.window, center=False, return_complex=True)  # type: ignore[arg-type]
        power = spectrum.real.square() + spectrum.imag.square()
        x = 0.25 * torch.log(power * (4.0 / self.size) + 1e-7) + 1.5
        x = torch.cat([enter(x[:, low:high]) for enter, low, high in zip(self.enter, self.edges, self.edges[1:])], dim=1)  # noqa: B905
        features = [x]
        for layer in self.middle:
            x = x + layer(F.leaky_relu(x, 0.2))
            features.append(x)
        return self.leave(F.leaky_relu(x, 0.2)), features


class Discriminator(nn.Module):
    """All sizes, on one random direction between left and right (the same for true and made audio)."""

    def __init__(self, sizes: tuple[int, ...] = (512, 2048)) -> None:
        super().__init__()
        self.parts = nn.ModuleList(BandDiscriminator(size) for size in sizes)

    def forward(self, audio: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        return [part(audio) for part in self.parts]

    def loss(self, true: Tensor, made: Tensor) -> Tensor:
        """Hinge loss of the discriminator. Shape: [batch, samples] twice."""
        total = true.new_zeros(())
        for (t, _), (m, _) in zip(self(true), self(made.detach()), strict=True):
            total = total + F.relu(1 - t).mean() + F.relu(1 + m).mean()
        return total / len(self.parts)

    def judge(self, true: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
        """What the codec is to make small: (adversarial, feature matching)."""
        adversarial = matching = true.new_zeros(())
        with torch.no_grad():
            known = self(true)
        for (_, wanted), (logits, features) in zip(known, self(made), strict=True):
            adversarial = adversarial - logits.mean()
            for a, b in zip(features, wanted, strict=True):
                matching = matching + (a - b).abs().mean() / b.abs().mean().clamp(min=1e-3)
        n = len(self.parts)
        return adversarial / n, matching / (n * 4)


def one_direction(audio: Tensor, angle: Tensor) -> Tensor:
    """Mix stereo to one channel along an angle. Shape: [batch, 2, samples], [batch] to [batch, samples]."""
    return audio[:, 0] * angle.cos()[:, None] + audio[:, 1] * angle.sin()[:, None]
