"""Medleys: each band plays its own bars, and what the planner is told turns with it."""

from __future__ import annotations

import numpy as np
import pytest

from jamd.contract.chart import parse_chart
from jamd.contract.units import PARTS
from model.corpus.medley import EARLY, join
from model.corpus.piece import Piece, make_piece
from model.generator.events import CONTEXT_WIDTH, REST
from model.training.planner import VALID_MEDLEYS, band_of, crop, make, stacked

CHART = parse_chart("| Dm7 | G7 | Cmaj7 | A7 |")


def _band(seed: int, feel: str, bars: int = 16) -> Piece:
    return make_piece(seed, chart=CHART, tempo=132.0, bars=bars, feel=feel, parts=[True] * len(PARTS))


def test_each_band_plays_its_own_bars() -> None:
    swing, bossa = _band(1, "swing"), _band(2, "bossa")
    notes = join([swing, bossa, swing], [0, 5, 9])
    for piece, begin, end in ((swing, 0.0, 20.0), (bossa, 20.0, 36.0), (swing, 36.0, 64.0)):
        own, same = (table[(table["beat"] >= begin - EARLY) & (table["beat"] < end - EARLY)] for table in (notes, piece.notes))
        assert len(own) == len(same) > 20
        for name in ("part", "pitch", "velocity", "beat"):
            assert np.array_equal(own[name], same[name])
    assert np.all(np.diff(notes["start"]) >= 0)


def test_what_sounds_at_the_turn_ends_there() -> None:
    first, second = _band(3, "ballad"), _band(4, "funk")
    over = first.notes["beat"] + first.notes["length"] > 32.0
    assert np.any(over & (first.notes["beat"] < 32.0 - EARLY))
    notes = join([first, second], [0, 8])
    before = notes[notes["beat"] < 32.0 - EARLY]
    assert np.all(before["beat"] + before["length"] <= 32.0 - EARLY + 1e-4)
    assert np.allclose(before["duration"], before["length"] * 60.0 / 132.0, atol=1e-4)
    assert np.all(before["length"] > 0)


def test_one_band_alone_is_left_as_it_is() -> None:
    piece = _band(5, "modal")
    assert np.array_equal(join([piece], [0]), piece.notes)


@pytest.mark.parametrize("starts", [[0], [0, 0], [1, 4], [0, 16], [0, 4, 8]])
def test_bands_need_bars_to_begin_at(starts: list[int]) -> None:
    with pytest.raises(ValueError, match="cannot begin"):
        join([_band(1, "swing"), _band(2, "bossa")], starts)


def test_bands_share_their_chart() -> None:
    with pytest.raises(ValueError, match="one chart"):
        join([_band(1, "swing"), _band(2, "bossa", bars=12)], [0, 4])


def test_training_medleys_turn_what_is_told_with_the_notes() -> None:
    pieces = [piece for piece in map(make, VALID_MEDLEYS[:8]) if len(piece.starts) > 1]
    assert len(pieces) >= 4
    told = 0
    for piece in pieces:
        assert len(piece.captions) % len(piece.starts) == 0
        assert np.all(np.diff(piece.beats) >= 0)
        bands = band_of(np.arange(len(piece.contexts)), piece.starts)
        assert bands[0] == 0 and bands[-1] == len(piece.starts) - 1
        told += sum(
            not np.array_equal(piece.contexts[start - 1, -60:], piece.contexts[start, -60:]) for start in piece.starts[1:]
        )  # fmt: skip
    assert told >= 4


def test_a_crop_of_a_medley_has_the_style_of_each_band() -> None:
    piece = next(piece for piece in map(make, VALID_MEDLEYS) if len(piece.starts) > 1)
    styles = np.random.default_rng(0).standard_normal((len(piece.captions), 512)).astype(np.float32)
    piece = type(piece)(piece.events, piece.beats, piece.contexts, piece.captions, styles / 512**0.5, starts=piece.starts)
    length = len(piece.events) + 8
    item = crop(piece, np.random.default_rng(0), length, unstyled=0.0)
    assert item[2].shape == (length, 512)
    border = int(np.searchsorted(piece.beats, piece.starts[1]))
    assert np.array_equal(item[2][0], item[2][border - 1]) and not np.array_equal(item[2][0], item[2][border])
    silent = crop(piece, np.random.default_rng(0), length, unstyled=1.0)
    assert silent[2].shape == (512,) and not silent[2].any()
    events, contexts, each = stacked([item, silent])
    assert [tuple(table.shape) for table in (events, contexts, each)] == [(2, length, 6), (2, length, CONTEXT_WIDTH), (2, length, 512)]
    assert bool((events[:, -8:, 2] == REST).all())
