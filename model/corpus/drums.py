"""Jazz drums: ride and hi-hat time, feathered kick, comping snare, fills; brushes, bossa, waltz, funk."""

from __future__ import annotations

import numpy as np

from model.corpus.grid import Row, Stage

PART = 2
KICK, STICK, SNARE, SWEEP, CLOSED, PEDAL, OPEN, RIDE, BELL, CRASH = 36, 37, 38, 40, 42, 44, 46, 51, 53, 49
TOMS = (45, 47, 50)


def play(stage: Stage, brushes: bool) -> list[Row]:
    """Drum notes for the whole piece."""
    rows: list[Row] = []
    styles = {"bossa": _bossa, "funk": _funk}
    time = styles.get(stage.feel, _ballad if brushes and stage.tempo < 110 else _swing)
    for bar in range(stage.bars):
        fill = (bar % 8 == 7 and stage.rng.random() < 0.75) or (bar % 4 == 3 and stage.rng.random() < 0.25)
        time(stage, bar, rows, fill)
        if bar % 8 == 0 and bar and stage.rng.random() < 0.25 + 0.5 * float(stage.energy[bar]):
            _hit(stage, rows, bar, 0.0, CRASH, 82)
    return rows


def _hit(stage: Stage, rows: list[Row], bar: int, beat: float, pitch: int, base: float, spread: float = 4.0) -> None:
    at = bar * stage.per_bar + stage.swung(beat) + stage.human(3.5)
    rows.append((PART, pitch, stage.touch(bar, base, 0.0, spread), at, 0.2))


def _fill(stage: Stage, bar: int, rows: list[Row], start: float) -> None:
    rng = stage.rng
    drums = [SNARE, *TOMS, KICK]
    beat = float(start)
    while beat < stage.per_bar:
        if rng.random() < 0.5 + 0.45 * float(stage.density[bar]):
            _hit(stage, rows, bar, beat, int(rng.choice(drums)), 78 + 8 * (beat % 1 == 0), 7)
        beat += 0.5
        if stage.tempo < 150 and rng.random() < 0.3 * float(stage.density[bar]):
            _hit(stage, rows, bar, beat - 0.25, SNARE, 62, 6)


def _swing(stage: Stage, bar: int, rows: list[Row], fill: bool) -> None:
    rng = stage.rng
    density, per_bar = float(stage.density[bar]), stage.per_bar
    backs = (1, 3) if per_bar == 4 else (1, 2)
    cymbal = BELL if float(stage.energy[bar]) > 0.9 and rng.random() < 0.3 else RIDE
    for beat in range(per_bar):
        _hit(stage, rows, bar, beat, cymbal, 74 + 8 * (beat in backs))
        skip = (beat in (1, 3) if per_bar == 4 else beat in (1,)) and rng.random() < 0.6 + 0.4 * density
        extra = rng.random() < 0.04 + 0.2 * max(density - 0.5, 0)
        if (skip or extra) and stage.tempo < 290:
            _hit(stage, rows, bar, beat + 0.5, cymbal, 66)
        if beat in backs:
            _hit(stage, rows, bar, beat, PEDAL, 66)
        if rng.random() < 0.25 + 0.5 * density:
            _hit(stage, rows, bar, beat, KICK, 34)
    if fill:
        _fill(stage, bar, rows, per_bar - float(rng.choice([1.0, 1.5, 2.0])))
        return
    for half in range(per_bar * 2):
        place = half / 2
        if rng.random() < (0.015 + 0.3 * density**1.3) * (1.3 if half % 2 else 0.6):
            if rng.random() < 0.75:
                _hit(stage, rows, bar, place, SNARE, 50 if rng.random() < 0.6 else 76, 7)
            else:
                _hit(stage, rows, bar, place, KICK, 74, 6)


def _ballad(stage: Stage, bar: int, rows: list[Row], fill: bool) -> None:
    rng = stage.rng
    density = float(stage.density[bar])
    for beat in range(stage.per_bar):
        _hit(stage, rows, bar, beat, SWEEP, 52)
        if beat % 2 == 1:
            _hit(stage, rows, bar, beat, PEDAL, 58)
        if rng.random() < 0.1 + 0.7 * density:
            _hit(stage, rows, bar, beat, RIDE, 54)
        if rng.random() < 0.35 * density:
            _hit(stage, rows, bar, beat + 0.5, RIDE if rng.random() < 0.6 else SNARE, 48)
    if rng.random() < 0.5:
        _hit(stage, rows, bar, 0, KICK, 46)
    if fill and density > 0.4:
        _fill(stage, bar, rows, stage.per_bar - 1.0)


def _bossa(stage: Stage, bar: int, rows: list[Row], fill: bool) -> None:
    rng = stage.rng
    density = float(stage.density[bar])
    clave = (0.0, 1.5, 3.0) if bar % 2 == 0 else (1.0, 2.5)
    for half in range(stage.per_bar * 2):
        beat = half / 2
        if half % 2 == 0 or rng.random() < 0.45 + 0.55 * density:
            _hit(stage, rows, bar, beat, CLOSED, 62 + 8 * (half % 2 == 0))
        if beat in clave:
            _hit(stage, rows, bar, beat, STICK, 76)
    for beat in (0.0, 2.0):
        _hit(stage, rows, bar, beat, KICK, 66)
        if rng.random() < 0.3 + 0.6 * density:
            _hit(stage, rows, bar, beat + 1.5, KICK, 54)
    if fill and rng.random() < 0.5:
        _fill(stage, bar, rows, stage.per_bar - 1.0)


def _funk(stage: Stage, bar: int, rows: list[Row], fill: bool) -> None:
    rng = stage.rng
    density = float(stage.density[bar])
    pattern = np.random.default_rng([7, int(stage.tempo * 100), bar % 2]).random(16)
    for half in range(stage.per_bar * 2):
        beat = half / 2
        if half % 2 == 0 or rng.random() < 0.3 + 0.7 * density:
            _hit(stage, rows, bar, beat, OPEN if half == 7 and bar % 4 == 3 else CLOSED, 66 + 8 * (half % 2 == 0))
        if beat in (1.0, 3.0):
            _hit(stage, rows, bar, beat, SNARE, 92)
        elif rng.random() < 0.25 * density:
            _hit(stage, rows, bar, beat + (0.25 if rng.random() < 0.4 else 0), SNARE, 36, 5)
        if beat == 0.0 or (pattern[half] < 0.12 + 0.3 * density and beat not in (1.0, 3.0)):
            _hit(stage, rows, bar, beat, KICK, 84)
    if fill:
        _fill(stage, bar, rows, stage.per_bar - 1.0)
