"""Halves of the reference, sets of as many clips, and intervals.

A distance of two sets depends on how many clips are in them. So the reference is split at random, many times over: one side stands for
the player, the other is the player another time (the floor); renders are held against the first side, as many of them as the second
has clips. Sides share no piece where there are pieces enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.evaluate.personal.clips import Clip
from model.metrics.heard import Doubles

PIECES: int = 4
"""So many pieces or more are split by piece."""


@dataclass(frozen=True)
class Draw:
    """Indices of clips."""

    player: NDArray[np.int64]
    """Of the reference: what renders are held against."""
    again: NDArray[np.int64]
    """Of the reference: the player another time."""
    renders: NDArray[np.int64]
    """Of the samples; as many as of `again`."""


def draw(pieces: Sequence[str], samples: int, rng: np.random.Generator, *, replace: bool = False) -> Draw:
    """One split.

    Args:
        pieces: of each clip of the reference, at least two clips.
        samples: how many there are.
        rng: of the draw.
        replace: draw the renders with replacement, as the bootstrap does.
    """
    count = min(samples, len(pieces) // 2)
    names = sorted(set(pieces))
    order = rng.permutation(len(pieces))
    if len(names) >= PIECES:
        place = dict(zip(names, rng.permutation(len(names)), strict=True))
        order = np.array(sorted(range(len(pieces)), key=lambda index: (place[pieces[index]], index)))
        end = int(np.searchsorted(np.cumsum([pieces.count(name) for name in sorted(names, key=lambda name: place[name])]), count)) + 1
        first = {name for name in names if place[name] < end}
        one = [index for index in order if pieces[index] in first]
        two = [index for index in order if pieces[index] not in first]
        if len(two) >= 2:
            again = rng.permutation(np.array(one))[:count]
            return Draw(np.array(two), again, rng.choice(samples, count, replace=replace))
    return Draw(order[count:], order[:count], rng.choice(samples, count, replace=replace))


def take(clips: Sequence[Clip], places: NDArray[np.int64]) -> list[Clip]:
    """Clips by index."""
    return [clips[place] for place in places]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; nan where it could not be measured."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


NOTHING = Estimate(float("nan"), float("nan"), float("nan"))


def centred(value: float, replicates: Doubles) -> Doubles:
    """Replicates moved so that their mean is the value: sets drawn with replacement have fewer different clips, which biases distances."""
    known = replicates[np.isfinite(replicates)]
    return replicates - known.mean() + value if len(known) else replicates


def estimate(value: float, replicates: Doubles) -> Estimate:
    """Interval from replicates that are centred already; those that are nan are left out."""
    known = replicates[np.isfinite(replicates)]
    if not np.isfinite(value) or len(known) == 0:
        return NOTHING
    low, high = np.percentile(known, [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))
