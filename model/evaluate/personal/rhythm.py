"""Syncopation and density of what is transcribed.

Syncopation is that of Longuet-Higgins and Lee (1984), "The rhythmic interpretation of monophonic music": a note that is followed by a rest
(or by its own sounding on) at a place of greater metrical weight is syncopated by the difference of the weights. Weights are those of
the levels of the metre: 0 the bar, -1 its half, -2 the other beats (in 3/4 -1), one less the second eighths. As in Witek et al. (2014)
for the instruments of a groove, several streams are judged by themselves and summed: notes below E3 and notes from E3 on. A beat has
two places, itself and its second eighth, which swing moves: what begins from a quarter to 0.85 of the beat on counts as that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.evaluate.personal.timeline import Timeline
from model.metrics.heard import Doubles, HeardNotes

LOW_TOP: Final = 52
"""MIDI pitch from which a note belongs to the upper stream: E3."""
STREAMS: Final = 2
EIGHTH: Final = (0.25, 0.85)
"""Shares of the beat between which a note is on the second eighth."""
WINDOW_S: Final = 2.0
"""Of the stretches whose notes are counted."""


@dataclass(frozen=True)
class Syncopation:
    """Summed differences of weights a bar, by stream and place in the bar. Shape of the places: [STREAMS, 2 * per_bar]."""

    per_bar: int
    places: Doubles

    @property
    def score(self) -> float:
        """Of a bar, all together."""
        return float(self.places.sum())


def weights(per_bar: int) -> NDArray[np.int64]:
    """Metrical weights of the eighths of a bar. Shape: [2 * per_bar]."""
    out = np.full(2 * per_bar, -2 if per_bar == 3 else -3)
    out[::2] = -1 if per_bar == 3 else -2
    if per_bar == 4:
        out[4] = -1
    out[0] = 0
    return out


def syncopation(played: NDArray[np.bool_], per_bar: int) -> Doubles:
    """Of one stream: by place in the bar, a bar.

    Args:
        played: whether a note begins at a place; shape [bars * 2 * per_bar], bar 0 first.
        per_bar: beats of a bar.

    Returns:
        Shape [2 * per_bar].
    """
    width = 2 * per_bar
    weight = np.resize(weights(per_bar), len(played))
    out = np.zeros(width)
    onsets = np.flatnonzero(played)
    for place, following in zip(onsets, np.append(onsets, len(played))[1:], strict=True):
        silent = weight[place + 1 : min(following, place + width)]
        if len(silent):
            out[place % width] += max(int(silent.max() - weight[place]), 0)
    return out / max(len(played) / width, 1.0)


def hear_syncopation(notes: HeardNotes, timeline: Timeline, seconds: float) -> Syncopation | None:
    """Of whole bars of a clip; None where no beat is heard or there is none."""
    if timeline.per_bar == 0:
        return None
    per_bar = timeline.per_bar
    low, high = timeline.beat_at(np.array([0.0, seconds]))
    first, last = int(np.ceil((low - 0.15) / per_bar)), int(np.floor((high + 0.15) / per_bar))
    if last <= first:
        return None
    beat = timeline.beat_at(notes["start"]) - first * per_bar
    share = beat % 1.0
    place = 2 * np.floor(beat).astype(np.int64) + np.where(share < EIGHTH[0], 0, np.where(share < EIGHTH[1], 1, 2))
    upper = notes["pitch"] >= LOW_TOP
    width, bars = 2 * per_bar, last - first
    rows = []
    for stream in (~upper, upper):
        played = np.zeros(bars * width, bool)
        inside = place[stream & (place >= 0) & (place < bars * width)]
        played[inside] = True
        rows.append(syncopation(played, per_bar))
    return Syncopation(per_bar, np.stack(rows))


def _profiles(clips: list[Syncopation]) -> dict[int, Doubles]:
    """Mean places by metre."""
    return {metre: np.mean([one.places for one in clips if one.per_bar == metre], axis=0) for metre in {one.per_bar for one in clips}}


def _shared(reference: list[Syncopation], clips: list[Syncopation]) -> list[tuple[float, Doubles, Doubles]]:
    """(share of the clips, reference's profile, clips' profile) of the metres that both have."""
    one, two = _profiles(reference), _profiles(clips)
    metres = [metre for metre in two if metre in one]
    counts = np.array([sum(clip.per_bar == metre for clip in clips) for metre in metres], float)
    return [(float(n / counts.sum()), one[metre], two[metre]) for n, metre in zip(counts, metres, strict=True)]


def syncopation_distance(reference: list[Syncopation], clips: list[Syncopation]) -> float:
    """Absolute differences of the mean profiles, summed over streams and places; nan where no metre is on both sides."""
    pairs = _shared(reference, clips)
    return float(sum(share * np.abs(a - b).sum() for share, a, b in pairs)) if pairs else float("nan")


def syncopation_correlation(reference: list[Syncopation], clips: list[Syncopation]) -> float:
    """Pearson correlation of the mean profiles over streams and places of the bar; nan where one of them is flat."""
    found = [(share, a.ravel(), b.ravel()) for share, a, b in _shared(reference, clips)]
    found = [(share, a, b) for share, a, b in found if a.std() > 0 and b.std() > 0]
    total = sum(share for share, _, _ in found)
    return sum(share * float(np.corrcoef(a, b)[0, 1]) for share, a, b in found) / total if total else float("nan")


def rates(starts: Doubles, seconds: float) -> Doubles:
    """Notes a second of stretches of WINDOW_S, the last of which ends with the clip. Shape: [n] to [stretches]."""
    count = max(round(seconds / WINDOW_S), 1)
    edges = np.linspace(0.0, seconds, count + 1)
    return np.histogram(starts, edges)[0] / np.diff(edges)


def rate_distance(reference: list[Doubles], clips: list[Doubles]) -> float:
    """First Wasserstein distance of the two distributions of rates, in notes a second."""
    places = np.linspace(0.0, 1.0, 101)
    one, two = (np.quantile(np.concatenate(rows), places) for rows in (reference, clips))
    return float(np.abs(one - two).mean())
