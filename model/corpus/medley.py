"""Several bands on one chart, one after the other, as when a musician asks for another feel while the music plays. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from model.corpus.notes import Notes
from model.corpus.piece import Piece

EARLY: Final = 0.1
"""Beats before a bar line at which a note is meant for the bar after it."""


def join(pieces: Sequence[Piece], starts: Sequence[int]) -> Notes:
    """Notes of each piece from the bar where it takes over to the bar where the next one does; what still sounds there ends.

    Args:
        pieces: on one chart, at one tempo, of one length.
        starts: first bar of each, rising from 0.

    Raises:
        ValueError: they are of different charts, tempos or lengths, or the bars do not rise from 0.
    """
    first = pieces[0]
    if any((one.chart, one.tempo, one.bars) != (first.chart, first.tempo, first.bars) for one in pieces):
        raise ValueError("a medley is on one chart, at one tempo and of one length")
    borders = [*starts, first.bars]
    if len(starts) != len(pieces) or borders[0] != 0 or any(a >= b for a, b in pairwise(borders)):
        raise ValueError(f"{len(pieces)} pieces cannot begin at the bars {list(starts)}")
    taken = []
    for piece, begin, end in zip(pieces, starts, borders[1:], strict=True):
        low, high = begin * piece.beats_per_bar, end * piece.beats_per_bar
        reached = high - EARLY if end < piece.bars else np.inf
        notes = piece.notes[(piece.notes["beat"] >= (low - EARLY if begin else 0.0)) & (piece.notes["beat"] < reached)].copy()
        if end < piece.bars:
            notes["length"] = np.minimum(notes["length"], reached - notes["beat"])
            notes["duration"] = notes["length"] * np.float32(60.0 / piece.tempo)
        taken.append(notes)
    out = np.concatenate(taken)
    return out[np.argsort(out["start"], kind="stable")]
