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
