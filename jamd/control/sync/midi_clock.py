"""MIDI clock: 24 ticks a quarter note, start, stop, continue and the song position, read and written.

Song positions count sixteenths (six ticks). After a start or continue the next tick is the one that lies at the song position.
"""

from __future__ import annotations

import math
from typing import Final

from jamd.contract.clock import Clock, ClockSegment
from jamd.contract.observation import Observation
from jamd.contract.units import SAMPLE_RATE
from jamd.control.sync.tick_line import TickLine

TICKS: Final = 24
SIXTEENTH: Final = 6
TICK, START, CONTINUE, STOP, POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2
SILENCE: Final = SAMPLE_RATE // 2
"""A source whose ticks stay away for so long has gone."""
EARLY: Final = 48
"""Frames by which start and continue come before their tick: receivers want a millisecond."""
LAST_POSITION: Final = (1 << 14) - 1
LOCATED: Final = 8.0
"""Ticks by which the song has to be elsewhere than the next tick: less is a bend of the tempo."""


class MidiClockFollower:
    """One source of MIDI clock.

    Args:
        tempo: taken for granted until the ticks say; the second tick does.
    """

    def __init__(self, tempo: float = 120.0) -> None:
        self._line = TickLine(60.0 * SAMPLE_RATE / (TICKS * tempo))
        self._last: float | None = None
        self._position = 0
        """Ticks into the song of the line's tick 0 while playing, else of the next one to be played."""
        self._armed = False
        self._lapsed = False
        """It fell silent while it played."""
        self.playing = False

    @property
    def tempo(self) -> float:
        return 60.0 * SAMPLE_RATE / (TICKS * self._line.period)

    def feed(self, message: bytes, frame: int) -> Observation | None:
        """A message that came at a frame. None: it says nothing of the clock, or not yet."""
        kind = message[0] if message else 0
        if kind == TICK:
            return self._tick(float(frame))
        self._lapsed = self._lapsed and kind not in (START, CONTINUE, STOP, POSITION)
        if kind in (START, CONTINUE):
            self._position = 0 if kind == START else self._here()
            self.playing, self._armed = False, True
        elif kind == STOP:
            self._position, self.playing, self._armed = self._here(), False, False
            return self._standing(frame)
        elif kind == POSITION and len(message) == 3:
            self._position = (message[1] | message[2] << 7) * SIXTEENTH
            if self.playing:
                self.playing, self._armed = False, True
            elif not self._armed:
                return self._standing(frame)
        return None

    def poll(self, frame: int) -> Observation | None:
        """Without a message: a source that has fallen silent has stopped (said once), until its ticks come back."""
        if not self.playing or self._last is None or frame - self._last < SILENCE:
            return None
        self._position, self.playing, self._lapsed = self._here(), False, True
        return self._standing(frame)

    def _here(self) -> int:
        """Ticks into the song: where it would go on."""
        if not self.playing:
            return self._position
        return self._position + self._line.count

    def _standing(self, frame: float) -> Observation:
        return Observation(float(frame), self._position / TICKS, self.tempo, False)

    def _tick(self, frame: float) -> Observation:
        if self._armed:
            self._line.restart()
            self._armed, self.playing = False, True
        elif self._last is not None and frame - self._last > SILENCE:
            if self.playing or self._lapsed:  # it may have gone on unheard
                self._position = self._here() + round((frame - self._last) / self._line.period) - 1
                self.playing = True
            self._lapsed = False
            self._line.restart()
        self._last = frame
        self._line.add(frame)
        if not self.playing:
            return self._standing(frame)
        beat = (self._position + self._line.number_at(frame)) / TICKS
        return Observation(frame, max(beat, 0.0), self.tempo, True)


class MidiClockSender:
    """Ticks of the daemon's clock, with the frames at which they have to sound.

    Ticks run while the clock stands, so that a receiver knows the tempo before the start.
    """

    def __init__(self) -> None:
        self._song: tuple[ClockSegment, float] | None = None
        """Where bars were last counted from, and what is added to the clock's beat for that of the song."""
        self._next: int | None = None
        """Ticks into the song of the next tick; None: wherever the song is."""
        self._running = False
        self._awaited: int | None = None
        """Tick at which a start or continue is due."""

    def messages(self, clock: Clock, playing: bool, first: int, last: int) -> list[tuple[int, bytes]]:
        """What is to be sent in the frames `first` to `last` - 1, each with its frame. The next call begins at `last`."""
        out: list[tuple[int, bytes]] = []
        if not playing and (self._running or self._awaited is not None):
            if self._running:
                out.append((first, bytes([STOP])))
            self._running, self._awaited, self._next = False, None, None
        segments = clock.segments
        for index, segment in enumerate(segments):
            begin = first if index == 0 else max(first, segment.frame)
            end = last if index + 1 == len(segments) else min(last, segments[index + 1].frame)
            if begin < end:
                self._piece(segment, playing, begin, end, out)
        return out

    def _piece(self, segment: ClockSegment, playing: bool, begin: int, end: int, out: list[tuple[int, bytes]]) -> None:
        """Frames of one segment."""
        added = self._added(segment)
        here = (segment.beat_at(begin) + added) * TICKS
        if self._next is None or abs(here - self._next) > LOCATED:
            self._next = math.ceil(here - 1e-6)
            if playing and self._running:
                out.append((begin, bytes([STOP])))
                self._running = False
            self._awaited = None
        if playing and not self._running and self._awaited is None:
            self._awaited = max(-(-self._next // SIXTEENTH) * SIXTEENTH, 0)
        while True:
            frame = segment.frame_at(self._next / TICKS - added)
            if frame >= end:
                return
            frame = max(frame, begin)
            if self._next == self._awaited:
                out.extend(self._departure(self._next // SIXTEENTH, max(frame - EARLY, out[-1][0] if out else begin, begin)))
                self._running, self._awaited = True, None
            out.append((frame, bytes([TICK])))
            self._next += 1

    def _added(self, segment: ClockSegment) -> float:
        """The song's beat less the clock's. It holds through a change of metre, and changes where bars are counted from elsewhere."""
        if self._song is not None:
            old, added = self._song
            bar = old.bar + (segment.bar_beat - old.bar_beat) / old.beats_per_bar
            if abs(bar - segment.bar) < 1e-3:
                self._song = (segment, added)
                return added
        added = segment.bar * segment.beats_per_bar - segment.bar_beat
        self._song = (segment, added)
        return added

    @staticmethod
    def _departure(sixteenth: int, frame: int) -> list[tuple[int, bytes]]:
        if sixteenth == 0:
            return [(frame, bytes([START]))]
        place = min(sixteenth, LAST_POSITION)
        return [(frame, bytes([POSITION, place & 0x7F, place >> 7])), (frame, bytes([CONTINUE]))]
