"""Pitch classes straight from sound, for use where no transcriber is installed.

Spectral peaks between 100 Hz and 1.5 kHz, each given to its pitch class; peaks at a multiple of a stronger, lower peak
count less. Tuning 440 Hz. The bass is the fundamental between E1 and G3 whose first harmonics are strongest.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model.metrics.heard import Doubles, Floats, stft_magnitude, to_mono

RATE: Final = 12_000
WINDOW: Final = 4096
HOP: Final = 480
"""40 ms."""
LOWEST_HZ: Final = 100.0
HIGHEST_HZ: Final = 1500.0
BASS: Final = range(28, 56)
"""MIDI pitches that count as bass."""


def chroma(audio: NDArray[Any], rate: int) -> tuple[Doubles, Doubles]:
    """Energy by pitch class over time.

    Args:
        audio: shape [frames] or [frames, channels].
        rate: frames a second.

    Returns:
        times in seconds, shape [steps]; energy, shape [steps, 12].
    """
    magnitude = stft_magnitude(to_mono(audio, rate, RATE), WINDOW, HOP).astype(np.float64)
    steady = _without_strokes(magnitude)
    bins = np.arange(magnitude.shape[1])
    hertz = bins * RATE / WINDOW
    inner = steady[:, 1:-1]
    peak = np.zeros(steady.shape, bool)
    peak[:, 1:-1] = (inner > steady[:, :-2]) & (inner >= steady[:, 2:])
    peak &= (hertz >= LOWEST_HZ) & (hertz <= HIGHEST_HZ)
    floor = np.median(steady[:, (hertz >= LOWEST_HZ) & (hertz <= HIGHEST_HZ)], axis=1, keepdims=True)
    peak &= steady > 4.0 * floor + 1e-7
    steps, places = np.nonzero(peak)
    left, middle, right = (np.log(steady[steps, places + shift] + 1e-12) for shift in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (left - right) / np.where(np.abs(bend) > 1e-9, bend, 1.0), 0.0)
    pitch = 69 + 12 * np.log2((places + np.clip(shift, -0.5, 0.5)) * RATE / WINDOW / 440.0)
    near = np.round(pitch)
    weight = steady[steps, places] * np.exp(-0.5 * ((pitch - near) / 0.25) ** 2)
    weight *= _harmonic_discount(steady, steps, places)
    energy = np.zeros((len(magnitude), 12))
    np.add.at(energy, (steps, near.astype(np.int64) % 12), weight)
    return np.arange(len(magnitude)) * HOP / RATE, energy


def _without_strokes(magnitude: Doubles) -> Doubles:
    """What lasts: each bin no louder than the lesser of itself and its median over five steps. Drums go, notes stay."""
    padded = np.pad(magnitude, ((2, 2), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 5, axis=0)
    return np.minimum(magnitude, np.median(windows, axis=-1))


def _harmonic_discount(magnitude: Doubles, steps: NDArray[np.int64], places: NDArray[np.int64]) -> Doubles:
    """Below 1 for a peak that lies at three or five times a peak at least as strong."""
    out = np.ones(len(steps))
    for multiple in (3, 5):
        lower = np.round(places / multiple).astype(np.int64)
        strongest = np.max([magnitude[steps, np.maximum(lower + d, 0)] for d in (-1, 0, 1)], axis=0)
        out *= np.where(strongest > magnitude[steps, places], 0.3, 1.0)
    return out


def bass_pitches(audio: NDArray[Any], rate: int) -> tuple[Doubles, NDArray[np.int64], Doubles]:
    """The bass note over time.

    Returns:
        times in seconds, MIDI pitches (0 where there is none) and strengths, each of shape [steps].
    """
    magnitude = stft_magnitude(to_mono(audio, rate, RATE), WINDOW, HOP)
    pitches = np.array(BASS)
    salience = np.zeros((len(magnitude), len(pitches)))
    for harmonic, share in ((1, 1.0), (2, 0.8), (3, 0.5), (4, 0.3)):
        places = 440.0 * 2.0 ** ((pitches - 69) / 12) * harmonic * WINDOW / RATE
        salience += share * _at(magnitude, places)
    best = salience.argmax(axis=1)
    strength = salience[np.arange(len(salience)), best]
    silent = strength < 1e-4
    return np.arange(len(magnitude)) * HOP / RATE, np.where(silent, 0, pitches[best]), np.where(silent, 0.0, strength)


def _at(magnitude: Floats, places: Doubles) -> Doubles:
    """Magnitudes between bins, linearly. Shape: [steps, places]."""
    low = np.floor(places).astype(np.int64)
    share = places - low
    return magnitude[:, low] * (1 - share) + magnitude[:, low + 1] * share
