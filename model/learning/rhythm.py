"""Tempo and beats, heard without being told.

Onset strength in three bands; tempo by a comb on their autocorrelations whose weights were fitted on the corpus (`fit.py`); beats by
dynamic programming (Ellis 2007, Beat Tracking by Dynamic Programming); metre and downbeat by what falls on which half of which beat:
onsets of each band and changes of harmony. Probabilities come with everything, so that what is unsure can be left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model.learning.fitted import RHYTHM
from model.metrics.distances import mel_filters
from model.metrics.heard import Doubles, Floats, stft_magnitude, to_mono
from model.metrics.tempo import refine_tempo

RATE: Final = 24_000
WINDOW: Final = 1024
HOP: Final = 120
BANDS: Final = 40
FPS: Final = RATE / HOP
EDGES: Final = (160.0, 1600.0)
"""Hertz between the three bands."""
TEMPOS: Final = 48.0 * 2.0 ** (np.arange(0, 132) / 48)
"""Candidates, 48 to an octave, 48 to 318."""
MULTIPLES: Final = (1 / 4, 1 / 3, 1 / 2, 0.6, 2 / 3, 3 / 4, 1, 4 / 3, 3 / 2, 2, 3, 4, 6, 8)
TIGHTNESS: Final = 400.0
"""How dear it is for a beat to come early or late."""
HALVES: Final = {4: 8, 3: 6}
"""Halves of beats in a bar, by its beats."""
ACCENTS: Final = 4
"""Three bands of onsets and the change of harmony."""


def band_levels(audio: NDArray[Any], rate: int) -> Floats:
    """Magnitudes in BANDS bands on the mel scale. Step i is at i / FPS seconds. Shape: [steps, BANDS].

    Args:
        audio: shape [frames] or [frames, channels].
        rate: frames a second.
    """
    return (stft_magnitude(to_mono(audio, rate, RATE), WINDOW, HOP) @ _filters().T).astype(np.float32)


def flux(levels: Floats) -> Doubles:
    """Onset strength: low, middle, high. Shape: [steps, BANDS] to [steps, 3]."""
    logs = np.log1p(2000.0 * levels)
    lag = 3
    rise = np.zeros_like(logs)
    rise[lag:] = np.maximum(logs[lag:] - np.maximum(logs[:-lag], logs[1 : 1 - lag]), 0.0)
    low, high = (int(x) for x in np.searchsorted(_centres(), EDGES))
    bands = np.stack([rise[:, :low].sum(axis=1), rise[:, low:high].sum(axis=1), rise[:, high:].sum(axis=1)], axis=1)
    return bands.astype(np.float64) / np.maximum(np.percentile(bands, 99, axis=0), 1.0)  # type: ignore[no-any-return]


@cache
def _filters() -> Doubles:
    return mel_filters(RATE, WINDOW, BANDS, 30.0, 11_000.0)


@cache
def _centres() -> Doubles:
    filters = _filters()
    return (filters @ (np.arange(filters.shape[1]) * RATE / WINDOW)) / np.maximum(filters.sum(axis=1), 1e-9)  # type: ignore[no-any-return]


# --- tempo -----------------------------------------------------------------------------------------------------------


def autocorrelation(curve: Doubles) -> Doubles:
    """Without bias, 1 at lag 0, up to 12 s or two thirds of the length. Shape: [steps] to [lags]."""
    curve = curve - curve.mean()
    size = 1 << (2 * len(curve) - 1).bit_length()
    spectrum = np.fft.rfft(curve, size)
    full = np.fft.irfft(np.abs(spectrum) ** 2, size)[: min(len(curve) * 2 // 3, int(12 * FPS))]
    full /= len(curve) - np.arange(len(full))
    return full / max(full[0], 1e-12) if len(full) else full  # type: ignore[no-any-return]


def tempo_features(bands: Doubles) -> Doubles:
    """What speaks for each candidate of TEMPOS. Shape: [steps, 3] to [candidates, features]."""
    columns = []
    lags = 60.0 / TEMPOS * FPS
    for curve in (*bands.T, bands.sum(axis=1)):
        correlation = autocorrelation(curve)
        correlation = np.convolve(correlation, np.array([0.25, 0.5, 0.25]), mode="same")
        places = np.arange(len(correlation))
        for multiple in MULTIPLES:
            near = [np.interp(lags * multiple * bend, places, correlation, right=0.0) for bend in (0.99, 1.0, 1.01)]
            columns.append(np.max(near, axis=0))
    octave = np.log2(TEMPOS / 140.0)
    return np.stack([*columns, octave, octave**2, octave**3], axis=1)


@dataclass(frozen=True)
class Tempo:
    """Beats a minute, 0 where nothing is heard; `sure` is the probability given to it."""

    tempo: float
    sure: float


def hear_tempo(bands: Doubles) -> Tempo:
    """The likeliest tempo of a stretch. Shape: [steps, 3]."""
    if len(bands) < 4 * FPS or bands.max(initial=0.0) <= 0:
        return Tempo(0.0, 0.0)
    score = tempo_features(bands) @ np.array(RHYTHM["tempo"])
    share = np.exp(score - score.max())
    share /= share.sum()
    best = int(share.argmax())
    near = np.abs(np.log2(TEMPOS / TEMPOS[best])) < 2.5 / 48
    return Tempo(refine_tempo(bands.sum(axis=1), FPS, float(TEMPOS[best]), 0.025), float(share[near].sum()))


# --- beats -----------------------------------------------------------------------------------------------------------


def track_beats(activation: Doubles, tempo: float) -> Doubles:
    """Times of beats in seconds, at about a tempo. Shape: [steps] to [beats]."""
    period = 60.0 / tempo * FPS
    steps = len(activation)
    spread = max(round(period / 24), 1)
    kernel = np.exp(-0.5 * (np.arange(-3 * spread, 3 * spread + 1) / spread) ** 2)
    local = np.convolve(activation / max(float(activation.std()), 1e-9), kernel, mode="same")
    back = np.arange(-round(2 * period), -round(period / 2) + 1)
    cost = -TIGHTNESS * np.log(-back / period) ** 2
    score, link = local.copy(), np.full(steps, -1)
    for step in range(-int(back[-1]), steps):
        low = max(step + int(back[0]), 0)
        window = score[low : step + int(back[-1]) + 1] + cost[len(back) - (step + int(back[-1]) + 1 - low) :]
        best = int(window.argmax())
        if window[best] > 0:
            score[step] = local[step] + window[best]
            link[step] = low + best
    tail = score[max(steps - round(period), 0) :]
    if len(tail) == 0:
        return np.zeros(0)
    place = max(steps - round(period), 0) + int(tail.argmax())
    found = []
    while place >= 0:
        found.append(place)
        place = int(link[place])
    return np.array(found[::-1], np.float64) / FPS


# --- bars ------------------------------------------------------------------------------------------------------------


def accents(bands: Doubles, beats: Doubles, novelty: Doubles) -> Doubles:
    """What falls on each half beat, standardised. Shape: [steps, 3], [beats], [2 * beats] to [2 * beats, ACCENTS]."""
    halves = half_beats(beats)
    out = np.zeros((len(halves), ACCENTS))
    for index, time in enumerate(halves):
        reach = (0.05, 0.05) if index % 2 == 0 else (0.04, 0.28 * _period(beats))  # a swung eighth comes late
        low, high = max(int((time - reach[0]) * FPS), 0), int((time + reach[1]) * FPS) + 1
        if low < len(bands):
            out[index, :3] = bands[low:high].max(axis=0, initial=0.0)
    out[:, 3] = novelty[: len(out)]
    return (out - out.mean(axis=0)) / np.maximum(out.std(axis=0), 1e-6)  # type: ignore[no-any-return]


def _period(beats: Doubles) -> float:
    return float(np.median(np.diff(beats))) if len(beats) > 1 else 0.5


def half_beats(beats: Doubles) -> Doubles:
    """Beats and the middles after them. Shape: [beats] to [2 * beats]."""
    after = np.append(beats[1:], beats[-1] + _period(beats)) if len(beats) else beats
    return np.stack([beats, (beats + after) / 2], axis=1).reshape(-1)


def bar_features(values: Doubles, per_bar: int) -> Doubles:
    """Mean accents by place in the bar. Shape: [halves, ACCENTS] to [HALVES[per_bar], ACCENTS]."""
    size = HALVES[per_bar]
    return np.stack([values[place::size].mean(axis=0) if len(values[place::size]) else np.zeros(ACCENTS) for place in range(size)])


def bar_hypotheses(values: Doubles) -> tuple[list[tuple[int, int]], Doubles]:
    """(beats a bar, half beats to the first downbeat) and the features of each. Shape of them: [14, features]."""
    names, rows = [], []
    width4, width3 = HALVES[4] * ACCENTS, HALVES[3] * ACCENTS
    for per_bar, offset, width in ((4, 0, width4), (3, width4, width3)):
        table = bar_features(values, per_bar)
        for shift in range(HALVES[per_bar]):
            row = np.zeros(width4 + width3 + 2)
            row[offset : offset + width] = np.roll(table, -shift, axis=0).reshape(-1)
            row[-2] = per_bar == 3
            row[-1] = shift % 2
            names.append((per_bar, shift))
            rows.append(row)
    return names, np.stack(rows)


@dataclass(frozen=True)
class Bars:
    """Beats in a bar, half beats from the first tracked beat to the first downbeat, and how probable that is.

    `on_beat` is the probability that the tracked beats are the beats, not the halves between.
    """

    per_bar: int
    shift: int
    sure: float
    on_beat: float


def hear_bars(values: Doubles) -> Bars:
    """The likeliest metre and downbeat from accents. Shape: [halves, ACCENTS]."""
    if len(values) < 16:
        return Bars(4, 0, 0.0, 0.5)
    names, rows = bar_hypotheses(values)
    score = rows @ np.array(RHYTHM["bars"]) * min(len(values) / 64.0, 1.0)  # a short stretch tells less
    share = np.exp(score - score.max())
    share /= share.sum()
    best = int(share.argmax())
    on_beat = sum(float(p) for (_, shift), p in zip(names, share, strict=True) if shift % 2 == 0)
    return Bars(*names[best], float(share[best]), on_beat)
