"""Playing that the rule-based band renders with FluidR3, as a musician's files would be."""

from __future__ import annotations

import pytest

from model.corpus.piece import Piece, make_piece
from model.corpus.render import render_mix
from model.learning.recordings import Audio

PIANO = (True, False, False, False)


@pytest.fixture(scope="session")
def band() -> tuple[Piece, Audio]:
    """A trio of 44 s at 120 bpm."""
    piece = make_piece(7, tempo=120.0, bars=22, feel="swing", parts=(True, True, True, False), density=0.5)
    return piece, render_mix(piece)


@pytest.fixture(scope="session")
def solo() -> tuple[Piece, Audio]:
    """A piano alone, 43 s at 100 bpm."""
    piece = make_piece(19, tempo=100.0, bars=18, feel="swing", parts=PIANO, density=0.5)
    return piece, render_mix(piece)


@pytest.fixture(scope="session")
def waltz() -> tuple[Piece, Audio]:
    """A quartet of 36 s at 150 bpm in three."""
    piece = make_piece(13, tempo=150.0, bars=30, feel="waltz", parts=(True, True, True, True), density=0.5)
    return piece, render_mix(piece)
