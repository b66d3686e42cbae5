"""Musical time: which beat is played at which frame. Immutable values; control owns them, everybody reads them.

The clock is a list of segments of constant tempo and metre on the daemon's time line of audio frames. Beats are quarter notes
and run on through all changes; bars are counted from the first bar after the start, which is bar 0.
"""

from __future__ import annotations

import math
from bisect import bisect_right

import msgspec

from jamd.contract.units import SAMPLE_RATE

_SNAP = 1e-6
"""Beats nearer than this to a line are on it."""


class ClockSegment(msgspec.Struct, frozen=True):
    """From `frame` on: the beat there, the tempo, the metre, and a bar line to count from. Its methods know of no other segment."""

    frame: int
    beat: float
    tempo: float
    beats_per_bar: int
    bar_beat: float
    """Beat at which bar number `bar` began."""
    bar: int

    @property
    def frames_per_beat(self) -> float:
        return 60.0 * SAMPLE_RATE / self.tempo

    def beat_at(self, frame: float) -> float:
        return self.beat + (frame - self.frame) / self.frames_per_beat

    def frame_at(self, beat: float) -> int:
        return self.frame + round((beat - self.beat) * self.frames_per_beat)

    def beat_of_bar(self, bar: int) -> float:
        return self.bar_beat + (bar - self.bar) * self.beats_per_bar


class Clock(msgspec.Struct, frozen=True):
    """Segments by rising frame; before the first one its line goes on backwards."""

    segments: tuple[ClockSegment, ...]
    playing: bool

    @staticmethod
    def started(frame: int, tempo: float, beats_per_bar: int, bar: int = 0) -> Clock:
        """A clock whose first bar, of that number, begins at `frame`."""
        return Clock((ClockSegment(frame, 0.0, tempo, beats_per_bar, 0.0, bar),), True)

    @staticmethod
    def standing(frame: int, tempo: float, beats_per_bar: int) -> Clock:
        """A clock that does not run, with the tempo and metre that it is to start with."""
        return Clock.started(frame, tempo, beats_per_bar).stopped()

    def segment_at(self, frame: float) -> ClockSegment:
        return self.segments[self._index_at(frame)]

    def _index_at(self, frame: float) -> int:
        return max(bisect_right(self.segments, frame, key=lambda segment: segment.frame) - 1, 0)

    def beat_at(self, frame: float) -> float:
        return self.segment_at(frame).beat_at(frame)

    def frame_at(self, beat: float) -> int:
        """The frame nearest to a beat."""
        found = self.segments[0]
        for segment in self.segments:
            if segment.beat <= beat + 1e-9:
                found = segment
        return found.frame_at(beat)

    def bar_at(self, frame: float) -> tuple[int, float]:
        """Number of the bar, and the beat in it."""
        segment = self.segment_at(frame)
        past = segment.beat_at(frame) - segment.bar_beat
        bars = math.floor(past / segment.beats_per_bar + _SNAP)
        return segment.bar + bars, max(past - bars * segment.beats_per_bar, 0.0)

    def next_bar(self, frame: int) -> tuple[int, int]:
        """Frame and number of the first bar line at or after a frame."""
        return self.next_quantum(frame, 1)

    def next_quantum(self, frame: int, bars: int) -> tuple[int, int]:
        """Frame and number of the first bar line at or after a frame whose number is a multiple of `bars`."""
        segment = self.segment_at(frame)
        bar, past = self.bar_at(frame)
        if past > _SNAP * 4:
            bar += 1
        bar = -(-bar // bars) * bars
        for later in self.segments:
            if later.frame > segment.frame and later.bar_beat <= segment.beat_of_bar(bar):
                segment = later
        return segment.frame_at(segment.beat_of_bar(bar)), bar

    def frame_of_bar(self, bar: int) -> int:
        """The frame at which a bar begins: the last place where it does, should there be several."""
        segment = self._segment_of_bar(bar)
        return segment.frame_at(segment.beat_of_bar(bar))

    def beat_of_bar(self, bar: int) -> float:
        """The beat at which a bar begins, at the same place."""
        return self._segment_of_bar(bar).beat_of_bar(bar)

    def _segment_of_bar(self, bar: int) -> ClockSegment:
        """The last one in whose time the bar's line lies; where it lies in none, the last one that has such a bar."""
        found = lies = None
        for segment, following in zip(self.segments, (*self.segments[1:], None), strict=True):
            if segment.bar > bar and segment is not self.segments[0]:
                continue
            found, line = segment, segment.beat_of_bar(bar)
            begun = line >= segment.beat - _SNAP or segment is self.segments[0]
            if begun and (following is None or segment.frame_at(line) < following.frame):
                lies = segment
        assert found is not None
        return lies or found

    def next_division(self, frame: int, beats: float) -> tuple[int, float]:
        """Frame and beat of the first multiple of `beats` in its bar, or bar line, at or after a frame."""
        bar_frame, _ = self.next_bar(frame)
        segment = self.segment_at(frame)
        beat = self.beat_at(frame)
        begin = beat - self.bar_at(frame)[1]
        wanted = begin + math.ceil((beat - begin) / beats - _SNAP) * beats
        division = segment.frame_at(wanted)
        if division >= bar_frame:
            return bar_frame, self.beat_at(bar_frame)
        return division, wanted

    def next_beat(self, frame: int) -> tuple[int, float]:
        """Frame and number of the first whole beat at or after a frame."""
        beat = float(math.ceil(self.beat_at(frame) - _SNAP))
        return self.frame_at(beat), beat

    def with_tempo(self, tempo: float, frame: int) -> Clock:
        """Another tempo from a frame on; the beat runs on."""
        old = self.segment_at(frame)
        return self.with_segments(ClockSegment(frame, old.beat_at(frame), tempo, old.beats_per_bar, old.bar_beat, old.bar))

    def with_metre(self, beats_per_bar: int, frame: int) -> Clock:
        """Another metre from a bar line on; `frame` is that of the line."""
        old = self.segment_at(frame)
        bar, past = self.bar_at(frame)
        if past > 0.5 * old.beats_per_bar:
            bar += 1
        beat = old.beat_of_bar(bar)
        return self.with_segments(ClockSegment(frame, beat, old.tempo, beats_per_bar, beat, bar))

    def placed(self, frame: int, bar: int, within: float, tempo: float, beats_per_bar: int) -> Clock:
        """From a frame on the clock is `within` beats into bar `bar`, wherever it was.

        The beat runs on, less than one beat forward, so that whole beats lie on the beats of the bar.
        """
        running = self.beat_at(frame)
        within = min(max(within, 0.0), float(beats_per_bar))
        less = 0.75 / self.segment_at(frame).frames_per_beat  # rounding to frames; smaller than the frame that has passed
        bar_beat = float(math.ceil(running - within - less))
        return self.with_segments(ClockSegment(frame, bar_beat + within, tempo, beats_per_bar, bar_beat, bar))

    def with_segments(self, *fresh: ClockSegment) -> Clock:
        """These, by rising frame, in the place of all from the first one's frame on."""
        kept = tuple(segment for segment in self.segments if segment.frame < fresh[0].frame)
        return Clock((*kept, *fresh), self.playing)

    def prune(self, frame: int) -> Clock:
        """Without the segments that ended before a frame."""
        return Clock(self.segments[self._index_at(frame) :], self.playing)

    def stopped(self) -> Clock:
        return Clock(self.segments, False)
