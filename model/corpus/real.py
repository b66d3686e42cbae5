"""Real performances inside a made piece: a soloist on the chords of the solo, a drummer's own time, a pianist's hand shapes.

The labels of such a piece follow the playing: density, energy and register are measured in each section of four bars with the
scales of the rule-based band, so that the same knobs mean the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from jamd.contract.chart import Chart
from jamd.contract.units import TEMPO_MAX, TEMPO_MIN
from model.corpus.grid import Row
from model.corpus.sources import Groove, Sheet, Solo, Sources, bass_root_share, groove_bars, sheet_chorus, solo_chorus

SECTION = 4
_JAZZ = ("", "swing", "fast", "mediumfast")
_RATES = (0.51, 0.67, 0.87, 1.11, 1.56)
"""Notes a beat that the rule-based horn plays at density 0, 1/4, 1/2, 3/4, 1."""


HELD_OUT = 20
"""One solo and one tune in so many is never in a training."""


@cache
def split(sources: Sources, *, held_out: bool = False) -> Sources:
    """Sources for training, or those that are held out (drummers and pianists are in both)."""

    def keep(index: int) -> bool:
        return (index % HELD_OUT == 7) == held_out

    return replace(
        sources,
        solos=tuple(solo for index, solo in enumerate(sources.solos) if keep(index)),
        sheets=tuple(sheet for index, sheet in enumerate(sources.sheets) if keep(index)),
    )


@dataclass(frozen=True)
class Take:
    """A stretch of a solo or a tune."""

    chart: Chart
    tempo: float | None
    feel: str
    bars: int
    horn: list[Row]
    """Part 3."""
    bass: list[Row]
    """Part 1; empty where the band's own bass plays."""
    program: int
    density: NDArray[np.float32]
    energy: NDArray[np.float32]
    register: NDArray[np.float32]


def measure(rows: list[Row], bars: int, per_bar: int, low: int, high: int) -> tuple[NDArray[np.float32], ...]:
    """Density, energy and register by bar, each 0..1, constant over sections. Shape: three of [bars]."""
    out = tuple(np.full(bars, 0.5, np.float32) for _ in range(3))
    for start in range(0, bars, SECTION):
        stop = min(start + SECTION, bars)
        inside = [row for row in rows if start * per_bar <= row[3] < stop * per_bar]
        rate = len(inside) / ((stop - start) * per_bar)
        out[0][start:stop] = np.interp(rate, _RATES, np.linspace(0, 1, len(_RATES)))
        if inside:
            velocity = float(np.mean([row[2] for row in inside]))
            out[1][start:stop] = np.clip((velocity / 76 - 0.55) / 0.75, 0, 1)
            out[2][start:stop] = np.clip(((float(np.mean([row[1] for row in inside])) - low) / (high - low) - 0.2) / 0.6, 0, 1)
    return out


def _stretch(rng: np.random.Generator, total: int, form: int) -> tuple[int, int]:
    """First bar and number of bars: up to about a minute, beginning where a section does."""
    bars = int(min(total, rng.choice([8, 12, 16, 24, 32, 48])))
    last = total - bars
    first = int(rng.integers(last // form + 1)) * form if last >= form else 0
    return first, bars


def take_solo(rng: np.random.Generator, solo: Solo, low: int, high: int, program: int) -> Take:
    """A stretch of a solo in a random key within [low, high]."""
    first, bars = _stretch(rng, solo.bars, SECTION)
    shift = int(rng.integers(-5, 7))
    chart, rows, bass = solo_chorus(solo, first, bars, shift)
    rows = _into_range(rows, low, high)
    level = 76 * (0.55 + 0.75 * float(rng.uniform(0.25, 0.85))) - float(np.mean([row[2] for row in rows] or [80]))
    rows = [(part, pitch, float(np.clip(velocity + level, 12, 124)), beat, length) for part, pitch, velocity, beat, length in rows]
    density, energy, register = measure(rows, bars, solo.beats_per_bar, low, high)
    if bass_root_share(solo) < 0.4 or rng.random() < 0.5:
        bass = []
    bass = _into_range(bass, 28, 57)
    bass = [
        (part, pitch, 70 * (0.55 + 0.75 * float(energy[min(int(beat // solo.beats_per_bar), bars - 1)])) + rng.normal(0, 4), beat, length)
        for part, pitch, _, beat, length in bass
    ]
    return Take(chart, solo.tempo, solo.feel, bars, rows, bass, program, density, energy, register)


def take_sheet(rng: np.random.Generator, sheet: Sheet, low: int, high: int, program: int, swing: float) -> Take:
    """A tune's melody and changes; eighths are swung, notes get the touch of a section."""
    first, bars = _stretch(rng, sheet.bars, 8)
    chart, rows = sheet_chorus(sheet, first, bars, int(rng.integers(-5, 7)))
    rows = _into_range(rows, low, high)
    base = 76 * (0.55 + 0.75 * float(rng.uniform(0.2, 0.8)))
    out: list[Row] = []
    for part, pitch, _, beat, length in rows:
        whole, place = np.floor(beat + 1e-6), (beat + 1e-6) % 1
        at = whole + (place * swing / 0.5 if place <= 0.5 else swing + (place - 0.5) * (1 - swing) / 0.5)
        out.append((part, pitch, float(np.clip(base + rng.normal(0, 6), 12, 124)), float(at), length * 0.92))
    density, energy, register = measure(out, bars, sheet.beats_per_bar, low, high)
    feel = "waltz" if sheet.beats_per_bar == 3 else str(rng.choice(["swing", "ballad", "bossa"], p=[0.6, 0.2, 0.2]))
    return Take(chart, None, feel, bars, out, [], program, density, energy, register)


def _into_range(rows: list[Row], low: int, high: int) -> list[Row]:
    """Whole octaves up or down until the line's middle lies in the range; single notes that stick out are folded."""
    if not rows:
        return rows
    middle = float(np.median([row[1] for row in rows]))
    shift = 12 * round(((low + high) / 2 - middle) / 12)
    out = []
    for part, pitch, velocity, beat, length in rows:
        moved = pitch + shift
        while moved < low:
            moved += 12
        while moved > high:
            moved -= 12
        out.append((part, moved, velocity, beat, length))
    return out


def choose_take(rng: np.random.Generator, sources: Sources, low: int, high: int, program: int, swing: float) -> Take | None:
    """Mostly a solo, sometimes a tune; None if there are neither."""
    solos = [solo for solo in sources.solos if solo.bars >= 8 and TEMPO_MIN <= solo.tempo <= TEMPO_MAX]
    sheets = [sheet for sheet in sources.sheets if sheet.bars >= 8]
    if solos and (not sheets or rng.random() < 0.72):
        return take_solo(rng, solos[int(rng.integers(len(solos)))], low, high, program)
    if sheets:
        return take_sheet(rng, sheets[int(rng.integers(len(sheets)))], low, high, program, swing)
    return None


def choose_groove(rng: np.random.Generator, sources: Sources, tempo: float, per_bar: int, feel: str) -> Groove | None:
    """A beat of about this tempo; jazz feels only."""
    if feel not in ("swing", "modal", "waltz"):
        return None
    fitting = [
        groove
        for groove in sources.grooves
        if groove.kind == "beat" and groove.bars >= 2 and groove.beats_per_bar == per_bar and groove.style in _JAZZ
        and 0.75 < tempo / groove.tempo < 1.33
    ]  # fmt: skip
    return fitting[int(rng.integers(len(fitting)))] if fitting else None


def play_groove(rng: np.random.Generator, groove: Groove, bars: int, energy: NDArray[np.float32]) -> list[Row]:
    """A drummer's bars, louder and softer with the energy of each bar."""
    out: list[Row] = []
    for part, pitch, velocity, beat, length in groove_bars(groove, rng, bars):
        bar = min(int(beat // groove.beats_per_bar), bars - 1)
        level = 0.43 + 0.65 * float(energy[bar])  # means as the rule-based drummer's
        out.append((part, pitch, float(np.clip(velocity * level, 6, 126)), beat, length))
    return out
