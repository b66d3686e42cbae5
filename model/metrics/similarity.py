"""Form of a plan: at which distance in bars it is most like itself, and how long its phrases are. For comparison with real solos.

Bars are compared as in self-similarity matrices of sound (Foote 1999), but by pitch classes and rhythm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model.metrics.heard import DRUMS, Doubles

SLOTS: Final = 4
"""Rhythm is kept by this many places a beat."""
REST_BEATS: Final = 1.0
"""A longer rest ends a phrase."""


def bar_vectors(notes: NDArray[Any], bars: int, beats_per_bar: int, part: int | None = None) -> Doubles:
    """A vector a bar: pitch classes by sounding beats, and onsets by place; each half has length 1 (or 0 where nothing is).

    Args:
        notes: fields part, pitch, beat, length.
        bars: how many.
        beats_per_bar: beats of a bar.
        part: index in PARTS; None: all, the drums in the rhythm alone.

    Returns:
        Shape [bars, 12 + beats_per_bar * SLOTS].
    """
    own = notes if part is None else notes[notes["part"] == part]
    classes, rhythm = np.zeros((bars, 12)), np.zeros((bars, beats_per_bar * SLOTS))
    slot = np.round(own["beat"] * SLOTS).astype(np.int64)
    width = beats_per_bar * SLOTS
    inside = (slot >= 0) & (slot < bars * width)
    np.add.at(rhythm, (slot[inside] // width, slot[inside] % width), 1.0)
    tuned = inside & (own["part"] != DRUMS)
    np.add.at(classes, (slot[tuned] // width, own["pitch"][tuned].astype(np.int64) % 12), own["length"][tuned])
    return np.hstack([_unit(classes), _unit(rhythm)])


def _unit(rows: Doubles) -> Doubles:
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norm > 0, norm, 1.0))


def self_similarity(vectors: Doubles) -> Doubles:
    """Similarity of each bar with each other, 0 to 1; nan where one of them is empty. Shape: [bars, width] to [bars, bars]."""
    filled = np.asarray(np.abs(vectors).sum(axis=1) > 0)
    rows = _unit(vectors)
    return np.where(filled[:, None] & filled[None, :], rows @ rows.T, np.nan)


@dataclass(frozen=True)
class Lags:
    """Mean similarity by distance in bars."""

    similarity: Doubles
    """Element i is for i bars; 0 is 1 by definition; nan where nothing could be compared. Shape: [lags]."""
    best: int
    """Lag of the highest similarity from 1 on; of equal ones (within 1e-6) the shortest; 0: none."""
    contrast: float
    """Best less the mean over all lags."""


def lags(vectors: Doubles, longest: int = 48, fewest: int = 8) -> Lags:
    """Similarity by lag, up to `longest` bars and as long as `fewest` pairs of bars lie so far apart."""
    matrix = self_similarity(vectors)
    count = max(min(longest, len(vectors) - fewest), 0) + 1
    values = np.full(count, np.nan)
    values[0] = 1.0
    for lag in range(1, count):
        diagonal = np.diagonal(matrix, lag)
        diagonal = diagonal[np.isfinite(diagonal)]
        if len(diagonal) >= fewest:
            values[lag] = float(diagonal.mean())
    known = values[1:][np.isfinite(values[1:])]
    if len(known) == 0:
        return Lags(values, 0, float("nan"))
    best = int(np.nonzero(np.nan_to_num(values[1:], nan=-1.0) >= known.max() - 1e-6)[0][0]) + 1
    return Lags(values, best, float(known.max() - known.mean()))


@dataclass(frozen=True)
class Phrases:
    """Lengths of a line's phrases: notes, shape [phrases]; beats from the first onset to the last end, shape [phrases]."""

    notes: NDArray[np.int64]
    beats: Doubles

    def summary(self) -> dict[str, float]:
        """Number of phrases; median, 10 % and 90 % of notes and beats; nan without a phrase."""
        out = {"phrases": float(len(self.notes))}
        for name, values in (("notes", self.notes), ("beats", self.beats)):
            for key, share in (("low", 10), ("median", 50), ("high", 90)):
                out[f"{name}_{key}"] = float(np.percentile(values, share)) if len(values) else float("nan")
        return out


def phrases(line: NDArray[Any], rest: float = REST_BEATS) -> Phrases:
    """Phrases of a melodic line, split where it rests for more than `rest` beats.

    Args:
        line: fields beat and length in beats; notes may overlap.
        rest: beats.
    """
    own = line[np.argsort(line["beat"], kind="stable")]
    if len(own) == 0:
        return Phrases(np.zeros(0, np.int64), np.zeros(0))
    ends = np.maximum.accumulate(own["beat"] + own["length"])
    cuts = np.nonzero(own["beat"][1:] - ends[:-1] > rest + 1e-9)[0] + 1
    first = np.concatenate([[0], cuts])
    last = np.concatenate([cuts, [len(own)]])
    return Phrases((last - first).astype(np.int64), np.asarray(ends[last - 1] - own["beat"][first], np.float64))


def compare_phrases(one: Sequence[Phrases], two: Sequence[Phrases]) -> dict[str, float]:
    """Kolmogorov-Smirnov distance (0 to 1) of the phrase lengths of two sets of lines, in notes and in beats.

    Raises:
        ValueError: a set has no phrase.
    """
    out = {}
    for name in ("notes", "beats"):
        a, b = (np.sort(np.concatenate([getattr(item, name) for item in items] or [np.zeros(0)])) for items in (one, two))
        if len(a) == 0 or len(b) == 0:
            raise ValueError("a set without phrases cannot be compared")
        grid = np.concatenate([a, b])
        gap = np.searchsorted(a, grid, "right") / len(a) - np.searchsorted(b, grid, "right") / len(b)
        out[name] = float(np.abs(gap).max())
    return out
