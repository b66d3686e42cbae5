"""A melodic line: phrases and rests, chord tones on strong beats, approach notes, arpeggios, motifs that come back."""

from __future__ import annotations

import numpy as np

from jamd.contract.chart import Chord
from model.corpus.grid import Row, Stage


def _nearest(classes: tuple[int, ...] | list[int], around: float, avoid: int | None = None) -> int:
    best, cost = round(around), np.inf
    for pitch in range(int(around) - 7, int(around) + 8):
        if pitch % 12 in classes and pitch != avoid:
            value = abs(pitch - around)
            if value < cost:
                best, cost = pitch, value
    return int(best)


def _guide_tones(chord: Chord) -> list[int]:
    assert chord.root is not None
    return [(chord.root + i) % 12 for i in chord.intervals if i in (3, 4, 10, 11, 9, 7, 2)]


def play(stage: Stage, part: int, low: int, high: int, lay_back_ms: float) -> list[Row]:
    """One voice over the whole piece, within [low, high]."""
    rng = stage.rng
    rows: list[Row] = []
    total = stage.bars * stage.per_bar
    beat = float(rng.choice([0.0, 0.5, 1.0, 2.0]))
    pitch = float((low + high) / 2)
    motif: list[tuple[float, int]] = []
    while beat < total - 0.5:
        bar = int(beat // stage.per_bar)
        density = float(stage.density[bar])
        phrase_beats = float(rng.uniform(0.8, 2.6)) * stage.per_bar * (0.6 + 0.8 * density)
        end = min(beat + phrase_beats, total - 0.1)
        if motif and rng.random() < 0.3:
            beat, pitch = _repeat(stage, part, rows, motif, beat, end, pitch, low, high, lay_back_ms)
        else:
            first = len(rows)
            beat, pitch = _phrase(stage, part, rows, beat, end, pitch, low, high, lay_back_ms)
            fresh = rows[first : first + 6]
            if len(fresh) >= 3:
                motif = [(row[3] - fresh[0][3], row[1] - fresh[0][1]) for row in fresh]
        rest = float(rng.uniform(0.3, 1.2)) * stage.per_bar * (1.35 - 1.2 * density)
        beat = np.ceil((beat + max(rest, 0.5)) * 2) / 2
    return rows


def _target(stage: Stage, bar: int, low: int, high: int) -> float:
    return low + (high - low) * (0.2 + 0.6 * float(stage.register[min(bar, stage.bars - 1)]))


def _emit(stage: Stage, part: int, rows: list[Row], beat: float, pitch: int, length: float, late: float, accent: float) -> None:
    bar = min(int(beat // stage.per_bar), stage.bars - 1)
    at = stage.swung(beat, 0.85) + stage.human(7.0, late)
    rows.append((part, pitch, stage.touch(bar, 76, accent, 5.0), at, length))


def _phrase(
    stage: Stage, part: int, rows: list[Row], beat: float, end: float, pitch: float, low: int, high: int, late: float
) -> tuple[float, float]:
    rng = stage.rng
    direction = int(rng.choice([-1, 1]))
    run = 0
    while beat < end:
        bar = min(int(beat // stage.per_bar), stage.bars - 1)
        density = float(stage.density[bar])
        chord = stage.chart.chord_at(beat + (0.5 if beat % 1 >= 0.5 else 0.0))
        centre = _target(stage, bar, low, high)
        slow = stage.tempo > 210 and density < 0.6
        pick = rng.random()
        if pick < 0.08 + 0.72 * density and not (slow and pick > 0.35):
            value = 0.5
        elif pick < 0.88:
            value = 1.0
        else:
            value = float(rng.choice([1.5, 2.0]))
        if density > 0.75 and stage.tempo < 130 and rng.random() < 0.3:
            value = 0.25
        elif density > 0.4 and beat % 1 == 0 and rng.random() < 0.06 and stage.tempo < 170:
            value = -1.0  # a triplet
        if beat % 1 not in (0.0, 0.5) and value > 0.25:
            value = 0.25
        if chord.root is None:
            beat += abs(value)
            continue
        strong = beat % 1 == 0
        if run == 0:
            direction = -1 if pitch > centre + 7 else 1 if pitch < centre - 7 else int(rng.choice([-1, 1]))
            run = int(rng.integers(3, 8))
        run -= 1
        choice = rng.random()
        if strong and choice < 0.75:
            note = _nearest(_guide_tones(chord) if choice < 0.45 else chord.pitch_classes, pitch + 2.5 * direction, round(pitch))
        elif not strong and choice < 0.28:
            following = stage.chart.chord_at(np.floor(beat) + 1)
            goal = (
                _nearest(_guide_tones(following) or following.pitch_classes, pitch + 2 * direction)
                if following.root is not None
                else pitch + 1
            )
            note = int(goal + (-1 if direction > 0 else 1))
        elif choice < 0.5:
            note = _nearest(chord.pitch_classes, pitch + 4 * direction, round(pitch))
        else:
            note = _nearest(chord.scale, pitch + 1.8 * direction, round(pitch))
        while note < low:
            note += 12
        while note > high:
            note -= 12
        if value < 0:
            for third in range(3):
                step = _nearest(chord.scale, note + direction * 1.8 * third)
                at = beat + third / 3
                bar_at = min(int(at // stage.per_bar), stage.bars - 1)
                rows.append((part, int(np.clip(step, low, high)), stage.touch(bar_at, 74), at + stage.human(6.0, late), 0.3))
            pitch, value = float(np.clip(step, low, high)), 1.0
        else:
            legato = float(rng.uniform(0.75, 1.0)) if value < 1 else float(rng.uniform(0.6, 0.97))
            _emit(
                stage,
                part,
                rows,
                beat,
                note,
                value * legato,
                late,
                7.0 if not strong and value == 0.5 and rng.random() < 0.4 else 0.0,
            )
            pitch = float(note)
        beat += value
    if rows and end - beat < 0.6 and rng.random() < 0.5:
        last = rows[-1]
        rows[-1] = (*last[:4], last[4] + float(rng.uniform(0.4, 1.6)))
    return beat, pitch


def _repeat(
    stage: Stage, part: int, rows: list[Row], motif: list[tuple[float, int]], beat: float, end: float, pitch: float,
    low: int, high: int, late: float,
) -> tuple[float, float]:  # fmt: skip
    """The motif again from here, moved onto the chords of the place."""
    start = np.floor(beat)
    base = float(_nearest(stage.chart.chord_at(start).pitch_classes or (0,), pitch))
    at = start
    for offset, interval in motif:
        place = start + round(offset * 2) / 2
        if place >= stage.bars * stage.per_bar - 0.2:
            break
        chord = stage.chart.chord_at(place)
        if chord.root is None:
            continue
        note = _nearest(chord.pitch_classes if place % 1 == 0 else chord.scale, base + interval)
        while note < low:
            note += 12
        while note > high:
            note -= 12
        if rows and place + 0.2 < rows[-1][3]:
            continue
        _emit(stage, part, rows, place, note, 0.45, late, 0.0)
        pitch, at = float(note), place + 0.5
    return max(at, beat + 0.5), pitch
