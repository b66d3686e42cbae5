"""Repeats, endings and jumps, unfolded."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridges.charts.form import Measure, build_chart, unfold
from jamd.contract.chart import MAX_BARS, parse_chord
from jamd.contract.errors import ChartError


def ending(*numbers: int, end: int = 0) -> Measure:
    return Measure(endings=frozenset(numbers), repeat_end=end)


@pytest.mark.parametrize(
    ("measures", "played"),
    [
        ([Measure(), Measure(), Measure()], [0, 1, 2]),
        ([Measure(), Measure(repeat_end=2), Measure()], [0, 1, 0, 1, 2]),
        ([Measure(), Measure(repeat_start=True, repeat_end=3)], [0, 1, 1, 1]),
        ([Measure(), ending(1, end=2), ending(2), Measure()], [0, 1, 0, 2, 3]),
        ([Measure(), ending(1, end=2)], [0, 1, 0]),
        ([Measure(), ending(1, 2, end=2), ending(3)], [0, 1, 0, 1, 0, 2]),
        ([Measure(), ending(1), ending(1, end=2), ending(2), ending(2), Measure()], [0, 1, 2, 0, 3, 4, 5]),
        ([Measure(fine=True), Measure(jump="capo")], [0, 1, 0]),
        ([Measure(), Measure(segno=True, fine=True), Measure(jump="segno")], [0, 1, 2, 1]),
        ([Measure(), Measure(to_coda=True), Measure(jump="capo"), Measure(coda=True)], [0, 1, 2, 0, 1, 3]),
        ([Measure(repeat_end=2), Measure(jump="capo")], [0, 0, 1, 0, 1]),
        ([Measure(), ending(1, end=2), ending(2), Measure(jump="capo", jump_ending=3), ending(3)], [0, 1, 0, 2, 3, 0, 4]),
        ([Measure(repeat_end=2), Measure(repeat_end=2)], [0, 0, 1, 1]),
    ],
)
def test_order_of_play(measures: list[Measure], played: list[int]) -> None:
    assert unfold(measures) == played


@given(
    st.lists(
        st.builds(
            Measure,
            repeat_start=st.booleans(),
            repeat_end=st.sampled_from([0, 0, 2, 3, 9999]),
            endings=st.frozensets(st.integers(1, 3), max_size=2),
            segno=st.booleans(),
            to_coda=st.booleans(),
            coda=st.booleans(),
            fine=st.booleans(),
            jump=st.sampled_from(["", "", "capo", "segno"]),
            jump_ending=st.integers(0, 4),
        ),
        max_size=12,
    )
)
@settings(deadline=None)
def test_any_form_comes_to_an_end(measures: list[Measure]) -> None:
    played = unfold(measures)
    assert len(played) <= MAX_BARS
    assert all(0 <= index < len(measures) for index in played)


def placed(text: str) -> tuple[tuple[Fraction, object], ...]:
    return ((Fraction(0), parse_chord(text)),)


def test_two_four_comes_out_in_pairs_and_the_last_bar_is_filled() -> None:
    measures = [Measure(placed(name), Fraction(2)) for name in ("C", "F", "G")]  # type: ignore[arg-type]
    assert build_chart(measures, 4, "").text() == "| C F | G |"


def test_six_four_is_halved_and_bars_without_chords_hold() -> None:
    measures = [Measure(placed("C"), Fraction(6)), Measure((), Fraction(6))]  # type: ignore[arg-type]
    assert build_chart(measures, 3, "").text() == "3/4 | C | % | % | % |"


def test_a_first_chord_that_comes_late_fills_its_bar_and_bars_before_it_are_empty() -> None:
    late = Measure(((Fraction(1), parse_chord("C")),))
    assert build_chart([late], 4, "").text() == "| C |"
    assert build_chart([Measure(), late], 4, "").text() == "| N.C. | N.C. C / / |"


def test_chords_are_moved_to_quarters_of_a_beat() -> None:
    measure = Measure(((Fraction(0), parse_chord("C")), (Fraction(199, 100), parse_chord("F"))))
    assert build_chart([measure], 4, "").text() == "| C F |"


def test_no_chord_at_all_is_an_error() -> None:
    with pytest.raises(ChartError):
        build_chart([Measure()], 4, "")
