"""Feels are told apart by where the band strikes in the bar."""

from __future__ import annotations

import numpy as np
import pytest

from jamd.contract.chart import parse_chart
from model.corpus.notes import Notes, make_notes
from model.corpus.piece import make_piece
from model.metrics.feel import PLACES, nearest, profile

CHART = parse_chart("| Dm7 | G7 | Cmaj7 | A7 |")
FEELS = ("swing", "bossa", "funk", "ballad")


def _notes(seed: int, feel: str) -> Notes:
    return make_piece(seed, chart=CHART, tempo=132.0, bars=16, feel=feel, parts=[True, True, True, False], energy=0.5, density=0.5).notes


@pytest.mark.parametrize("feel", FEELS)
def test_every_window_of_a_band_is_of_its_feel(feel: str) -> None:
    known = {each: [profile(_notes(seed, each), 4, 0, 64) for seed in range(4)] for each in FEELS}
    notes = _notes(9, feel)
    assert [nearest(profile(notes, 4, begin, begin + 16), known) for begin in (0, 16, 32, 48)] == [feel] * 4


def test_profiles_count_strokes_a_bar() -> None:
    ride = make_notes([(2, 51, 80.0, float(beat), 0.2) for beat in range(8)] + [(1, 40, 80.0, 4.5, 0.5)], 120.0)
    found = profile(ride, 4, 0, 8) ** 2
    assert found[6, ::PLACES] == pytest.approx(np.ones(4)) and found[6].sum() == pytest.approx(4)
    assert found[9, PLACES // 2] == pytest.approx(0.5) and found.sum() == pytest.approx(4.5)
    assert profile(ride, 4, 4, 8).sum() == pytest.approx(5)
