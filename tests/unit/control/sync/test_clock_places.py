"""What the clock does for a follower: places in a bar, and segments in the place of others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.contract.clock import Clock, ClockSegment
from jamd.contract.observation import Observation


@given(
    tempo=st.floats(40, 320), other=st.floats(40, 320), frame=st.integers(1, 20_000_000), bar=st.integers(-3, 500),
    metre=st.sampled_from([2, 3, 4, 5]), share=st.floats(0, 0.999),
)  # fmt: skip
def test_a_placed_clock_is_there_and_its_beat_runs_on(tempo: float, other: float, frame: int, bar: int, metre: int, share: float) -> None:
    clock = Clock.started(0, tempo, 4)
    placed = clock.placed(frame, bar, share * metre, other, metre)
    at, within = placed.bar_at(frame)
    assert at * metre + within == pytest.approx(bar * metre + share * metre, abs=1e-5)
    assert placed.beat_at(frame - 1) < placed.beat_at(frame) < clock.beat_at(frame) + 1.0
    assert placed.segments[-1].bar_beat == round(placed.segments[-1].bar_beat)
    assert placed.segment_at(frame).tempo == other


def test_a_place_on_the_grid_that_is_there_moves_no_beat() -> None:
    clock = Clock.started(0, 120.0, 4)
    placed = clock.placed(96_000, 17, 0.0, 120.0, 4)
    assert placed.beat_at(96_000) == 4.0
    assert placed.bar_at(96_000) == (17, 0.0)
    assert placed.next_bar(96_001) == (192_000, 18)


def test_segments_take_the_place_of_all_from_their_frame_on() -> None:
    clock = Clock.started(0, 120.0, 4).with_tempo(60.0, 48_000).with_tempo(90.0, 480_000)
    fresh = ClockSegment(96_000, 3.0, 200.0, 4, 0.0, 0)
    assert clock.with_segments(fresh).segments == (*clock.segments[:2], fresh)


@given(bar=st.integers(-2, 400), share=st.floats(0, 0.99), metre=st.sampled_from([3, 4]), later=st.integers(0, 480_000))
def test_an_observation_knows_its_place(bar: int, share: float, metre: int, later: int) -> None:
    beat = bar * metre + share * metre
    by_count = Observation(1000.0, beat, 120.0, True, metre)
    named = Observation(1000.0, beat, 120.0, True, metre, float(bar * metre), bar + 10)
    ahead = (later / 24_000) + beat
    for observation, first in ((by_count, 0), (named, 10)):
        at, within = observation.place(1000.0 + later, metre)
        assert 0 <= within <= metre
        assert (at - first) * metre + within == pytest.approx(ahead, abs=1e-6)
    assert Observation(1000.0, beat, 120.0, False, metre).place(1000.0 + later, metre)[1] == pytest.approx(share * metre, abs=1e-6)
