"""Tempo from taps."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.control.sync.tap import TapTempo


def tapped(times: list[float]) -> list[float | None]:
    tap = TapTempo()
    return [tap.tap(time) for time in times]


@given(tempo=st.floats(40.5, 319), start=st.floats(0, 1e6), count=st.integers(2, 20))
def test_steady_taps_give_their_tempo_from_the_second_on(tempo: float, start: float, count: int) -> None:
    found = tapped([start + index * 60 / tempo for index in range(count)])
    assert found[0] is None
    assert found[1:] == [pytest.approx(tempo, rel=1e-4)] * (count - 1)


@given(tempo=st.floats(60, 240), seed=st.integers(0, 10_000))
def test_eight_human_taps_are_within_two_percent(tempo: float, seed: int) -> None:
    draw = random.Random(seed)
    found = tapped([index * 60 / tempo + draw.uniform(-0.015, 0.015) for index in range(9)])[-1]
    assert found == pytest.approx(tempo, rel=max(0.02, 0.0004 * tempo / 4))


def test_one_tap_that_comes_late_is_dropped() -> None:
    times = [index * 0.5 for index in range(8)]
    times[5] += 0.18
    assert tapped(times)[-1] == pytest.approx(120.0, rel=1e-9)


def test_a_pause_starts_afresh() -> None:
    times = [0.0, 0.5, 1.0, 1.5, 3.5, 4.5]
    assert tapped(times) == [None, *[pytest.approx(120.0)] * 3, None, pytest.approx(60.0)]


def test_another_tempo_is_there_after_two_intervals() -> None:
    times = [index * 0.5 for index in range(8)]
    times += [times[-1] + index * 0.4 for index in range(1, 4)]
    assert tapped(times)[-1] == pytest.approx(150.0, rel=0.01)


def test_a_bounce_is_no_tap_and_the_range_is_kept() -> None:
    assert tapped([0.0, 0.5, 0.54, 1.0])[-1] == pytest.approx(120.0)
    assert tapped([0.0, 1.8]) == [None, None]
    assert tapped([0.0, 0.15]) == [None, None]
