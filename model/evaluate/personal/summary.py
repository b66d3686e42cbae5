"""One number: how much of the base's distance to the player is left.

By term: what is above the floor, which is the player another time, as a share of what is above it for the base. Where the base is hardly
above the floor, the spread of the floor takes its place, so that noise is no gain but harm still counts. The distance is the mean over
the terms, the base's being 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from model.evaluate.personal.draws import Estimate
from model.metrics.heard import Doubles

TERMS: Final = (
    "FAD, musicnn",
    "FAD, style encoder",
    "audio feature distance",
    "mel spectral distance",
    "syncopation distance",
    "note density distance",
    "pitch class distance",
)
"""Distances that put two pairs of players in three or more in the right order (docs/evaluation.md); that of onset density does not."""


def terms_of(measured: Mapping[str, float]) -> list[str]:
    """Terms that could be measured."""
    return [name for name in TERMS if np.isfinite(measured.get(name, float("nan")))]


def scales_of(base: Mapping[str, float], floors: Mapping[str, Estimate], terms: Sequence[str]) -> dict[str, float]:
    """What counts as 1 in each term: the base above the floor, half the floor's own spread, or a tenth of the floor, whichever is most.

    A term in which all of these are 0 is left out.
    """
    out = {}
    for name in terms:
        floor = floors[name]
        scale = max(base[name] - floor.value, floor.high - floor.value, 0.1 * floor.value)
        if scale > 1e-9:
            out[name] = scale
    return out


def excess(values: Mapping[str, Doubles | float], floors: Mapping[str, Estimate], scales: Mapping[str, float]) -> dict[str, Doubles]:
    """What is above the floor by term, in units of its scale, none below 0. Values of any equal shapes."""
    return {name: np.maximum(np.asarray(values[name]) - floors[name].value, 0.0) / scale for name, scale in scales.items()}


def distance(values: Mapping[str, Doubles | float], floors: Mapping[str, Estimate], scales: Mapping[str, float]) -> Doubles:
    """Mean of the excess over the terms, one or more; that of the base is 1 if it is clear of the floor everywhere, else less."""
    return np.asarray(np.mean(list(excess(values, floors, scales).values()), axis=0))
