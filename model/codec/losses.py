"""What the codec is trained on: companded spectrum, multi-resolution STFT (Yamamoto et al. 2020) and log-mel distance."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jamd.contract.units import SAMPLE_RATE


def mel_filters(bins: int, bands: int, rate: int = SAMPLE_RATE) -> Tensor:
    """Triangular mel filters (HTK scale), each of unit sum. Shape: [bins, bands]."""

    def mel(hz: float) -> float:
        return 2595.0 * math.log10(1.0 + hz / 700.0)

    edges = torch.linspace(mel(20.0), mel(rate / 2), bands + 2, dtype=torch.float64)
    hz = 700.0 * (10.0 ** (edges / 2595.0) - 1.0)
    frequency = torch.linspace(0, rate / 2, bins, dtype=torch.float64)[:, None]
    rise = (frequency - hz[:-2]) / (hz[1:-1] - hz[:-2])
    fall = (hz[2:] - frequency) / (hz[2:] - hz[1:-1])
    weight = torch.minimum(rise, fall).clamp(min=0)
    return (weight / weight.sum(dim=0).clamp(min=1e-9)).float()


class SpectralLoss(nn.Module):
    """Spectral convergence and log magnitude over several STFT sizes, and log-mel L1 over two.

    Each item is compared in one random direction between left and right, drawn anew each time: half the cost of
    both channels, the same expectation over directions. Frames overlap by half. Log-mels end at `floor`, the amplitude of a sine at
    -100 dB: what is softer than that is silence, however soft.

    Shape: audio [batch, 2, samples] twice; returns (stft, mel) scalars.
    """

    def __init__(
        self, sizes: tuple[int, ...] = (256, 1024, 4096), mels: tuple[tuple[int, int], ...] = ((512, 48), (2048, 96)), floor: float = 1e-5
    ) -> None:
        super().__init__()
        self.sizes, self.mels, self.floor = sizes, mels, floor
        for size in sorted({*sizes, *(size for size, _ in mels)}):
            self.register_buffer(f"window{size}", torch.hann_window(size), persistent=False)
        for size, bands in mels:
            self.register_buffer(f"filters{size}", mel_filters(size // 2 + 1, bands), persistent=False)

    def _magnitude(self, audio: Tensor, size: int) -> Tensor:
        """Shape: [batch, samples] to [batch, bins, frames]."""
        spectrum = torch.stft(audio, size, size // 2, window=getattr(self, f"window{size}"), center=False, return_complex=True)
        return torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-9)

    def _log_mel(self, audio: Tensor, size: int) -> Tensor:
        """Shape: [batch, samples] to [batch, frames, bands]."""
        filters: Tensor = getattr(self, f"filters{size}")
        return (self._magnitude(audio, size).transpose(1, 2) @ filters * (4.0 / size)).clamp(min=self.floor).log()

    def forward(self, estimate: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        angle = torch.rand(len(target), 1, 1, device=target.device) * math.pi
        direction = torch.cat((angle.cos(), angle.sin()), dim=1)
        a, b = (estimate * direction).sum(dim=1), (target * direction).sum(dim=1)
        stft = a.new_zeros(())
        mel = a.new_zeros(())
        for size in self.sizes:
            x = self._magnitude(a, size)
            with torch.no_grad():
                y = self._magnitude(b, size)
            convergence = torch.linalg.vector_norm(y - x) / torch.linalg.vector_norm(y).clamp(min=1e-3)
            stft = stft + convergence + F.l1_loss(torch.log(x + 1e-3), torch.log(y + 1e-3))
        for size, _ in self.mels:
            with torch.no_grad():
                wanted = self._log_mel(b, size)
            mel = mel + F.l1_loss(self._log_mel(a, size), wanted)
        return stft / len(self.sizes), mel / len(self.mels)


class MixLoss(nn.Module):
    """Log power in mel bands over several STFT sizes, L1, and how far the loud bands are off, for sounds whose phase is nobody's choice.

    Power is summed up in a band before it is compared, so that noise is asked for its level, not for its grain, and the level that is
    best is the true one; the long window parts the partials of notes. Items are compared in one random direction between left and
    right, as in `SpectralLoss`.

    Shape: audio [batch, 2, samples] twice; returns (level, convergence) scalars.
    """

    def __init__(self, sizes: tuple[tuple[int, int], ...] = ((512, 40), (1024, 80), (2048, 160), (8192, 320)), floor: float = 1e-9) -> None:
        super().__init__()
        self.sizes, self.floor = sizes, floor
        for size, bands in sizes:
            self.register_buffer(f"window{size}", torch.hann_window(size), persistent=False)
            self.register_buffer(f"filters{size}", mel_filters(size // 2 + 1, bands), persistent=False)

    def _power(self, audio: Tensor, size: int) -> Tensor:
        """Shape: [batch, samples] to [batch, frames, bands]."""
        window: Tensor = getattr(self, f"window{size}")
        spectrum = torch.stft(audio, size, size // 2, window=window, center=False, return_complex=True)
        power = (spectrum.real.square() + spectrum.imag.square()) / window.square().sum()
        return power.transpose(1, 2) @ getattr(self, f"filters{size}")  # type: ignore[no-any-return]

    def forward(self, estimate: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        angle = torch.rand(len(target), 1, 1, device=target.device) * math.pi
        direction = torch.cat((angle.cos(), angle.sin()), dim=1)
        a, b = (estimate * direction).sum(dim=1), (target * direction).sum(dim=1)
        level, convergence = a.new_zeros(()), a.new_zeros(())
        for size, _ in self.sizes:
            x = self._power(a, size) + self.floor
            with torch.no_grad():
                y = self._power(b, size) + self.floor
            level = level + 0.5 * F.l1_loss(torch.log(x), torch.log(y))
            loud = torch.linalg.vector_norm(y.sqrt(), dim=(1, 2))
            convergence = convergence + (torch.linalg.vector_norm(x.sqrt() - y.sqrt(), dim=(1, 2)) / loud.clamp(min=1e-2)).mean()
        return level / len(self.sizes), convergence / len(self.sizes)
