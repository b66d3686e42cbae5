"""Musical time: which beat is played at which frame. Immutable values; control owns them, everybody reads them.

The clock is a list of segments of constant tempo and metre on the daemon's time line of audio frames. Beats are quarter notes
and run on through all changes; bars are counted from the first bar after the start, which is bar 0.
"""

from __future__ import annotations

import math
from bisect import bisect_right

import msgspec

from jamd.contract.units import SAMPLE_RATE

_SAME = 1e-6
"""Beats nearer than this are one beat."""
_NEAR = 2
"""Frames by which what lies on the grid may be off it by rounding."""


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

    @property
    def bars(self) -> tuple[int, float, int]:
        """How bars are counted."""
        return self.beats_per_bar, self.bar_beat, self.bar

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
        return self.segment_of(beat).frame_at(beat)

    def segment_of(self, beat: float) -> ClockSegment:
        """The one in force at a beat."""
        return self.segments[max(bisect_right(self.segments, beat + 1e-9, key=lambda segment: segment.beat) - 1, 0)]

    def bar_at(self, frame: float) -> tuple[int, float]:
        """Number of the bar, and the beat in it. A bar begins at the frame of its line, which is rounded."""
        segment = self.segment_at(frame)
        past = segment.beat_at(frame) - segment.bar_beat
        bars = math.floor(past / segment.beats_per_bar)
        if segment.frame_at(segment.beat_of_bar(segment.bar + bars + 1)) <= frame:
            bars += 1
        return segment.bar + bars, max(past - bars * segment.beats_per_bar, 0.0)

    def next_bar(self, frame: int) -> tuple[int, int]:
        """Frame and number of the first bar line at or after a frame."""
        return self.next_quantum(frame, 1)

    def next_quantum(self, frame: int, bars: int) -> tuple[int, int]:
        """Frame and number of the first bar line at or after a frame whose number is a multiple of `bars`.

        Where bars are counted anew on the way there, it is looked for from there on.
        """
        index, bar = self._index_at(frame), self.bar_at(frame)[0]
        while True:
            if self._frame_of_line(index, bar) < frame:
                bar += 1
            bar = -(-bar // bars) * bars
            line = self._frame_of_line(index, bar)
            if index + 1 == len(self.segments) or line < self.segments[index + 1].frame:
                return line, bar
            index += 1
            frame = self.segments[index].frame
            bar = self.bar_at(frame)[0]

    def _frame_of_line(self, index: int, bar: int) -> int:
        """The frame of a bar's line in the time of a segment; a line that rounding has put before the segment is its first frame."""
        segment = self.segments[index]
        line = segment.beat_of_bar(bar)
        frame = segment.frame_at(line)
        if index and frame < segment.frame <= self.segments[index - 1].frame_at(line):
            return segment.frame
        return frame

    def frame_of_bar(self, bar: int) -> int:
        """The frame at which a bar begins: the last place where it does, should there be several."""
        return self._frame_of_line(self._index_of_bar(bar), bar)

    def beat_of_bar(self, bar: int) -> float:
        """The beat at which a bar begins, at the same place."""
        return self.segments[self._index_of_bar(bar)].beat_of_bar(bar)

    def _index_of_bar(self, bar: int) -> int:
        """The last segment in whose time the bar's line lies; where it lies in none, the last one that has such a bar."""
        found, lies = 0, None
        for index, segment in enumerate(self.segments):
            if index and segment.bar > bar:
                continue
            found, frame = index, self._frame_of_line(index, bar)
            ended = index + 1 < len(self.segments) and frame >= self.segments[index + 1].frame
            if (not index or frame >= segment.frame) and not ended:
                lies = index
        return found if lies is None else lies

    def next_division(self, frame: int, beats: float) -> tuple[int, float]:
        """Frame and beat of the first multiple of `beats` in its bar, or bar line, at or after a frame."""
        bar_frame, _ = self.next_bar(frame)
        segment, beat = self.segment_at(frame), self.beat_at(frame)
        begin = segment.beat_of_bar(self.bar_at(frame)[0])
        wanted = begin + math.floor((beat - begin) / beats) * beats
        while self.frame_at(wanted) < frame:
            wanted += beats
        division = self.frame_at(wanted)
        if division >= bar_frame:
            return bar_frame, self.beat_at(bar_frame)
        return division, wanted

    def next_beat(self, frame: int) -> tuple[int, float]:
        """Frame and number of the first whole beat at or after a frame."""
        beat = float(math.floor(self.beat_at(frame)))
        while self.frame_at(beat) < frame:
            beat += 1.0
        return self.frame_at(beat), beat

    def with_tempo(self, tempo: float, frame: int) -> Clock:
        """Another tempo from a frame on; the beat runs on. Bars that are to be counted otherwise later on still are, on their beat."""
        old = self.segment_at(frame)
        beat = old.beat_at(frame)
        if old.frame_at(round(beat)) == frame:
            beat = float(round(beat))
        fresh = [ClockSegment(frame, beat, tempo, old.beats_per_bar, old.bar_beat, old.bar)]
        for later in self.segments:
            last = fresh[-1]
            if later.frame > frame and later.bars != last.bars:
                fresh.append(msgspec.structs.replace(later, frame=last.frame_at(later.beat), tempo=tempo))
        return self.with_segments(*fresh)

    def with_metre(self, beats_per_bar: int, frame: int) -> Clock:
        """Another metre from a bar line on; `frame` is that of the line. Later changes of tempo stay."""
        old = self.segment_at(frame)
        bar, past = self.bar_at(frame)
        if past > 0.5 * old.beats_per_bar:
            bar += 1
        beat = old.beat_of_bar(bar)
        fresh = ClockSegment(frame, beat, old.tempo, beats_per_bar, beat, bar)
        tempos = [msgspec.structs.replace(later, beats_per_bar=beats_per_bar, bar_beat=beat, bar=bar)
                  for later in self.segments if later.frame > frame and later.bars == old.bars]  # fmt: skip
        return self.with_segments(fresh, *tempos)

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

    def counts_bars_like(self, old: Clock) -> bool:
        """Whether the bar after the last change has the number that an older clock gives it."""
        last = self.segments[-1]
        return abs(old.segments[-1].beat_of_bar(last.bar) - last.bar_beat) < _SAME

    def carried(self, old: Clock, frame: int, bars: int = 1) -> int:
        """The frame at which falls here what was to be at a frame of an older clock: on the same beat, and on a line if it was on one.

        Args:
            bars: if it was on a line whose number is a multiple of this, it will be.
        """
        beat = old.beat_at(frame)
        division = round(beat * 4) / 4  # what waits for a quantum is on one; its frame is rounded
        if abs(old.frame_at(division) - frame) <= _NEAR:
            beat = division
        at = self.frame_at(beat)
        for quantum in (bars, 1):
            if abs(old.next_quantum(frame - _NEAR, quantum)[0] - frame) <= _NEAR:
                return self.next_quantum(at - _NEAR, quantum)[0]
        return at

    def prune(self, frame: int) -> Clock:
        """Without the segments that ended before a frame."""
        return Clock(self.segments[self._index_at(frame) :], self.playing)

    def stopped(self) -> Clock:
        return Clock(self.segments, False)
