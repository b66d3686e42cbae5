"""Distances between two sounds, for the codec: log-mel, multi-resolution STFT, SI-SDR. numpy only."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model.metrics.heard import Doubles, Floats, stft_magnitude

RESOLUTIONS: Final = ((512, 128), (1024, 256), (2048, 512), (4096, 1024))
"""(window, hop) in frames."""
MELS: Final = 80
FLOOR: Final = 1e-5


def _channels(reference: NDArray[Any], estimate: NDArray[Any]) -> list[tuple[Floats, Floats]]:
    """Pairs of channels. Raises ValueError where shapes differ or nothing is there."""
    one, two = np.asarray(reference, np.float32), np.asarray(estimate, np.float32)
    if one.shape != two.shape or one.ndim not in (1, 2) or one.size == 0:
        raise ValueError(f"sounds of shapes {one.shape} and {two.shape} cannot be compared")
    one, two = np.atleast_2d(one.T), np.atleast_2d(two.T)
    return list(zip(one, two, strict=True))


@cache
def mel_filters(rate: int, window: int, count: int = MELS, low: float = 30.0, high: float = 20_000.0) -> Doubles:
    """Triangular filters on the mel scale, each with area 1. Shape: [count, window // 2 + 1]."""

    def mel(hertz: Any) -> Any:
        return 2595.0 * np.log10(1.0 + np.asarray(hertz) / 700.0)

    edges = 700.0 * (10.0 ** (np.linspace(mel(low), mel(min(high, rate / 2)), count + 2) / 2595.0) - 1.0)
    hertz = np.arange(window // 2 + 1) * rate / window
    rising = (hertz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - hertz) / np.diff(edges)[1:, None]
    filters = np.maximum(np.minimum(rising, falling), 0.0)
    area = filters.sum(axis=1, keepdims=True)
    return filters / np.where(area > 0, area, 1.0)


def log_mel(mono: Floats, rate: int, window: int = 2048, hop: int = 512) -> Doubles:
    """Natural logarithm of mel magnitudes. Shape: [steps, MELS]."""
    return np.log(np.maximum(stft_magnitude(mono, window, hop) @ mel_filters(rate, window).T, FLOOR))


def log_mel_l1(reference: NDArray[Any], estimate: NDArray[Any], rate: int) -> float:
    """Mean absolute difference of log-mel spectrograms (natural logarithm), over channels.

    Args:
        reference: shape [frames] or [frames, channels]; `estimate` the same.
    """
    pairs = _channels(reference, estimate)
    return float(np.mean([np.abs(log_mel(a, rate) - log_mel(b, rate)).mean() for a, b in pairs]))


def multi_resolution_stft(reference: NDArray[Any], estimate: NDArray[Any]) -> float:
    """Spectral convergence plus log-magnitude L1, averaged over four resolutions (Yamamoto et al. 2020), over channels."""
    out = []
    for one, two in _channels(reference, estimate):
        for window, hop in RESOLUTIONS:
            a, b = stft_magnitude(one, window, hop), stft_magnitude(two, window, hop)
            norm = float(np.linalg.norm(a))
            convergence = float(np.linalg.norm(a - b)) / max(norm, FLOOR)
            logs = np.abs(np.log(np.maximum(a, FLOOR)) - np.log(np.maximum(b, FLOOR))).mean()
            out.append(convergence + float(logs))
    return float(np.mean(out))


def si_sdr(reference: NDArray[Any], estimate: NDArray[Any]) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019), over all channels together.

    Means are taken off. Silence against silence is nan; a perfect copy is inf.
    """
    pairs = _channels(reference, estimate)
    one = np.concatenate([(a - a.mean()).astype(np.float64) for a, _ in pairs])
    two = np.concatenate([(b - b.mean()).astype(np.float64) for _, b in pairs])
    power = float(one @ one)
    if power == 0.0:
        return float("nan")
    target = float(one @ two) / power * one
    return _decibels(float(target @ target), float(((two - target) ** 2).sum()))


def sdr(reference: NDArray[Any], estimate: NDArray[Any]) -> float:
    """Signal-to-distortion ratio in dB, the level counting too, over all channels together."""
    pairs = _channels(reference, estimate)
    one = np.concatenate([a.astype(np.float64) for a, _ in pairs])
    two = np.concatenate([b.astype(np.float64) for _, b in pairs])
    return _decibels(float(one @ one), float(((one - two) ** 2).sum()))


def _decibels(signal: float, noise: float) -> float:
    if signal == 0.0 and noise == 0.0:
        return float("nan")
    if noise == 0.0:
        return float("inf")
    return float(10.0 * np.log10(max(signal, 1e-30) / noise))
