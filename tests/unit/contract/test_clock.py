"""Musical time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.contract.clock import Clock, ClockSegment

tempos = st.floats(40, 320)


@given(frame=st.integers(-1_000_000, 100_000_000), tempo=tempos, start=st.integers(0, 10_000_000))
def test_frame_of_a_beat_is_the_frame_it_was_read_at(frame: int, tempo: float, start: int) -> None:
    clock = Clock.started(start, tempo, 4)
    assert clock.frame_at(clock.beat_at(frame)) == frame


@given(frame=st.integers(0, 10_000_000), tempo=tempos, metre=st.sampled_from([3, 4]), bars=st.sampled_from([1, 2, 4, 8]))
def test_next_quantum_is_a_line_not_before_and_the_first(frame: int, tempo: float, metre: int, bars: int) -> None:
    clock = Clock.started(1000, tempo, metre)
    at, bar = clock.next_quantum(frame, bars)
    length = 60 * 48_000 / tempo * metre * bars
    assert bar % bars == 0
    assert frame - 1 <= at < frame + length + 1
    assert clock.bar_at(at + 1)[0] == bar
    assert at == pytest.approx(1000 + bar * 60 * 48_000 / tempo * metre, abs=1)


def test_bars_count_from_zero() -> None:
    clock = Clock.started(0, 120.0, 4)
    assert clock.bar_at(0) == (0, 0.0)
    assert clock.bar_at(95_999)[0] == 0
    assert clock.bar_at(96_000) == (1, 0.0)
    assert clock.next_bar(0) == (0, 0)
    assert clock.next_bar(1) == (96_000, 1)
    assert clock.next_beat(1) == (24_000, 1.0)


def test_tempo_changes_and_the_beat_runs_on() -> None:
    clock = Clock.started(0, 120.0, 4).with_tempo(60.0, 48_000)
    assert clock.beat_at(48_000) == 2.0
    assert clock.beat_at(96_000) == 3.0
    assert clock.next_bar(50_000) == (144_000, 1)
    assert clock.frame_at(4.0) == 144_000
    assert clock.frame_at(1.0) == 24_000


def test_metre_changes_on_the_bar_line() -> None:
    clock = Clock.started(0, 120.0, 4).with_metre(3, 96_000)
    assert clock.segments[-1] == ClockSegment(96_000, 4.0, 120.0, 3, 4.0, 1)
    assert clock.bar_at(96_000 + 72_000) == (2, 0.0)
    assert clock.next_bar(97_000) == (168_000, 2)
    assert clock.next_bar(1000) == (96_000, 1)


def test_a_bar_is_found_where_it_falls_last() -> None:
    """Where bar 5 would begin, the clock is located back to bar 3, at another tempo and in another metre."""
    clock = Clock.started(0, 120.0, 4).placed(480_000, 3, 0.0, 60.0, 3)
    assert clock.bar_at(479_999)[0] == 4
    for bar, frame in ((2, 192_000), (3, 480_000), (4, 480_000 + 144_000)):
        assert clock.frame_of_bar(bar) == frame
        assert clock.beat_of_bar(bar) == clock.beat_at(frame)
        assert clock.bar_at(frame) == (bar, 0.0)


def test_bars_before_a_tempo_change_are_where_they_were_played() -> None:
    """The tempo changes in the middle of bar 2, and in bar 5 once more; bar 20 is located to in its middle."""
    clock = Clock.started(0, 120.0, 4).with_tempo(60.0, 240_000).with_tempo(240.0, 720_000)
    for bar, frame in ((0, 0), (1, 96_000), (2, 192_000), (3, 240_000 + 96_000), (5, 720_000), (6, 720_000 + 48_000)):
        assert clock.frame_of_bar(bar) == frame, bar
        assert clock.bar_at(frame) == (bar, 0.0)
        assert clock.beat_of_bar(bar) == clock.beat_at(frame)
    assert clock.frame_of_bar(-1) == -96_000
    located = clock.placed(816_000, 20, 2.0, 120.0, 4)
    assert located.frame_of_bar(20) == 816_000 - 48_000 and located.frame_of_bar(2) == 192_000
    assert located.frame_of_bar(21) == 816_000 + 48_000


def test_a_standing_clock_has_the_tempo_and_metre_to_start_with() -> None:
    clock = Clock.standing(1000, 90.0, 3)
    assert not clock.playing
    assert clock == Clock.started(1000, 90.0, 3).stopped()


def test_pruned_clock_reads_the_same() -> None:
    clock = Clock.started(0, 120.0, 4).with_tempo(60.0, 48_000).with_tempo(200.0, 480_000)
    pruned = clock.prune(500_000)
    assert len(pruned.segments) == 1
    assert pruned.beat_at(700_000) == clock.beat_at(700_000)
    assert pruned.bar_at(700_000) == clock.bar_at(700_000)


def changed(tempo: float, metre: int, changes: list[tuple[str, int, float]]) -> Clock:
    """A clock with changes of tempo on the next beat or anywhere, of metre on the next bar line, one after the other."""
    clock, now = Clock.started(4800, tempo, metre), 4800
    for kind, wait, value in changes:
        now += wait
        if kind == "metre":
            now = clock.next_bar(now)[0]
            clock = clock.with_metre(7 - clock.segment_at(now).beats_per_bar, now)
        else:
            now = clock.next_beat(now)[0] if kind == "beat" else now
            clock = clock.with_tempo(value, now)
    return clock


@pytest.mark.parametrize("tempo", [97.0, 120.0, 133.0, 177.7, 240.0])
@pytest.mark.parametrize("metre", [3, 4])
def test_a_bar_begins_at_the_frame_of_its_line(tempo: float, metre: int) -> None:
    """At most tempi lines fall between two frames; the frame they are rounded to belongs to their bar."""
    clock = Clock.started(4800, tempo, metre)
    for bar in range(-4, 300):
        frame = clock.frame_of_bar(bar)
        assert clock.bar_at(frame) == (bar, pytest.approx(0.0, abs=1e-4)), bar
        assert clock.bar_at(frame - 1)[0] == bar - 1
        assert clock.next_bar(frame) == (frame, bar)
        assert clock.next_bar(frame + 1)[1] == bar + 1
        assert clock.next_quantum(frame, 4)[1] == -(-bar // 4) * 4
        for beat in range(bar * metre, bar * metre + metre):
            assert clock.next_beat(clock.frame_at(beat)) == (clock.frame_at(beat), beat)
        for part in (1.25, 1.5, 1.75):
            division = clock.frame_at(bar * metre + part)
            assert clock.next_division(division, 0.25)[0] == division


changes = st.lists(st.tuples(st.sampled_from(["beat", "anywhere", "metre"]), st.integers(1000, 300_000), tempos), max_size=5)


@given(tempo=tempos, metre=st.sampled_from([3, 4]), made=changes)
def test_bars_are_found_through_all_changes(tempo: float, metre: int, made: list[tuple[str, int, float]]) -> None:
    clock = changed(tempo, metre, made)
    last = 4700
    for bar in range(clock.bar_at(clock.segments[-1].frame)[0] + 3):
        frame = clock.frame_of_bar(bar)
        assert frame > last
        assert clock.bar_at(frame) == (bar, pytest.approx(0.0, abs=1e-3)), bar
        assert clock.bar_at(frame - 1)[0] == bar - 1
        assert clock.next_bar(last + 1) == (frame, bar)
        last = frame


def test_a_tempo_that_changes_on_the_bar_line() -> None:
    for before in range(60, 200):
        clock = Clock.started(0, float(before), 4)
        line = clock.frame_at(8.0)
        for after in (before - 10, before + 7, 48):
            fresh = clock.with_tempo(float(after), line)
            fresh = fresh.with_tempo(before * 0.8, fresh.frame_at(13.0))
            assert fresh.frame_of_bar(2) == line
            assert fresh.bar_at(line) == (2, 0.0)
            assert fresh.next_bar(line - 1) == fresh.next_bar(line) == (line, 2)


def test_a_change_by_another_hand_may_lie_beside_the_line() -> None:
    """What follows a source rounds its own frames: the line is then the first frame of the new tempo, or after it."""
    for off in (-0.45, 0.45):
        clock = Clock.started(0, 228.0, 3)
        frame = clock.frame_of_bar(2)
        beat = 6.0 + off / clock.segments[0].frames_per_beat
        clock = clock.with_segments(ClockSegment(frame, beat, 48.0, 3, 0.0, 0))
        line, bar = clock.next_bar(frame - 10)
        assert bar == 2 and frame <= line < frame + 4
        assert clock.frame_of_bar(2) == line
        assert clock.bar_at(line)[0] == 2


@pytest.mark.parametrize(("now", "to"), [(1_824_000, 0), (200_000, 49)])
def test_until_a_locate_lines_are_those_before_it(now: int, to: int) -> None:
    clock = Clock.started(0, 120.0, 4)
    line, bar = clock.next_bar(now)
    located = clock.placed(line, to, 0.0, 120.0, 4)
    assert located.next_bar(now) == (line, to)
    assert located.next_bar(now - 96_000) == ((line - 96_000, bar - 1) if line - 96_000 >= now - 96_000 else (line, to))
    multiple = -(-to // 4) * 4
    assert located.next_quantum(now, 4) == (line + (multiple - to) * 96_000, multiple)


def test_a_division_is_counted_in_the_tempo_that_comes() -> None:
    clock = Clock.started(0, 120.0, 4).with_tempo(60.0, 24_000)
    assert clock.next_division(14_400, 2.0) == (72_000, 2.0)
    assert clock.next_division(14_400, 1.0) == (24_000, 1.0)


def test_another_tempo_keeps_what_is_to_come() -> None:
    clock = Clock.started(0, 120.0, 4).with_metre(3, 192_000)
    assert clock.with_tempo(60.0, 144_000).segments[1:] == (
        ClockSegment(144_000, 6.0, 60.0, 4, 0.0, 0), ClockSegment(240_000, 8.0, 60.0, 3, 8.0, 2),
    )  # fmt: skip
    clock = Clock.started(0, 120.0, 4).placed(192_000, 50, 0.0, 120.0, 4).with_tempo(60.0, 144_000)
    assert clock.next_bar(150_000) == (240_000, 50)
    assert clock.next_bar(250_000) == (240_000 + 192_000, 51)
    assert len(clock.with_tempo(90.0, 144_000).segments) == 3
    assert len(clock.with_tempo(90.0, 300_000).segments) == 4


def test_another_metre_keeps_a_tempo_that_is_to_come() -> None:
    clock = Clock.started(0, 120.0, 4).with_tempo(60.0, 216_000).with_metre(3, 192_000)
    assert clock.segments[1:] == (ClockSegment(192_000, 8.0, 120.0, 3, 8.0, 2), ClockSegment(216_000, 9.0, 60.0, 3, 8.0, 2))


def test_what_waits_for_a_line_is_carried_to_it() -> None:
    old = Clock.started(0, 121.0, 4)
    at = old.frame_of_bar(8)
    for tempo in range(60, 240, 7):
        clock = old.with_tempo(float(tempo), old.frame_at(5.0))
        assert clock.carried(old, at, 8) == clock.frame_of_bar(8)
        assert clock.carried(old, old.frame_at(4.25), 1) == old.frame_at(4.25)
        assert clock.carried(old, old.frame_at(9.25), 1) == clock.frame_at(9.25)
        old, at = clock, clock.frame_of_bar(8)
    metre = old.with_metre(3, old.frame_of_bar(3))  # the line of bar 8 would be beat 32 no more: the next one is beat 33
    assert metre.carried(old, at, 1) == metre.frame_at(33.0)
    located = old.placed(old.frame_of_bar(6), 49, 0.0, old.segments[-1].tempo, 4)
    assert located.carried(old, at, 1) == located.frame_of_bar(51)
    assert located.carried(old, at, 8) == located.frame_of_bar(56)
    assert not located.counts_bars_like(old) and metre.counts_bars_like(old) and old.counts_bars_like(old)
