"""The form of a written piece: repeats, endings, da capo, segno, coda; unfolded into the bars in the order they are played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final, Literal

from jamd.contract.chart import MAX_BARS, NO_CHORD, Bar, Chart, Chord
from jamd.contract.errors import ChartError

GRID: Final = Fraction(1, 4)
"""Chords are moved to the nearest quarter of a beat."""


@dataclass
class Measure:
    """One written bar. `chords`: (beat within the bar, chord); a bar without any holds the chord before it."""

    chords: tuple[tuple[Fraction, Chord], ...] = ()
    length: Fraction = Fraction(4)
    """Quarter notes."""
    repeat_start: bool = False
    repeat_end: int = 0
    """How often the passage that ends here is played; 0: no repeat sign."""
    endings: frozenset[int] = frozenset()
    """Of which times through this bar is a part; empty: of all."""
    segno: bool = False
    to_coda: bool = False
    """On the last time, the coda follows this bar."""
    coda: bool = False
    fine: bool = False
    jump: Literal["", "capo", "segno"] = ""
    """After this bar, back to the beginning or to the segno; once."""
    jump_ending: int = 0
    """After the jump, this ending is taken; 0: the last."""


def unfold(measures: Sequence[Measure]) -> list[int]:
    """Indices of the measures in the order they are played, at most MAX_BARS of them."""
    out: list[int] = []
    place, section, time, jumped, target = 0, 0, 1, False, 0
    while place < len(measures) and len(out) < MAX_BARS:
        measure = measures[place]
        if measure.repeat_start and place != section:
            section, time = place, 1
        if measure.endings:
            last = _last_ending(measures, place)
            wanted = (target or last) if jumped else time
            if wanted not in measure.endings:
                later = place + 1
                if jumped and wanted > last:
                    later = next((i for i in range(place, len(measures)) if wanted in measures[i].endings), later)
                place = later
                continue
        out.append(place)
        if jumped and measure.fine:
            break
        if measure.jump and not jumped:
            jumped, target = True, measure.jump_ending
            back = 0 if measure.jump == "capo" else next((i for i, m in enumerate(measures) if m.segno), 0)
            place = section = back
            continue
        if jumped and measure.to_coda:
            coda = next((i for i, m in enumerate(measures) if m.coda and i > place), None)
            if coda is not None:
                place = section = coda
                continue
        times = max(measure.repeat_end, _last_ending(measures, place)) if measure.repeat_end else 0
        if not jumped and time < times:
            time, place = time + 1, section
            continue
        leaves = measure.endings and not (place + 1 < len(measures) and measures[place + 1].endings)
        if measure.repeat_end or leaves:
            section, time = place + 1, 1
        place += 1
    return out


def _last_ending(measures: Sequence[Measure], place: int) -> int:
    """The highest ending in the run of endings that holds a place or follows it at once; 0 if there is none."""
    low = high = place
    while low > 0 and measures[low - 1].endings:
        low -= 1
    while high < len(measures) and (measures[high].endings or high == place):
        high += 1
    return max((max(m.endings, default=0) for m in measures[low:high]), default=0)


def build_chart(measures: Sequence[Measure], beats_per_bar: int, title: str, scale: Fraction = Fraction(1)) -> Chart:
    """The chart of a piece, repeats written out.

    The played bars are laid end to end and cut into bars of `beats_per_bar`, so that 2/4 comes out in pairs and 6/4 in
    halves. A last bar that is not full is filled by its last chord.

    Args:
        scale: beats of the chart for each quarter note of the measures.

    Raises:
        ChartError: there is not one chord.
    """
    changes: list[tuple[Fraction, Chord]] = []
    now = Fraction(0)
    for index in unfold(measures):
        measure = measures[index]
        changes += [(_snap((now + beat) * scale), chord) for beat, chord in measure.chords if beat < measure.length]
        now += measure.length
    if not changes:
        raise ChartError("there are no chords in it")
    first, chord = changes[0]
    if 0 < first < beats_per_bar:
        changes[0] = (Fraction(0), chord)
    count = min(-int(-now * scale // beats_per_bar), MAX_BARS)
    per_bar: list[dict[Fraction, Chord]] = [{} for _ in range(count)]
    for beat, chord in changes:
        number = int(beat // beats_per_bar)
        if number < count:
            per_bar[number][beat - number * beats_per_bar] = chord
    bars: list[Bar] = []
    sounding = NO_CHORD
    for found in per_bar:
        row = sorted(found.items(), key=lambda item: item[0])
        if not row or row[0][0] > 0:
            row.insert(0, (Fraction(0), sounding))
        thin = [row[0]]
        thin += [item for before, item in pairwise(row) if item[1] != before[1]]
        sounding = row[-1][1]
        bars.append(Bar(tuple((float(beat), chord) for beat, chord in thin)))
    return Chart(beats_per_bar, tuple(bars), " ".join(title.split()))


def _snap(beat: Fraction) -> Fraction:
    return round(beat / GRID) * GRID
