"""Tempo from taps."""

from __future__ import annotations

import statistics
from typing import Final

from jamd.contract.units import TEMPO_MAX, TEMPO_MIN

PAUSE_S: Final = 2.0
BOUNCE_S: Final = 0.1
"""A tap that comes sooner is the same tap once more."""
TAPS: Final = 9
OUTLIER: Final = 0.2
"""Share of the median by which an interval may differ."""


class TapTempo:
    """The last taps of one tapper."""

    def __init__(self) -> None:
        self._taps: list[float] = []

    def tap(self, seconds: float) -> float | None:
        """Tempo after a tap at a time of any steady clock; None: one tap says nothing, or it lies outside 40 to 320 bpm.

        A pause of 2 s starts afresh, and so do two intervals that agree on another tempo.
        """
        taps = self._taps
        if taps and not 0.0 <= seconds - taps[-1] < PAUSE_S:
            taps.clear()
        if taps and seconds - taps[-1] < BOUNCE_S:
            return self._tempo()
        taps.append(seconds)
        intervals = self._intervals()
        if len(intervals) >= 4:
            first, second = intervals[-2:]
            before = statistics.median(intervals[:-2])
            if _near(first, second) and not _near(first, before) and not _near(second, before):
                del taps[:-3]
        del taps[:-TAPS]
        return self._tempo()

    def _intervals(self) -> list[float]:
        return [after - before for before, after in zip(self._taps, self._taps[1:], strict=False)]

    def _tempo(self) -> float | None:
        intervals = self._intervals()
        if not intervals:
            return None
        median = statistics.median(intervals)
        kept = [interval for interval in intervals if _near(interval, median)] or [median]
        if len(kept) == len(intervals):
            period = statistics.linear_regression(range(len(self._taps)), self._taps).slope
        else:
            period = statistics.fmean(kept)
        tempo = 60.0 / period
        return tempo if TEMPO_MIN <= tempo <= TEMPO_MAX else None


def _near(interval: float, other: float) -> bool:
    return abs(interval - other) <= OUTLIER * other
