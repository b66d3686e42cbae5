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
    """From `frame` on: the beat there, the tempo, the metre, and a bar line to count from."""

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


class Clock(msgspec.Struct, frozen=True):
    """Segments by rising frame; before the first one its line goes on backwards."""

    segments: tuple[ClockSegment, ...]
    playing: bool

    @staticmethod
    def started(frame: int, tempo: float, beats_per_bar: int) -> Clock:
        """A clock whose bar 0 begins at `frame`."""
        return Clock((ClockSegment(frame, 0.0, tempo, beats_per_bar, 0.0, 0),), True)

    def segment_at(self, frame: float) -> ClockSegment:
        index = bisect_right([segment.frame for segment in self.segments], frame) - 1
        return self.segments[max(index, 0)]

    def beat_at(self, frame: float) -> float:
        segment = self.segment_at(frame)
        return segment.beat + (frame - segment.frame) / segment.frames_per_beat

    def frame_at(self, beat: float) -> int:
        """The frame nearest to a beat."""
        found = self.segments[0]
        for segment in self.segments:
            if segment.beat <= beat + 1e-9:
                found = segment
        return found.frame + round((beat - found.beat) * found.frames_per_beat)

    def bar_at(self, frame: float) -> tuple[int, float]:
        """Number of the bar, and the beat in it."""
        segment = self.segment_at(frame)
        past = segment.beat + (frame - segment.frame) / segment.frames_per_beat - segment.bar_beat
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
            if later.frame > segment.frame and later.bar_beat <= self._beat_of_bar(segment, bar):
                segment = later
        return self._frame_of(segment, self._beat_of_bar(segment, bar)), bar

    def frame_of_bar(self, bar: int) -> int:
        """The frame at which a bar begins: the last place where it does, should there be several."""
        found = self.segments[0]
        for segment in self.segments:
            if segment.bar <= bar:
                found = segment
        return self._frame_of(found, self._beat_of_bar(found, bar))

    def next_division(self, frame: int, beats: float) -> tuple[int, float]:
        """Frame and beat of the first multiple of `beats` in its bar, or bar line, at or after a frame."""
        bar_frame, _ = self.next_bar(frame)
        segment = self.segment_at(frame)
        beat = self.beat_at(frame)
        begin = beat - self.bar_at(frame)[1]
        wanted = begin + math.ceil((beat - begin) / beats - _SNAP) * beats
        division = self._frame_of(segment, wanted)
        if division >= bar_frame:
            return bar_frame, self.beat_at(bar_frame)
        return division, wanted

    def next_beat(self, frame: int) -> tuple[int, float]:
        """Frame and number of the first whole beat at or after a frame."""
        beat = float(math.ceil(self.beat_at(frame) - _SNAP))
        return self.frame_at(beat), beat

    @staticmethod
    def _beat_of_bar(segment: ClockSegment, bar: int) -> float:
        return segment.bar_beat + (bar - segment.bar) * segment.beats_per_bar

    @staticmethod
    def _frame_of(segment: ClockSegment, beat: float) -> int:
        return segment.frame + round((beat - segment.beat) * segment.frames_per_beat)

    def with_tempo(self, tempo: float, frame: int) -> Clock:
        """Another tempo from a frame on; the beat runs on."""
        old = self.segment_at(frame)
        fresh = ClockSegment(frame, self.beat_at(frame), tempo, old.beats_per_bar, old.bar_beat, old.bar)
        return self._with(fresh)

    def with_metre(self, beats_per_bar: int, frame: int) -> Clock:
        """Another metre from a bar line on; `frame` is that of the line."""
        old = self.segment_at(frame)
        bar, past = self.bar_at(frame)
        if past > 0.5 * old.beats_per_bar:
            bar += 1
        beat = self._beat_of_bar(old, bar)
        return self._with(ClockSegment(frame, beat, old.tempo, beats_per_bar, beat, bar))

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

    def _with(self, fresh: ClockSegment) -> Clock:
        kept = tuple(segment for segment in self.segments if segment.frame < fresh.frame)
        return Clock((*kept, fresh), self.playing)

    def prune(self, frame: int) -> Clock:
        """Without the segments that ended before a frame."""
        index = bisect_right([segment.frame for segment in self.segments], frame) - 1
        return Clock(self.segments[max(index, 0) :], self.playing)

    def stopped(self) -> Clock:
        return Clock(self.segments, False)
