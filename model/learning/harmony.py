"""Chords, heard without being told.

Chroma and bass of every half bar, laid on the root, are scored for each kind of chord by weights that were fitted on the corpus
(`fit.py`; one set of weights serves all twelve roots), then smoothed over time by a hidden Markov model whose posteriors say how
sure each chord is (after Sheh and Ellis 2003; Mauch and Dixon 2010 for the bass beside the chroma).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from jamd.contract.chord import Chord, parse_chord
from model.learning.fitted import HARMONY
from model.metrics.chroma import HOP, RATE, bass_pitches, chroma
from model.metrics.heard import Doubles

FPS: Final = RATE / HOP
FAMILIES: Final = ("major", "minor", "dominant", "half_diminished", "diminished", "suspended")
"""Kinds of chords that are told apart; augmented ones are too rare in the corpus to be learnt."""
SYMBOLS: Final = ("maj7", "m7", "7", "m7b5", "dim7", "7sus4")
"""What each kind is written as."""
TONES: Final = 36
"""Chroma, bass, and bass at the start of the cell, each by pitch class."""
STAY: Final = (0.27, 0.75)
"""Probability that a chord goes on over a bar line, and inside a bar."""
_NAMES: Final = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MAJOR: Final = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR: Final = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""Krumhansl and Kessler 1982."""


@dataclass(frozen=True)
class Pitches:
    """Energy by pitch class over time, FPS steps a second; each of shape [steps, 12]."""

    chroma: Doubles
    bass: Doubles

    @property
    def present(self) -> bool:
        """Whether anything with a pitch sounds."""
        return bool(self.chroma.max(initial=0.0) > 1e-4)


def hear_pitches(audio: NDArray[Any], rate: int) -> Pitches:
    """Shape of the audio: [frames] or [frames, channels]."""
    _, energy = chroma(audio, rate)
    _, pitches, strength = bass_pitches(audio, rate)
    bass = np.zeros_like(energy)
    bass[np.arange(len(bass)), pitches[: len(bass)] % 12] = strength[: len(bass)]
    return Pitches(energy, bass)


def novelty(pitches: Pitches, times: Doubles, span_s: float) -> Doubles:
    """How different the harmony is after each time from before: 0 the same, 1 nothing in common. Shape: [times]."""
    out = np.zeros(len(times))
    both = np.sqrt(np.hstack([pitches.chroma, pitches.bass]))
    for index, time in enumerate(times):
        place, span = round(time * FPS), max(round(span_s * FPS), 1)
        before, after = both[max(place - span, 0) : max(place, 0)], both[max(place, 0) : place + span]
        if len(before) and len(after):
            a, b = before.mean(axis=0), after.mean(axis=0)
            out[index] = 1.0 - float(a @ b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9)
    return out


def cells(pitches: Pitches, edges: Doubles) -> Doubles:
    """What sounds between one edge and the next, in seconds. Shape: [edges] to [edges - 1, TONES]."""
    out = np.zeros((max(len(edges) - 1, 0), TONES))
    for index in range(len(out)):
        low = int(np.clip(round(edges[index] * FPS), 0, max(len(pitches.chroma) - 1, 0)))
        high = max(round(edges[index + 1] * FPS), low + 1)
        half = low + max((high - low) // 2, 1)
        parts = (pitches.chroma[low:high], pitches.bass[low:high], pitches.bass[low:half])
        for place, part in enumerate(parts):
            value = np.sqrt(part.mean(axis=0)) if len(part) else np.zeros(12)
            out[index, 12 * place : 12 * place + 12] = value / max(float(np.linalg.norm(value)), 1e-6)
    return out


def rotated(values: Doubles) -> Doubles:
    """Cells as seen from each root. Shape: [cells, TONES] to [cells, 12, TONES]."""
    parts = values.reshape(-1, TONES // 12, 12)
    return np.stack([np.roll(parts, -root, axis=2).reshape(-1, TONES) for root in range(12)], axis=1)


def chord_scores(values: Doubles) -> Doubles:
    """Logarithms of likelihoods, up to a constant. Shape: [cells, TONES] to [cells, 12 * families], by root, then family."""
    scores = rotated(values) @ np.array(HARMONY["weights"]).T + np.array(HARMONY["bias"])
    return scores.reshape(len(values), -1) * float(np.ravel(HARMONY["scale"])[0])  # type: ignore[no-any-return]


@cache
def _changes() -> Doubles:
    """Probability of each chord after another one. Shape: [chords, chords], rows sum to 1, the diagonal is 0."""
    table = np.array(HARMONY["changes"]).reshape(len(FAMILIES), 12, len(FAMILIES))
    out = np.zeros((12, len(FAMILIES), 12, len(FAMILIES)))
    for root in range(12):
        for interval in range(12):
            out[root, :, (root + interval) % 12] = table[:, interval]
    flat = out.reshape(12 * len(FAMILIES), -1)
    np.fill_diagonal(flat, 0.0)
    return flat / flat.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def posteriors(scores: Doubles, first_in_bar: NDArray[np.bool_]) -> Doubles:
    """Probability of every chord in every cell, its neighbours heard. Shape: [cells, chords]; [cells] to [cells, chords]."""
    count, chords = scores.shape
    if count == 0:
        return np.zeros((0, chords))
    steps = [np.log(stay * np.eye(chords) + (1 - stay) * _changes() + 1e-12) for stay in STAY]
    forward, backward = np.zeros((count, chords)), np.zeros((count, chords))
    forward[0] = scores[0]
    for index in range(1, count):
        move = steps[0 if first_in_bar[index] else 1]
        forward[index] = scores[index] + logsumexp(forward[index - 1][:, None] + move, axis=0)
    for index in range(count - 2, -1, -1):
        move = steps[0 if first_in_bar[index + 1] else 1]
        backward[index] = logsumexp(move + (scores[index + 1] + backward[index + 1])[None], axis=1)
    joint = forward + backward
    return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class HeardChord:
    """A chord of a cell; `root_sure` and `sure` are the probabilities of its root, and of root and kind."""

    chord: Chord
    root_sure: float
    sure: float


def hear_chords(values: Doubles, first_in_bar: NDArray[np.bool_]) -> list[HeardChord]:
    """The likeliest chord of each cell. Shape: [cells, TONES], [cells]."""
    share = posteriors(chord_scores(values), first_in_bar).reshape(-1, 12, len(FAMILIES))
    out = []
    for table in share:
        root = int(table.sum(axis=1).argmax())
        family = int(table[root].argmax())
        chord = parse_chord(_NAMES[root] + SYMBOLS[family])
        out.append(HeardChord(chord, float(table[root].sum()), float(table[root, family])))
    return out


def hear_key(pitches: Pitches) -> tuple[str, float]:
    """Key of a stretch and how far it stands out from the next best, by the profiles of Krumhansl and Kessler: a hint for people."""
    total = np.sqrt(pitches.chroma).sum(axis=0)
    if total.max(initial=0.0) <= 0:
        return "", 0.0
    found = []
    for mode, profile in (("major", _MAJOR), ("minor", _MINOR)):
        for root in range(12):
            found.append((float(np.corrcoef(total, np.roll(profile, root))[0, 1]), f"{_NAMES[root]} {mode}"))
    found.sort(reverse=True)
    return found[0][1], found[0][0] - found[1][0]
