"""Pitch classes as seen from the root of the chord that sounds, so that playing on other charts can be compared."""

from __future__ import annotations

from typing import Final

import numpy as np

from jamd.contract.chord import Family
from model.evaluate.personal.rhythm import LOW_TOP, STREAMS
from model.evaluate.personal.timeline import Timeline
from model.metrics.heard import Doubles, HeardNotes

GROUP: Final[dict[Family, int]] = {
    "major": 0, "augmented": 0, "dominant": 1, "suspended": 1, "minor": 2, "half_diminished": 2, "diminished": 2,
}  # fmt: skip
"""Kinds of chords over which pitch classes are gathered by themselves."""
GROUPS: Final = 3
LONGEST_S: Final = 1.0
"""A longer note counts as this."""
FEWEST: Final = 4.0
"""Seconds of notes over a kind of chord, on either side, below which it is not compared."""


def hear_classes(notes: HeardNotes, timeline: Timeline) -> Doubles | None:
    """Seconds of notes by kind of chord, stream (below E3, from E3 on) and pitch class above the root; None without any.

    Returns:
        Shape [GROUPS, STREAMS, 12].
    """
    out = np.zeros((GROUPS, STREAMS, 12))
    for start, end, chord in timeline.chords:
        inside = notes[(notes["start"] >= start - 0.05) & (notes["start"] < end - 0.05)]
        if chord.root is None or len(inside) == 0:
            continue
        above = (inside["pitch"].astype(np.int64) - chord.root) % 12
        length = np.minimum(inside["end"] - inside["start"], LONGEST_S)
        np.add.at(out[GROUP[chord.family]], ((inside["pitch"] >= LOW_TOP).astype(np.int64), above), length)
    return out if out.any() else None


def jensen_shannon(one: Doubles, two: Doubles) -> float:
    """Divergence of two histograms in bits, 0 to 1 (Lin 1991). Any equal shapes; each has a sum above 0."""
    p, q = one.ravel() / one.sum(), two.ravel() / two.sum()
    middle = (p + q) / 2

    def kullback(x: Doubles) -> float:
        there = x > 0
        return float((x[there] * np.log2(x[there] / middle[there])).sum())

    return max((kullback(p) + kullback(q)) / 2, 0.0)


def class_distance(reference: list[Doubles], clips: list[Doubles]) -> float:
    """Jensen-Shannon divergence by kind of chord, weighted by how much the reference plays over each; nan where nothing compares."""
    one, two = np.sum(reference, axis=0), np.sum(clips, axis=0)
    heavy = np.array([min(one[group].sum(), two[group].sum()) >= FEWEST for group in range(GROUPS)])
    share = np.where(heavy, one.sum(axis=(1, 2)), 0.0)
    if share.sum() == 0:
        return float("nan")
    found = [jensen_shannon(one[group], two[group]) if heavy[group] else 0.0 for group in range(GROUPS)]
    return float(share @ np.array(found) / share.sum())
