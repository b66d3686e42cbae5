"""What a take of jamd knows of its own input: the beats, and the chords of each bar as the band played them."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from jamd.contract import messages as m
from jamd.contract.chart import Bar, Chart, Chord, parse_chart, parse_chord
from jamd.contract.clock import Clock, ClockSegment
from jamd.contract.errors import ChartError, FailureError
from jamd.contract.units import SAMPLE_RATE
from jamd.control.journal import NAME, Entry, first_frame, read_journal
from model.generator.situation import Situation
from model.learning.cutting import stretches
from model.learning.recordings import Recording, open_recording
from model.learning.survey import survey
from model.learning.told import NOTHING, Told

INPUT: Final = ("input.flac", "input.wav")
ALONE_S: Final = 10.0
"""For so long an input may sound without the jam that is told of it: the tuning, a false start, the last chord."""
BEYOND_S: Final = 60.0
"""Bars are told up to so much after the end of a take."""
SAME_BEAT: Final = 0.25
"""A clock that is moved by less, in beats, goes on with the beat at which it was."""
SNAP: Final = 1e-4
"""Beats nearer than this to a change are at it: about a frame."""


def input_of(take: Path) -> Path | None:
    """The recording of what was played into a take."""
    return next((take / name for name in INPUT if (take / name).is_file()), None)


def read_take(folder: Path) -> Told:
    """What is true of a whole take, on the time line of its files: its beats, and the chords of each bar as the band played them.

    Bars that cannot be counted through (jams by two clocks, two metres, a clock that was moved within a bar) are not told, of them at most
    the tempo; and nothing is where the input sounds for long without the band.

    Raises:
        FailureError: the journal cannot be read.
    """
    head, entries = read_journal(folder / NAME)
    first = first_frame(head, entries)
    recorded = input_of(folder)
    recording = open_recording(recorded) if recorded is not None else None
    try:
        jams = [jam for jam in _jams(entries) if jam.frames(first) > 0]
        jams = [jam for jam in jams if jam.frames(first) > ALONE_S * SAMPLE_RATE] or jams
        if not jams or not isinstance(recording, Recording) or _is_alone(recording, first, jams):
            return NOTHING
        return _told_of_jams(jams, first, max(first + round(recording.seconds * SAMPLE_RATE), entries[-1].frame))
    except ChartError as error:
        raise FailureError(f"{folder / NAME}: {error}", code="journal") from error


@dataclass
class _Jam:
    """What the engine was told of one, each with its frame."""

    begun: int
    """When the engine was told to begin: then the count-in begins, if there is one."""
    plays: int
    """Where the band comes in."""
    clock: Clock
    """All that it was, not only what was left of it at the end."""
    changes: list[tuple[int, Situation | m.Message]]
    end: float = math.inf

    def frames(self, first: int) -> float:
        """How long it plays from a frame on."""
        return self.end - max(self.plays, first)

    def tell(self, frame: int, message: m.Message) -> None:
        if frame >= self.end:
            return
        match message:
            case m.JamStop():
                self.end = message.frame
            case m.Panic():
                self.end = frame
            case m.SetClock() if not message.clock.playing:
                self.end = frame
            case m.SetClock():
                self.clock = self.clock.with_segments(*message.clock.segments)
                self.changes.append((frame, message))
            case m.SetChart() | m.SetChord():
                self.changes.append((frame, message))


_HEEDED: Final = tuple(kind.__name__ for kind in (m.JamStop, m.Panic, m.SetClock, m.SetChart, m.SetChord))


def _jams(entries: Iterable[Entry]) -> list[_Jam]:
    """
    Raises:
        ChartError: a chart or chord that a jam began with cannot be read.
    """
    jams: list[_Jam] = []
    for entry in entries:
        if entry.kind != "engine":
            continue
        told: dict[str, Any] = msgspec.json.decode(entry.address)
        kind, body = told["kind"], told["body"]
        if kind == "begin" and not body["follows"]:
            if jams:
                jams[-1].end = min(jams[-1].end, entry.frame)
            situation = _situation(body)
            jams.append(_Jam(entry.frame, int(body.get("frame", entry.frame)), situation.clock, [(entry.frame, situation)]))
        elif kind == "begin" and jams:
            jams[-1].end = math.inf
        elif kind == "message" and jams and body["type"] in _HEEDED:
            jams[-1].tell(entry.frame, msgspec.convert(body, m.AnyMessage))
    return jams


def _situation(body: dict[str, Any]) -> Situation:
    return Situation(
        clock=msgspec.convert(body["clock"], Clock),
        charts=[(int(bar), parse_chart(text)) for bar, text in body["charts"]],
        since=[float(beat) for beat in body.get("since", [])],
        overrides=[(float(beat), parse_chord(text) if text else None) for beat, text in body["overrides"]],
    )


def _is_alone(recording: Recording, first: int, jams: Sequence[_Jam]) -> bool:
    """Whether an input sounds for long where no jam plays."""
    spans = [((jam.begun - first) / SAMPLE_RATE, (jam.end - first) / SAMPLE_RATE) for jam in jams]

    def alone_s(low: float, high: float) -> float:
        return high - low - sum(max(min(high, end) - max(low, begin), 0.0) for begin, end in spans)

    if alone_s(0.0, recording.seconds) <= ALONE_S:
        return False
    try:
        levels = survey(recording).levels
    except FailureError:
        return True
    return sum(alone_s(low, high) for low, high in stretches(levels)) > ALONE_S


def _told_of_jams(jams: Sequence[_Jam], first: int, last: int) -> Told:
    """What the jams of an input say of it, from its first frame to its last one.

    Raises:
        ChartError: a chart or chord cannot be read.
    """
    clock = jams[0].clock
    for jam in jams[1:]:
        clock = clock.with_segments(*jam.clock.segments)
    segments = clock.prune(first).segments
    goes_on = all(later.clock.segments[0] in before.clock.segments for before, later in pairwise(jams))
    line = _line_of(segments) if goes_on else None
    if line is None:
        tempos = {segment.tempo for jam in jams for segment in jam.clock.prune(first).segments}
        return Told(tempos.pop()) if len(tempos) == 1 else NOTHING
    changes = [change for jam in jams for change in jam.changes]
    chart, count = _played(line, changes, first, max(last, segments[-1].frame) + BEYOND_S * SAMPLE_RATE)
    if len(segments) == 1:
        return Told(segments[0].tempo, chart, starts_s=(line.frame(count) - first) / SAMPLE_RATE)
    count += math.floor((line.count(0, first) - count) / chart.beats + SNAP) * chart.beats
    end = max(math.ceil(line.begins[-1]), count) + chart.beats_per_bar + 1
    return Told(chart=chart, beats_s=np.array([(line.frame(one) - first) / SAMPLE_RATE for one in range(count, end)]))


@dataclass(frozen=True)
class _Line:
    """The beats of a clock, counted on where it jumps to another bar. The first segment counts from bar 0."""

    segments: tuple[ClockSegment, ...]
    jumps: tuple[int, ...]
    """Beats by which the bars of each segment are ahead of the count: whole bars."""

    @property
    def per_bar(self) -> int:
        return self.segments[0].beats_per_bar

    @cached_property
    def begins(self) -> list[float]:
        """The count at which each segment begins."""
        return [self.count(index, segment.frame) for index, segment in enumerate(self.segments)]

    def count(self, index: int, frame: float) -> float:
        """The count at a frame, by one of the segments."""
        return _place(self.segments[index], frame) - self.jumps[index]

    def find(self, count: int) -> tuple[ClockSegment, int]:
        """The segment in which a beat lies, and its jump."""
        index = max(bisect_right(self.begins, count + SNAP) - 1, 0)
        return self.segments[index], self.jumps[index]

    def beat(self, count: int) -> float:
        """The clock's own number of it."""
        segment, jump = self.find(count)
        return count + jump + segment.beat_of_bar(0)

    def frame(self, count: int) -> float:
        """Where it is, not rounded."""
        segment, _ = self.find(count)
        return segment.frame + (self.beat(count) - segment.beat) * segment.frames_per_beat


def _place(segment: ClockSegment, frame: float) -> float:
    """Beats since its bar 0 began."""
    return segment.beat_at(frame) - segment.beat_of_bar(0)


def _line_of(segments: tuple[ClockSegment, ...]) -> _Line | None:
    """None where not all bars are as long: there are two metres, or a bar was cut by a jump."""
    jumps = [0]
    for old, new in pairwise(segments):
        moved = _place(new, new.frame) - _place(old, new.frame)
        jump = round(moved)
        if new.beats_per_bar != old.beats_per_bar or jump % new.beats_per_bar or abs(moved - jump) > SAME_BEAT:
            return None
        jumps.append(jumps[-1] + jump)
    return _Line(segments, tuple(jumps))


class _Band:
    """What was to be played, as time passed."""

    def __init__(self, changes: Iterable[tuple[int, Situation | m.Message]]) -> None:
        self._changes = deque(changes)
        _, begun = self._changes.popleft()
        assert isinstance(begun, Situation)
        self.situation = begun

    def wait(self, frame: float) -> None:
        """
        Raises:
            ChartError: a chart or chord cannot be read.
        """
        while self._changes and self._changes[0][0] <= frame:
            _, change = self._changes.popleft()
            match change:
                case Situation():
                    self.situation = change
                case m.SetClock():
                    self.situation.clock = change.clock
                case m.SetChart():
                    self.situation.set_chart(parse_chart(change.text), change.bar)
                case m.SetChord():
                    self.situation.set_chord(parse_chord(change.text) if change.text else None, change.beat)

    def chart_alone(self, beat: float) -> tuple[Chart, int] | None:
        """The chart and the bar at which it began; None where its chords are overridden, or its bars are not the clock's."""
        segment = self.situation.segment_at(beat)
        begun, chart = self.situation.chart_at(beat)
        is_plain = self.situation.override_at(beat) is None and chart.beats_per_bar == segment.beats_per_bar
        return (chart, begun) if is_plain else None

    def chords(self, beat: float) -> list[tuple[float, Chord]]:
        """Those of one beat, each with its place in it."""
        chart, begin, _ = self.situation.harmony(beat)
        found, place = [(0.0, chart.chord_at(begin))], begin
        while True:
            place, chord = chart.next_change(place)
            if place > begin + 1 - SNAP:
                return found
            found.append((place - begin, chord))


def _played(line: _Line, changes: Iterable[tuple[int, Situation | m.Message]], first: int, until: float) -> tuple[Chart, int]:
    """The chart of an input and the count of its first beat.

    It is the jam's own where that is all that was played; or else a bar for each that was, from the start of a chorus on.

    Raises:
        ChartError: a chart or chord cannot be read.
    """
    band, per_bar = _Band(changes), line.per_bar
    band.wait(first)
    begin = math.floor(line.count(0, first) + SNAP)
    start = begin // per_bar * per_bar
    start -= band.situation.harmony(line.beat(start))[2] * per_bar
    bars: list[list[tuple[float, Chord]]] = []
    whole: list[tuple[Chart, int] | None] = []
    for count in range(start, math.ceil(line.count(-1, until) / per_bar) * per_bar):
        band.wait(max(line.frame(count), first))
        beat, within = line.beat(count), count % per_bar
        if not within:
            bars.append([])
        for place, chord in band.chords(beat):
            if not bars[-1] or not chord.sounds_like(bars[-1][-1][1]):
                bars[-1].append((within + place, chord))
        if count >= begin:
            alone = band.chart_alone(beat)
            one = None if alone is None else (alone[0], alone[1] * per_bar - line.find(count)[1])
            if not whole or one != whole[-1]:
                whole.append(one)
    if whole[0] is not None and all(one is not None and _same(one, whole[0]) for one in whole):
        return whole[0]
    return Chart(per_bar, tuple(Bar(tuple(bar)) for bar in bars)), start


def _same(one: tuple[Chart, int], other: tuple[Chart, int]) -> bool:
    """Whether charts with the counts of their first beats are the same all the time."""
    return one[0] == other[0] and (one[1] - other[1]) % one[0].beats == 0
