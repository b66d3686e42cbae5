"""Which feel a band plays, by where drums, bass and piano strike in the bar: the nearest of what known bands do there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.units import PARTS
from model.corpus.notes import Notes

DRUMS: Final = ((35, 36), (38, 40), (37,), (42,), (44,), (46,), (51, 53, 59))
"""Bass drum, snare, cross stick, closed, pedal and open hi-hat, ride. What is left is one more."""
PLACES: Final = 12
"""In a beat: swung and straight eighths fall apart."""

Profile = NDArray[np.float64]
"""Shape: [voices, beats of a bar * PLACES]."""


def profile(notes: Notes, per_bar: int, begin: float, end: float) -> Profile:
    """Square roots of the strokes a bar at each place of the bar, of the beats from `begin` to `end`."""
    drums = PARTS.index("drums")
    out = np.zeros((len(DRUMS) + 1 + 2, per_bar * PLACES))
    taken = notes[(notes["beat"] >= begin - 0.5 / PLACES) & (notes["beat"] < end - 0.5 / PLACES)]
    places = np.round(taken["beat"] * PLACES).astype(int) % (per_bar * PLACES)
    for part, pitch, place in zip(taken["part"], taken["pitch"], places, strict=True):
        if part == drums:
            out[next((index for index, group in enumerate(DRUMS) if pitch in group), len(DRUMS)), place] += 1
        elif part < drums:
            out[len(DRUMS) + 1 + part, place] += 1
    return np.asarray(np.sqrt(out * per_bar / (end - begin)))


def nearest(found: Profile, known: Mapping[str, Sequence[Profile]]) -> str:
    """The feel whose mean profile is nearest (Hellinger, 1909, but for the factor)."""
    return min(known, key=lambda feel: float(np.linalg.norm(found - np.mean(known[feel], axis=0))))
