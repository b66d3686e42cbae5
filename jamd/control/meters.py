"""Peaks for several who look at them: the audio thread's start anew at every reading, so whatever is read is kept for everybody else."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from jamd.contract.memory import AudioMemory, AudioStats

Peaks = tuple[float, ...]


def _peaks(stats: AudioStats) -> Peaks:
    return (stats.peak_left, stats.peak_right, stats.limiter_reduction_db, *(peak for pair in stats.peaks.values() for peak in pair))


class Meters:
    """The audio thread's statistics, with peaks since the reader's own last reading."""

    def __init__(self, memory: AudioMemory) -> None:
        self._memory = memory
        self._kept: dict[Hashable, Peaks | None] = {}
        """Of each reader, what others have read since; None: nobody has."""

    def read(self, reader: Hashable) -> AudioStats:
        """A snapshot; a reader that was not there before begins here."""
        stats = self._memory.stats
        now = _peaks(stats)
        kept = self._kept.get(reader)
        for other, before in self._kept.items():
            self._kept[other] = now if before is None else tuple(map(max, before, now))
        self._kept[reader] = None
        if kept is None:
            return stats
        left, right, limiter, *rest = map(max, kept, now)
        pairs = zip(rest[::2], rest[1::2], strict=True)
        return replace(
            stats, peak_left=left, peak_right=right, limiter_reduction_db=limiter, peaks=dict(zip(stats.peaks, pairs, strict=True))
        )

    def forget(self, reader: Hashable) -> None:
        """It reads no more."""
        self._kept.pop(reader, None)
