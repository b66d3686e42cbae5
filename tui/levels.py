"""Meters: levels that rise at once and fall slowly, peaks that are held, and the level of the last while."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Final

from tui.topics import Meters, Peaks

PORTS: Final = ("out", "jam", "slots", "in")
FLOOR_DB: Final = -60.0
FALL: Final = 20.0 / 1.7
"""dB a second: a peak programme meter of type I (IEC 60268-10)."""
HOLD_S: Final = 1.5
COLUMN_S: Final = 0.2
COLUMNS: Final = 300
"""Of the history: a minute."""


def decibels(peak: float) -> float:
    """Of a linear peak, not below `FLOOR_DB`."""
    return max(20.0 * math.log10(peak), FLOOR_DB) if peak > 1e-3 else FLOOR_DB


class Meter:
    """One channel.

    Attributes:
        level: dB, as it is shown.
        held: dB, the highest of the last while.
    """

    def __init__(self) -> None:
        self.level = self.held = FLOOR_DB
        self._held_at = -math.inf
        self._at = -math.inf

    def take(self, peak: float, now: float) -> None:
        """A peak since the reading before."""
        value = decibels(peak)
        self.tick(now)
        self.level = max(self.level, value)
        if value >= self.held:
            self.held, self._held_at = value, now

    def tick(self, now: float) -> None:
        """Fall for as long as has passed."""
        passed, self._at = max(now - self._at, 0.0), now
        self.level = max(self.level - FALL * passed, FLOOR_DB)
        if now - self._held_at > HOLD_S:
            self.held = max(self.held - FALL * min(passed, now - self._held_at - HOLD_S), self.level)


class Levels:
    """Meters of all ports, left and right, and how loud the mix was."""

    def __init__(self) -> None:
        self.meters: dict[str, tuple[Meter, Meter]] = {port: (Meter(), Meter()) for port in PORTS}
        self.history: deque[tuple[float, float]] = deque(maxlen=COLUMNS)
        """dB left and right of the mix, a pair every `COLUMN_S`, the newest last."""
        self._column: tuple[float, float] = (FLOOR_DB, FLOOR_DB)
        self._column_ends = -math.inf

    def take(self, meters: Meters, now: float) -> None:
        peaks: Mapping[str, Peaks] = {"out": (meters.peak_left, meters.peak_right), **meters.peaks}
        for port, pair in self.meters.items():
            for meter, peak in zip(pair, peaks.get(port, (0.0, 0.0)), strict=True):
                meter.take(peak, now)
        left, right = self._column
        self._column = (max(left, decibels(meters.peak_left)), max(right, decibels(meters.peak_right)))

    def tick(self, now: float) -> bool:
        """Time passes; whether the history has a new column."""
        for pair in self.meters.values():
            for meter in pair:
                meter.tick(now)
        if now < self._column_ends:
            return False
        self.history.append(self._column)
        self._column = (FLOOR_DB, FLOOR_DB)
        self._column_ends = now + COLUMN_S if now - self._column_ends > COLUMN_S else self._column_ends + COLUMN_S
        return True
