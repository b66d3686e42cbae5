"""The follower: observations of an outside clock to corrections of the daemon's.

What is steered is the clock's *line*: its last segment, carried on both ways. A phase error is taken away by a segment of slightly
bent tempo that ends on the line, so that a correction is one new clock with its end already in it, and observations are compared with
the line at once, not with the bend. Beats of the daemon run on for ever; only bars follow a locate (see `Clock.placed`).

Readings scatter (a time of the system's clock is turned into a frame by cycles that begin late), so small errors are judged by the mean
of a window against the scatter in it. The two clocks' seconds differ by some parts in a million: once there is a base of 5 s, that rate
is learned and corrections grow rare.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from jamd.contract.clock import Clock, ClockSegment
from jamd.contract.observation import Observation
from jamd.contract.units import SAMPLE_RATE, TEMPO_MAX, TEMPO_MIN

DEADBAND: Final = 0.0002 * SAMPLE_RATE
"""Errors under this stay. In frames, as all errors here."""
CLEAR: Final = 0.005 * SAMPLE_RATE
"""Three readings in a row that are further off than this need no window."""
NUDGE: Final = 0.003 * SAMPLE_RATE
"""A step in phase of more than this was no drift."""
JUMP_BEATS: Final = 0.5
BEND: Final = 0.04
"""Most that the tempo is bent to take a phase error away."""
WINDOW: Final = (round(0.1 * SAMPLE_RATE), round(0.5 * SAMPLE_RATE))
"""Shortest and longest stretch of readings whose mean counts."""
FEWEST: Final = 5
GAP: Final = round(0.1 * SAMPLE_RATE)
"""Slight corrections of tempo are at least this far apart, so that a ramp costs ten new clocks a second and not hundreds."""
SLIGHT_STEP: Final = 0.01
TEMPO_STEP: Final = 1e-4
"""Share by which the source's tempo has to change to count."""
LOWEST, HIGHEST = TEMPO_MIN / 2, TEMPO_MAX * 1.25
RATE_BASE: Final = 5 * SAMPLE_RATE
RATE_MOST: Final = 1e-3


class Follower:
    """Follows one source. One object a source; `follow` is called with every reading, in order."""

    def __init__(self) -> None:
        self.rate = 0.0
        """Share by which the source's beats come faster on our time line than its own tempo says: the clocks' seconds differ."""
        self._errors: deque[tuple[float, float]] = deque()
        self._line: ClockSegment | None = None
        self._offset: float | None = None
        """Daemon's beat less the source's, of a source that knows no bars."""
        self._corrected: float | None = None
        self._base: tuple[float, float] | None = None
        """Frame and beat from which the rate is measured."""

    def follow(self, clock: Clock, observation: Observation, now: int) -> Clock | None:
        """The daemon's clock as it has to be from frame `now` on; None: as it is.

        `now` must not run back. The new clock starts or stops with the source. A source far outside the daemon's tempos is not followed.
        """
        if not observation.playing:
            self._forget()
            return clock.stopped() if clock.playing else self._standing(clock, observation, now)
        if not _fits(observation):
            return None
        if not clock.playing:
            return self._start(clock, observation, now)
        at = max(now, observation.frame)
        label = clock.segment_at(at)
        per_bar = observation.beats_per_bar or label.beats_per_bar
        if per_bar != label.beats_per_bar:
            return self._jump(clock, observation, now, per_bar)
        line = clock.segments[-1]
        if line != self._line:  # somebody else's change
            self._errors.clear()
            self._line = line
        beat = self._daemon_beat(observation, label)
        error = (beat - line.beat_at(observation.frame)) * line.frames_per_beat
        played = beat + observation.ahead(at) - clock.beat_at(at)  # a bend may be farther off than the line that it leads to
        if max(abs(error) / line.frames_per_beat, abs(played)) > JUMP_BEATS:
            return self._jump(clock, observation, now, per_bar)
        tempo = observation.tempo * (1.0 + self.rate)
        step = abs(tempo / line.tempo - 1.0)
        if step > TEMPO_STEP:
            slight = step < SLIGHT_STEP and abs(error) < NUDGE
            if slight and self._corrected is not None and 0 <= observation.frame - self._corrected < GAP:
                return None
            self._base = None
            return self._steer(clock, observation.frame, beat, tempo, now)
        return self._hold(clock, observation, error, now)

    # --- phase ----------------------------------------------------------------------------------------------------------

    def _hold(self, clock: Clock, observation: Observation, error: float, now: int) -> Clock | None:
        """The tempo is right: is the phase?"""
        errors, frame = self._errors, observation.frame
        errors.append((frame, error))
        while frame - errors[0][0] > WINDOW[1]:
            errors.popleft()
        recent = [errors[-back][1] for back in range(1, min(len(errors), 3) + 1)]
        if len(recent) == 3 and min(map(abs, recent)) > CLEAR and min(recent) * max(recent) > 0:
            shift = sorted(recent)[1]
        elif len(errors) >= FEWEST and frame - errors[0][0] >= WINDOW[0]:
            shift = sum(value for _, value in errors) / len(errors)
            scatter = math.sqrt(sum((value - shift) ** 2 for _, value in errors) / len(errors))
            if abs(shift) <= max(DEADBAND, scatter):
                if self._base is None:
                    self._base = self._middle(shift)
                return None
        else:
            return None
        line = clock.segments[-1]
        self._learn_rate(observation.tempo, shift)
        return self._steer(clock, frame, line.beat_at(frame) + shift / line.frames_per_beat,
                           observation.tempo * (1.0 + self.rate), now)  # fmt: skip

    def _middle(self, shift: float) -> tuple[float, float]:
        """Frame and beat of the source in the middle of the window."""
        assert self._line is not None
        frame = sum(at for at, _ in self._errors) / len(self._errors)
        return frame, self._line.beat_at(frame) + shift / self._line.frames_per_beat

    def _learn_rate(self, tempo: float, shift: float) -> None:
        if abs(shift) > NUDGE or self._base is None:
            self._base = None
            return
        frame, beat = self._middle(shift)
        if frame - self._base[0] >= RATE_BASE:
            measured = (beat - self._base[1]) / (frame - self._base[0]) * 60.0 * SAMPLE_RATE
            self.rate = max(-RATE_MOST, min(RATE_MOST, measured / tempo - 1.0))

    def _daemon_beat(self, observation: Observation, label: ClockSegment) -> float:
        """The beat that the daemon's clock should have at the observation's frame."""
        if not observation.knows_bars and self._offset is not None:
            return observation.beat + self._offset
        bar, within = observation.place(observation.frame, label.beats_per_bar)
        beat = label.beat_of_bar(bar) + within
        self._offset = beat - observation.beat
        return beat

    # --- new clocks -----------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        self._errors.clear()
        self._line = self._offset = self._corrected = self._base = None

    def _standing(self, clock: Clock, observation: Observation, now: int) -> Clock | None:
        """A clock that stands takes over tempo and metre; its place is read when it starts."""
        old = clock.segments[-1]
        per_bar = observation.beats_per_bar or old.beats_per_bar
        if not _fits(observation) or (per_bar == old.beats_per_bar and abs(observation.tempo / old.tempo - 1.0) <= TEMPO_STEP):
            return None
        return Clock.standing(now, observation.tempo, per_bar)

    def _start(self, clock: Clock, observation: Observation, now: int) -> Clock:
        self._forget()
        per_bar = observation.beats_per_bar or clock.segments[-1].beats_per_bar
        bar, within = observation.place(now, per_bar)
        bar_beat = float(round(observation.beat + observation.ahead(now) - within))
        tempo = observation.tempo * (1.0 + self.rate)
        begun = Clock((ClockSegment(now, bar_beat + within, tempo, per_bar, bar_beat, bar),), True)
        return self._settled(begun, observation, now)

    def _jump(self, clock: Clock, observation: Observation, now: int, per_bar: int) -> Clock:
        self._forget()
        bar, within = observation.place(now, per_bar)
        return self._settled(clock.placed(now, bar, within, observation.tempo * (1.0 + self.rate), per_bar), observation, now)

    def _settled(self, clock: Clock, observation: Observation, now: int) -> Clock:
        """Remember a clock that is at the source's place."""
        self._line, self._corrected = clock.segments[-1], observation.frame
        self._offset = self._line.beat - observation.ahead(now) - observation.beat
        return clock

    def _steer(self, clock: Clock, frame: float, beat: float, tempo: float, now: int) -> Clock:
        """A line through (frame, beat) with the tempo, reached from where the clock is at `now` by a bend of a beat or more."""
        self._errors.clear()
        self._corrected = frame
        per_frame = tempo / (60.0 * SAMPLE_RATE)
        here = clock.beat_at(now)
        missing = (beat + (now - frame) * per_frame - here) / per_frame
        bend = math.ceil(max(1.0 / per_frame, abs(missing) / BEND)) if abs(missing) >= 0.5 else 0
        end_beat = beat + (now + bend - frame) * per_frame
        pieces = [(now + bend, end_beat, tempo)]
        if bend:
            pieces.insert(0, (now, here, (end_beat - here) / bend * 60.0 * SAMPLE_RATE))
        steered = clock.with_segments(*_labelled(clock, pieces))
        self._line = steered.segments[-1]
        return steered


def _fits(observation: Observation) -> bool:
    return LOWEST <= observation.tempo <= HIGHEST


def _labelled(clock: Clock, pieces: list[tuple[int, float, float]]) -> list[ClockSegment]:
    """Pieces of (frame, beat, tempo) with the bars of a clock, later changes of metre among them at their beats."""
    label = clock.segment_at(pieces[0][0])
    changes = [label]
    for later in clock.segments:
        last = changes[-1]
        if later.frame > pieces[0][0] and (later.beats_per_bar, later.bar, later.bar_beat) != (
            last.beats_per_bar, last.bar, last.bar_beat,
        ):  # fmt: skip
            changes.append(later)
    out: list[ClockSegment] = []
    for index, (frame, beat, tempo) in enumerate(pieces):
        end = pieces[index + 1][1] if index + 1 < len(pieces) else math.inf
        now = next(change for change in reversed(changes) if change is label or change.beat <= beat)
        out.append(ClockSegment(frame, beat, tempo, now.beats_per_bar, now.bar_beat, now.bar))
        for change in changes[1:]:
            if beat < change.beat < end:
                at = frame + round((change.beat - beat) * out[-1].frames_per_beat)
                if at > out[-1].frame:
                    out.append(ClockSegment(at, change.beat, tempo, change.beats_per_bar, change.bar_beat, change.bar))
    return out
