"""How close onsets lie to the swung grid.

The grid holds every beat and the second eighth, which falls after the share of the beat that swing gives the first. A
constant lag (a room, a soft attack, laid-back playing) is measured apart and taken off.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from model.metrics.heard import Doubles

TRIPLET: Final = 2 / 3
LAGS: Final = np.linspace(-0.05, 0.08, 131)
"""Lags that are tried, in seconds."""


@dataclass(frozen=True)
class GridFit:
    """Times in milliseconds; nan where there was no onset."""

    deviation_ms: float
    """Median distance of the onsets from the grid, the lag taken off."""
    chance_ms: float
    """What onsets at any time would give."""
    lag_ms: float
    """By how much the onsets lie behind the grid, on the whole."""
    within_30_ms: float
    """Share of the onsets within 30 ms of the grid."""
    swing: float
    """Share of the beat after which the second eighths fall, as heard; nan if there are too few."""
    onsets: int

    def as_dict(self) -> dict[str, float]:
        """Plain values, for JSON."""
        return asdict(self)


def grid_deviation(onsets: Doubles, tempo: float, swing: float, offset: float = 0.0) -> GridFit:
    """Onsets against the grid of a tempo.

    Args:
        onsets: seconds, shape [n].
        tempo: beats a minute.
        swing: share of the beat that the first eighth takes; 0.5 is straight.
        offset: seconds at which a beat falls.
    """
    nan = float("nan")
    if len(onsets) == 0:
        return GridFit(nan, nan, nan, nan, nan, 0)
    beat = 60.0 / tempo
    lines = np.array([0.0, swing, 1.0]) * beat

    def distance(times: Doubles) -> Doubles:
        phase = times % beat
        return np.abs(phase[:, None] - lines).min(axis=1)

    spread = [np.minimum(distance(onsets - offset - lag), 0.05).sum() for lag in LAGS]
    lag = float(LAGS[int(np.argmin(spread))])
    away = distance(onsets - offset - lag)
    chance = distance(np.linspace(0, beat, 4001))
    phases = ((onsets - offset - lag) % beat) / beat
    eighths = phases[(phases > 0.4) & (phases < 0.8)]
    return GridFit(
        deviation_ms=float(np.median(away) * 1000),
        chance_ms=float(np.median(chance) * 1000),
        lag_ms=lag * 1000,
        within_30_ms=float((away < 0.03).mean()),
        swing=float(np.median(eighths)) if len(eighths) >= 8 else nan,
        onsets=len(onsets),
    )


def likeliest_swing(onsets: Doubles, tempo: float, offset: float = 0.0) -> float:
    """The swing from 0.5 to 0.72 whose grid lies closest to the onsets, for sound whose swing nobody stated."""
    shares = np.arange(0.5, 0.721, 0.01)
    fits = [grid_deviation(onsets, tempo, float(share), offset).deviation_ms for share in shares]
    return float(shares[int(np.argmin(fits))]) if len(onsets) else 0.5
