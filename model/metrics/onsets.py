"""Onset strength and onset times, from sound."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model.metrics.distances import mel_filters
from model.metrics.heard import Doubles, stft_magnitude, to_mono

RATE: Final = 24_000
WINDOW: Final = 1024
HOP: Final = 120
FPS: Final = RATE / HOP
"""Steps a second: 200."""


def onset_strength(audio: NDArray[Any], rate: int) -> Doubles:
    """Spectral flux: how much louder each mel band gets, summed. Step i is at i / FPS seconds.

    Args:
        audio: shape [frames] or [frames, channels].
        rate: frames a second.

    Returns:
        Shape [steps], from 0, scaled to a median-free maximum of about 1.
    """
    magnitude = stft_magnitude(to_mono(audio, rate, RATE), WINDOW, HOP)
    bands = np.log1p(2000.0 * (magnitude @ mel_filters(RATE, WINDOW, 40, 30.0, 11_000.0).T))
    lag = 3
    rise = np.zeros(len(bands))
    rise[lag:] = np.maximum(bands[lag:] - np.maximum(bands[:-lag], bands[1 : 1 - lag]), 0.0).sum(axis=1)
    top = np.percentile(rise, 99.5) if len(rise) else 0.0
    return rise / top if top > 1e-6 else np.zeros_like(rise)


def onset_times(strength: Doubles, threshold: float = 0.12, gap_s: float = 0.05) -> Doubles:
    """Times in seconds of the peaks of onset strength, each refined between steps. Shape: [onsets]."""
    if len(strength) < 3:
        return np.zeros(0)
    reach = int(0.4 * FPS)
    local = np.convolve(np.pad(strength, reach, mode="edge"), np.full(2 * reach + 1, 1 / (2 * reach + 1)), mode="valid")
    inner = strength[1:-1]
    peak = (inner > strength[:-2]) & (inner >= strength[2:]) & (inner > threshold + local[1:-1])
    places = np.nonzero(peak)[0] + 1
    kept: list[int] = []
    for place in places[np.argsort(-strength[places], kind="stable")]:
        if all(abs(place - other) > gap_s * FPS for other in kept):
            kept.append(int(place))
    best = np.array(sorted(kept), np.int64)
    if len(best) == 0:
        return np.zeros(0)
    left, middle, right = strength[best - 1], strength[best], strength[best + 1]
    bend = left - 2 * middle + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, -1.0), 0.0)
    return (best + np.clip(shift, -0.5, 0.5)) / FPS
