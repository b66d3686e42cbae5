"""The follower, simulated: a source, readings of it that scatter, and the daemon's clock behind it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jamd.contract.clock import Clock
from jamd.contract.observation import Observation
from jamd.control.sync.follower import BEND, Follower

RATE = 48_000


@dataclass
class Source:
    """Tempo by time: (seconds, tempo, beats that it is moved by then). `drift`: its second is that much shorter than ours."""

    parts: list[tuple[float, float, float]]
    drift: float = 0.0
    metre: int | None = 4

    def at(self, frame: float) -> tuple[float, float]:
        """Beat and tempo."""
        beat, second = 0.0, frame / RATE * (1 + self.drift)
        for index, (begin, tempo, moved) in enumerate(self.parts):
            end = self.parts[index + 1][0] if index + 1 < len(self.parts) else 1e12
            if second >= begin:
                beat += moved + (min(second, end) - begin) * tempo / 60
        return beat, [tempo for begin, tempo, _ in self.parts if begin <= second][-1]


@dataclass
class Run:
    clock: Clock
    changes: list[int] = field(default_factory=list)
    errors: list[tuple[int, float]] = field(default_factory=list)
    """Frame, and milliseconds that the daemon is ahead."""

    def worst(self, begin: float, end: float = 1e9) -> float:
        return max(abs(error) for frame, error in self.errors if begin <= frame / RATE <= end)

    def changed(self, begin: float, end: float = 1e9) -> int:
        return sum(begin <= frame / RATE <= end for frame in self.changes)


def simulate(source: Source, seconds: float, scatter_ms: float = 0.0, seed: int = 0, poll: tuple[int, int] = (96, 480)) -> Run:
    """Poll every 2 to 10 ms; whatever is read of the clock must never fall."""
    draw = random.Random(seed)
    follower = Follower()
    run = Run(Clock.standing(0, 120.0, 4))
    now, highest = 1000, -1e9
    while now < seconds * RATE:
        now += draw.randint(*poll)
        beat, tempo = source.at(now - 200)
        frame = now - 200 + draw.uniform(-scatter_ms, scatter_ms) * 48
        fresh = follower.follow(run.clock, Observation(frame, beat, tempo, True, source.metre), now)
        if fresh is not None:
            if run.clock.playing:
                assert fresh.beat_at(now) > run.clock.beat_at(now - 1)
                run.changes.append(now)
            run.clock = fresh.prune(now - 60 * RATE)
        here = run.clock.beat_at(now)
        assert here > highest or not run.changes
        highest = here
        beat, tempo = source.at(now)
        bar, within = run.clock.bar_at(now)
        run.errors.append((now, (bar * 4 + within - beat) * 60_000 / tempo))
    return run


def test_at_rest_nothing_changes() -> None:
    run = simulate(Source([(0, 97.0, 0)]), 120)
    assert run.changed(0) == 0
    assert run.worst(0) < 0.05


@pytest.mark.parametrize("seed", range(2))
def test_readings_that_scatter_by_a_millisecond_hardly_ever_change_it(seed: int) -> None:
    run = simulate(Source([(0, 132.0, 0)]), 180, scatter_ms=1.0, seed=seed)
    assert run.changed(5) <= 2
    assert run.worst(5) < 1.0


@pytest.mark.parametrize("drift", [50e-6, -120e-6])
def test_a_clock_that_drifts_is_learned(drift: float) -> None:
    run = simulate(Source([(0, 120.0, 0)], drift), 180, scatter_ms=0.3)
    assert run.worst(2) < 0.7
    assert run.changed(90) <= 3
    assert run.changed(0) <= 20


@pytest.mark.parametrize(("before", "after"), [(120.0, 150.0), (150.0, 96.0), (120.0, 120.5), (60.0, 240.0)])
@pytest.mark.parametrize("scatter", [0.0, 0.5])
def test_a_step_in_tempo_is_followed_within_a_bar(before: float, after: float, scatter: float) -> None:
    bar = 4 * 60 / after
    run = simulate(Source([(0, before, 0), (10, after, 0)]), 40, scatter)
    assert run.worst(10 + bar) < 2.0
    assert run.worst(10, 10 + bar) < 0.04 * 60_000 / min(before, after)
    assert run.changed(10, 10 + bar) <= 6
    assert run.changed(10 + 2 * bar) <= 2
    assert run.clock.segments[-1].tempo == pytest.approx(after, rel=2e-4)


def test_a_ramp_is_followed() -> None:
    run = simulate(Source([(0, 100.0, 0), *[(5 + step * 0.02, 100 + step * 0.1, 0) for step in range(500)]]), 25)
    assert run.worst(5, 15) < 8.0
    assert run.worst(17) < 0.5
    assert run.changed(5, 15) <= 110


@given(beats=st.floats(-0.45, 0.45), tempo=st.floats(50, 300))
@settings(max_examples=20, deadline=None)
def test_a_small_shift_is_slewed_and_never_backwards(beats: float, tempo: float) -> None:
    run = simulate(Source([(0, tempo, 0), (3, tempo, beats)]), 4)
    steepest = max(segment.tempo / tempo for segment in run.clock.segments)
    flattest = min(segment.tempo / tempo for segment in run.clock.segments)
    assert 1 - BEND - 2e-3 < flattest <= steepest < 1 + BEND + 2e-3
    source = Source([(0, tempo, 0), (3, tempo, beats)])
    end = run.clock.segments[-1].frame + 100
    beat, _ = source.at(end)
    bar, within = run.clock.bar_at(end)
    assert bar * 4 + within == pytest.approx(beat, abs=0.0003 * tempo / 60)


@given(moved=st.floats(0.6, 300), back=st.booleans(), at=st.floats(2, 3), metre=st.sampled_from([4, None]))
@example(moved=1.75, back=False, at=3.0, metre=4)
@settings(max_examples=25, deadline=None)
def test_a_locate_jumps_at_once_and_the_beat_runs_on(moved: float, back: bool, at: float, metre: int | None) -> None:
    source = Source([(0, 120.0, 400.0), (at, 120.0, -moved if back else moved)], metre=metre)
    run = simulate(source, at + 1.0)
    assert run.worst(at + 0.02) < 0.1
    assert run.changed(at, at + 0.03) == 1
    assert run.changed(at + 0.03) == 0
    _, within = run.clock.bar_at(round((at + 0.5) * RATE))
    beat = run.clock.beat_at(round((at + 0.5) * RATE))
    assert (beat - within) == pytest.approx(round(beat - within), abs=1e-6), "whole beats lie on the beats of the bar"


def test_small_shifts_that_add_up_to_a_large_one_jump() -> None:
    """A server that stalls twice while it starts: each stall is slewed for itself, both together would be bent for ten seconds."""
    run = simulate(Source([(0, 132.0, 0), (3, 132.0, -0.45), (3.3, 132.0, -0.45)]), 6)
    assert run.worst(3.5) < 2.0


def test_starting_takes_place_and_tempo_and_stopping_stops() -> None:
    follower = Follower()
    standing = Clock.standing(0, 120.0, 4)
    waiting = follower.follow(standing, Observation(90.0, 0.0, 90.0, False, 3), 100)
    assert waiting is not None and not waiting.playing
    assert (waiting.segments[-1].tempo, waiting.segments[-1].beats_per_bar) == (90.0, 3)
    assert follower.follow(waiting, Observation(500.0, 0.0, 90.0, False, 3), 600) is None
    begun = follower.follow(waiting, Observation(31_000.0, 7.0, 90.0, True, 3), 32_000)
    assert begun is not None and begun.playing
    assert begun.bar_at(31_000) == (2, pytest.approx(1.0))
    assert begun.beat_at(31_000) == pytest.approx(7.0)
    stopped = follower.follow(begun, Observation(64_000.0, 8.0, 90.0, False, 3), 64_100)
    assert stopped is not None and not stopped.playing


def test_bars_are_those_of_the_source() -> None:
    follower = Follower()
    clock = Clock.standing(0, 120.0, 4)
    clock = follower.follow(clock, Observation(0.0, 101.0, 120.0, True, 4, 100.0, 30), 0) or clock
    assert clock.bar_at(24_000) == (30, pytest.approx(2.0))
    clock = follower.follow(clock, Observation(72_000.0, 104.0, 120.0, True, 3, 104.0, 31), 72_000) or clock
    assert clock.bar_at(72_000) == (31, pytest.approx(0.0))
    assert clock.next_bar(72_001) == (144_000, 32)
    assert clock.beat_at(72_000) == pytest.approx(104.0)


def test_a_coming_change_of_metre_survives_a_correction() -> None:
    follower = Follower()
    clock = Clock.standing(0, 120.0, 4)
    clock = follower.follow(clock, Observation(0.0, 0.0, 120.0, True), 0) or clock
    clock = clock.with_metre(3, 96_000)
    clock = follower.follow(clock, Observation(48_000.0, 2.0, 150.0, True), 48_000) or clock
    line = clock.next_bar(50_000)
    assert line == (48_000 + 2 * 19_200, 1)
    assert clock.bar_at(line[0] + 3 * 19_200) == (2, pytest.approx(0.0, abs=1e-3))
    assert follower.follow(clock, Observation(150_000.0, 2 + 102_000 / 19_200, 150.0, True), 150_000) is None


def test_the_clock_of_another_hand_is_brought_back() -> None:
    follower = Follower()
    source = Source([(0, 120.0, 0)])
    clock = Clock.standing(0, 120.0, 4)

    def polled(clock: Clock, begin: int, end: int) -> Clock:
        for now in range(begin, end, 300):
            clock = follower.follow(clock, Observation(now - 50.0, *source.at(now - 50), True, 4), now) or clock
        return clock

    clock = polled(clock, 300, 48_000).with_tempo(121.0, 50_000)
    clock = polled(clock, 50_100, 400_000)
    assert clock.segments[-1].tempo == pytest.approx(120.0, rel=1e-5)
    assert clock.beat_at(400_000) == pytest.approx(source.at(400_000)[0], abs=1e-3)
