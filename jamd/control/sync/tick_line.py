"""A straight line through ticks that come too early and too late: tempo and phase of a MIDI clock.

The line is held until the ticks disagree with it, so that a steady source is a steady line. It is drawn anew as ticks gather (after
every one of the first dozen, then ever more rarely), and when the mean of the last few is further off than the ticks' own scatter
explains. When that does not mend it, the oldest ticks are forgotten until the rest lies on one line. The scatter is read from second
differences, which a tempo does not move.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from typing import Final

MOST: Final = 384
"""Sixteen quarter notes of ticks."""
REDRAW: Final = frozenset([*range(1, 13), 16, 24, 36, 48, 72, 96, 144, 192, 288, 384])
TESTED: Final = (3, 6, 12, 24, 48, 96)
"""Numbers of last ticks whose mean residual is tested."""
SURE: Final = 4.5
"""Standard errors that a mean has to be off for the line to be drawn anew."""
CERTAIN: Final = 4.5
"""Standard errors that it has to be off even then for a change of tempo."""
CLEAN: Final = 2.0
"""Standard errors that it may be off through the ticks that are left after one."""
FLOOR: Final = 7.0
"""Frames below which nothing is off: half of 0.3 ms."""
PRIOR: Final = 0.1
"""How surely a new tempo is like the old one: a standard deviation, as a share."""
FIRST_SCATTER: Final = 48.0
"""Frames of scatter taken for granted until ten ticks have shown theirs."""
SHORTEST, LONGEST = 200.0, 12_000.0
"""Frames between ticks, 600 to 10 bpm: whatever comes, time goes on."""


class TickLine:
    """Frames of ticks that are numbered from 0.

    Args:
        period: frames between ticks until the ticks say.
    """

    def __init__(self, period: float) -> None:
        self.period = period
        self._frames: deque[float] = deque(maxlen=MOST)
        self._bends: deque[float] = deque(maxlen=96)
        self._count = 0
        self._drawn = 0
        self._origin = 0.0
        """Frame of tick 0 on the line."""

    @property
    def count(self) -> int:
        """Ticks since the last `restart`."""
        return self._count

    @property
    def scatter(self) -> float:
        """Standard deviation of the ticks about their line, in frames."""
        if len(self._bends) < 8:
            return max(FIRST_SCATTER, self._robust())
        return self._robust()

    def _robust(self) -> float:
        return statistics.median(self._bends) / 0.6745 / math.sqrt(6.0) if self._bends else 0.0

    def restart(self) -> None:
        """The next tick is number 0, and says nothing of those before; the tempo stays likely."""
        self._frames.clear()
        self._count = self._drawn = 0

    def number_at(self, frame: float) -> float:
        """Number of the tick that the line has at a frame, with its fraction."""
        return (frame - self._origin) / self.period

    def add(self, frame: float) -> None:
        """The next tick."""
        self._frames.append(frame)
        self._count += 1
        if len(self._frames) >= 3:
            last, middle, first = self._frames[-1], self._frames[-2], self._frames[-3]
            self._bends.append(abs(last - 2.0 * middle + first))
        if len(self._frames) in REDRAW and len(self._frames) != self._drawn:
            self._draw()
        elif self._is_off(SURE):
            self._draw()
            if self._is_off(CERTAIN):
                while len(self._frames) > 2 and self._is_off(CLEAN):
                    for _ in range(max(1, len(self._frames) // 4)):
                        self._frames.popleft()
                    self._draw()

    def _is_off(self, sure: float) -> bool:
        """Do the means of the last residuals say that the line is wrong?"""
        scatter, known = self.scatter, len(self._frames)
        first = self._count - known
        off = [frame - self._origin - (first + place) * self.period for place, frame in enumerate(self._frames)]
        for tested in TESTED:
            if tested > known:
                return False
            limit = sure * scatter * math.sqrt(1.0 / tested + 4.0 / known) + FLOOR
            if abs(statistics.fmean(off[-tested:])) > limit:
                return True
        return False

    def _draw(self) -> None:
        frames = list(self._frames)
        self._drawn = len(frames)
        weight = (self.scatter / (PRIOR * self.period)) ** 2
        self.period = min(max(_slope(frames, weight, self.period), SHORTEST), LONGEST)
        centre = self._count - (self._drawn + 1) / 2.0
        self._origin = statistics.fmean(frames) - centre * self.period


def _slope(frames: list[float], weight: float, period: float) -> float:
    """Slope of the least-squares line, drawn to `period` with a weight in squared ticks."""
    count = len(frames)
    squares = count * (count * count - 1) / 12.0
    if squares + weight == 0.0:
        return period
    products = sum((place - (count - 1) / 2.0) * frame for place, frame in enumerate(frames))
    return (products + weight * period) / (squares + weight)
