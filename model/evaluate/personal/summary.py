"""One number: how far from the player, the base being 1."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from model.evaluate.personal.fitted import TYPICAL
from model.metrics.heard import Doubles


def terms_of(measured: Mapping[str, float]) -> list[str]:
    """Distances of the sum that could be measured."""
    return [name for name in TYPICAL if np.isfinite(measured.get(name, float("nan")))]


def distance(values: Mapping[str, Doubles], floors: Mapping[str, float], terms: list[str]) -> Doubles:
    """Mean over the terms of (value less floor) / (that of another player less his floor), none below 0.

    0 is the player another time; 1, on the whole, another player of the corpus on the same charts.

    Args:
        values: by measure, of any equal shapes.
        floors: the player another time, by measure.
        terms: those that count, one or more.
    """
    return np.asarray(np.mean([np.maximum(values[name] - floors[name], 0.0) / TYPICAL[name] for name in terms], axis=0))
