"""Cutting whole bars out of a performance, and moving it to another key."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from jamd.contract.chart import NO_CHORD, Bar, Chart, Chord
from model.corpus.grid import Row

EARLY: Final = 0.1
"""Beats by which a note may come before a bar line and yet belong to the bar after it."""


def cut_chart(chart: Chart, first_bar: int, bars: int) -> Chart:
    """`bars` bars of a chart from its bar `first_bar` (0: the first).

    Raises:
        ValueError: the chart does not have these bars.
    """
    if first_bar < 0 or bars < 1 or first_bar + bars > len(chart.bars):
        raise ValueError(f"bars {first_bar} to {first_bar + bars} of a chart of {len(chart.bars)}")
    return Chart(chart.beats_per_bar, chart.bars[first_bar : first_bar + bars], chart.title)


def cut_rows(rows: Sequence[Row], start: float, beats: float) -> list[Row]:
    """The rows that begin in [start, start + beats), from beat 0 on.

    Both borders lie EARLY before their beat, so that a note played early goes with the bar it means; at the first border
    such a note is moved to beat 0. No note sounds past the end.
    """
    out = []
    for part, pitch, velocity, beat, length in rows:
        if start - EARLY <= beat < start + beats - EARLY:
            late = max(beat - start, 0.0)
            out.append((part, pitch, velocity, late, min(length - (late - (beat - start)), beats - late)))
    return out


def transpose_rows(rows: Sequence[Row], semitones: int) -> list[Row]:
    """The rows in another key; pitches stay in 0..127 by octaves."""
    out = []
    for part, pitch, velocity, beat, length in rows:
        moved = pitch + semitones
        moved += 12 * (-(moved // 12) if moved < 0 else 0)
        moved -= 12 * (-(-(moved - 127) // 12) if moved > 127 else 0)
        out.append((part, moved, velocity, beat, length))
    return out


def lay_out(changes: Sequence[tuple[float, Chord]], beats_per_bar: int, bars: int, title: str) -> Chart:
    """A chart of `bars` bars from (beat, chord) by rising beat; each chord holds until the next.

    Changes at the same beat: the last counts. Before the first there is no chord.
    """
    per_bar: list[dict[float, Chord]] = [{} for _ in range(bars)]
    sounding = NO_CHORD
    for beat, chord in changes:
        bar = int(beat // beats_per_bar)
        if bar < 0:
            sounding = chord
        elif bar < bars:
            per_bar[bar][beat - bar * beats_per_bar] = chord
    out = []
    for found in per_bar:
        row = sorted(found.items(), key=lambda item: item[0])
        if not row or row[0][0] > 0:
            row.insert(0, (0.0, sounding))
        row = [row[0], *(after for before, after in pairwise(row) if after[1] != before[1])]
        sounding = row[-1][1]
        out.append(Bar(tuple(row)))
    return Chart(beats_per_bar, tuple(out), title)
