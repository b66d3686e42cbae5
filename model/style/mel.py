"""Log-mel spectrogram of the style encoder: mono, and the same at any level of the audio."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from model.codec.losses import mel_filters
from model.style.config import StyleConfig

FLOOR = 1e-10
"""Mel power below which nothing is heard."""
DEPTH = 9.0
"""Natural logarithm of power that is kept below the loudest bands' mean: 39 dB."""


class LogMel(nn.Module):
    """Stereo audio at 48 kHz to the natural logarithm of mel power of the mono mix.

    Shape: [batch, 2, samples] to [batch, frames, bands].
    """

    def __init__(self, config: StyleConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("filters", mel_filters(config.window // 2 + 1, config.bands), persistent=False)
        self.register_buffer("shape", torch.hann_window(config.window), persistent=False)
        self.filters: Tensor
        self.shape: Tensor

    def forward(self, audio: Tensor) -> Tensor:
        config = self.config
        spectrum = torch.stft(audio.mean(dim=1), config.window, config.hop, window=self.shape, center=False, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        return torch.log(power.transpose(1, 2) @ self.filters + FLOOR)


def level_normalise(mel: Tensor) -> Tensor:
    """Log-mel relative to the mean power of the item, floored 39 dB below it, from about -1 to 1; a gain changes nothing.

    Shape: [batch, frames, bands] to the same.
    """
    count = mel.shape[1] * mel.shape[2]
    level = torch.logsumexp(mel.float().flatten(1), dim=1) - math.log(count)
    return ((mel - level[:, None, None]).clamp(min=-DEPTH) + DEPTH / 2) / (DEPTH / 2)


def onset_lags(mel: Tensor, lags: int) -> Tensor:
    """Autocorrelation of the onset strength in three ranges of pitch, lags 1 to `lags` frames, 1 at lag 0: tempo and swing show in it.

    Shape: normalised mel [batch, frames, bands] to [batch, 3 * lags].
    """
    rise = (mel[:, 1:] - mel[:, :-1]).clamp(min=0)
    onsets = torch.stack([chunk.mean(dim=2) for chunk in rise.chunk(3, dim=2)], dim=1)
    onsets = onsets - onsets.mean(dim=2, keepdim=True)
    size = 2 ** math.ceil(math.log2(onsets.shape[2] + lags + 1))
    spectrum = torch.fft.rfft(onsets, size)
    correlation = torch.fft.irfft(spectrum.real.square() + spectrum.imag.square(), size)
    return (correlation[:, :, 1 : lags + 1] / correlation[:, :, :1].clamp(min=1e-6)).flatten(1)
