"""Walking, two-feel, bossa, waltz and funk bass."""

from __future__ import annotations

import numpy as np

from jamd.contract.chart import Chord
from model.corpus.grid import Row, Stage

LOW, HIGH = 28, 52
PART = 1


def _near(pitch_class: int, around: float) -> int:
    base = round((around - pitch_class) / 12) * 12 + pitch_class
    while base < LOW:
        base += 12
    while base > HIGH:
        base -= 12
    return int(base)


def _bass_of(chord: Chord) -> int:
    assert chord.root is not None
    return chord.root if chord.bass is None else chord.bass


def _tones(chord: Chord) -> list[int]:
    """Root, third, fifth and so on of the chord, tensions last."""
    assert chord.root is not None
    order = [i for i in (0, 7, 6, 8, 4, 3, 5, 10, 11, 9) if i in chord.intervals]
    return [(chord.root + i) % 12 for i in order]


def play(stage: Stage) -> list[Row]:
    """Notes of the bass for the whole piece."""
    rows: list[Row] = []
    rng = stage.rng
    previous = float(rng.integers(33, 43))
    for bar in range(stage.bars):
        density = float(stage.density[bar])
        if stage.feel == "bossa":
            previous = _bossa(stage, bar, rows, previous)
        elif stage.feel == "funk":
            previous = _funk(stage, bar, rows, previous)
        elif (
            (stage.feel == "ballad" and density < 0.75)
            or (stage.feel == "swing" and density < 0.22 and stage.tempo < 190)
            or (stage.feel == "waltz" and density < 0.5)
        ):
            previous = _two_feel(stage, bar, rows, previous)
        else:
            previous = _walk(stage, bar, rows, previous)
    return rows


def _add(stage: Stage, rows: list[Row], bar: int, beat: float, pitch: int, length: float, base: float = 78) -> None:
    at = bar * stage.per_bar + stage.swung(beat) + stage.human(5.0, -2.0)
    rows.append((PART, pitch, stage.touch(bar, base, 5 if beat % 2 == 0 else 0), at, length))


def _walk(stage: Stage, bar: int, rows: list[Row], previous: float) -> float:
    rng = stage.rng
    direction = 1 if previous < 38 else -1 if previous > 46 else int(rng.choice([-1, 1]))
    for beat in range(stage.per_bar):
        chord = stage.chord(bar, beat)
        following = stage.chart.chord_at(bar * stage.per_bar + beat + 1)
        if chord.root is None:
            continue
        changed = beat == 0 or stage.chord(bar, beat - 0.01 if beat else 0) != chord
        if changed:
            tones = _tones(chord)
            first = _bass_of(chord) if rng.random() < 0.88 or len(tones) < 2 else tones[1]
            pitch = _near(first, previous + 2 * direction)
        elif following.root is not None and (following != chord or beat == stage.per_bar - 1) and rng.random() < 0.75:
            target = _near(_bass_of(following), previous + direction)
            pick = rng.random()
            step = -1 if target > previous else 1
            pitch = target + (step if pick < 0.6 else 2 * step if pick < 0.8 else 7 if target < 40 else -5)
        elif beat % 2 == 0 or rng.random() < 0.5:
            choices = sorted({_near(t, previous + d) for t in _tones(chord) for d in (-5, 0, 5)})
            choices = [c for c in choices if c != round(previous) and abs(c - previous) <= 9] or [_near(chord.root, previous)]
            ahead = [c for c in choices if (c - previous) * direction > 0] or choices
            pitch = int(ahead[int(rng.integers(min(2, len(ahead))))] if direction > 0 else ahead[-1])
        else:
            scale = [p for p in range(int(previous) - 4, int(previous) + 5) if p % 12 in chord.scale and p != round(previous)]
            ahead = [p for p in scale if (p - previous) * direction > 0] or scale or [int(previous)]
            pitch = int(min(ahead, key=lambda p: abs(p - previous)))
        if rng.random() < 0.04:
            pitch += 12 if pitch < 40 else -12
        pitch = int(np.clip(pitch, LOW, HIGH))
        _add(stage, rows, bar, beat, pitch, float(rng.uniform(0.82, 0.97)))
        if rng.random() < 0.03 + 0.22 * float(stage.density[bar]) ** 2 and stage.tempo < 230:
            ghost = pitch if rng.random() < 0.6 else pitch + 12 if pitch < 40 else pitch - 5
            _add(stage, rows, bar, beat + 0.5, int(np.clip(ghost, LOW, HIGH)), 0.25, 55)
        if pitch >= 47:
            direction = -1
        elif pitch <= 33:
            direction = 1
        previous = float(pitch)
    return previous


def _two_feel(stage: Stage, bar: int, rows: list[Row], previous: float) -> float:
    rng = stage.rng
    for beat in (0, 2) if stage.per_bar == 4 else (0,):
        chord = stage.chord(bar, beat)
        if chord.root is None:
            continue
        tones = _tones(chord)
        changed = beat == 0 or stage.chord(bar, 0) != chord
        target = _bass_of(chord) if changed else tones[1] if len(tones) > 1 else tones[0]
        pitch = _near(target, previous)
        length = 2.0 if stage.per_bar == 4 else 3.0
        density = float(stage.density[bar])
        _add(stage, rows, bar, beat, pitch, length * float(rng.uniform(0.8, 0.97)))
        if rng.random() < 0.15 + 0.35 * density:
            following = stage.chart.chord_at(bar * stage.per_bar + beat + length)
            if following.root is not None:
                lead = _near(_bass_of(following), pitch) + int(rng.choice([-1, 1]))
                _add(
                    stage,
                    rows,
                    bar,
                    beat + length - (0.5 if rng.random() < 0.5 else 1.0),
                    int(np.clip(lead, LOW, HIGH)),
                    0.45,
                    66,
                )
        previous = float(pitch)
    return previous


def _bossa(stage: Stage, bar: int, rows: list[Row], previous: float) -> float:
    rng = stage.rng
    for half in (0, 2):
        chord = stage.chord(bar, half)
        if chord.root is None:
            continue
        root = _near(_bass_of(chord), previous)
        fifth = next((i for i in (7, 6, 8) if i in chord.intervals), 7)
        other = _near((chord.root + fifth) % 12, root - 3 if root > 40 else root + 3)
        first = root if half == 0 or stage.chord(bar, 0) != chord else other
        _add(stage, rows, bar, half, first, 1.4)
        ahead = stage.chart.chord_at(bar * stage.per_bar + half + 2)
        if rng.random() < 0.35 + 0.6 * float(stage.density[bar]):
            pitch = other if half == 0 else root
            if half == 2 and ahead.root is not None:
                pitch = _near(_bass_of(ahead), root)
            _add(stage, rows, bar, half + 1.5, pitch, 0.5, 70)
        previous = float(root)
    return previous


def _funk(stage: Stage, bar: int, rows: list[Row], previous: float) -> float:
    rng = stage.rng
    pattern = np.random.default_rng([int(stage.tempo * 100), bar % 2]).random(16)
    for index in range(stage.per_bar * 2):
        beat = index / 2
        chord = stage.chord(bar, beat)
        if chord.root is None:
            continue
        changed = beat == 0 or stage.chord(bar, beat - 0.25) != chord
        if not changed and pattern[index] > 0.12 + 0.5 * float(stage.density[bar]):
            continue
        tones = _tones(chord)
        pick = 0 if changed or pattern[15 - index] < 0.5 else int(rng.integers(min(3, len(tones))))
        pitch = _near(_bass_of(chord) if pick == 0 else tones[pick], 34)
        if not changed and pattern[index] < 0.1:
            pitch = int(np.clip(pitch + 12, LOW, HIGH))
        _add(stage, rows, bar, beat, pitch, float(rng.uniform(0.25, 0.48)), 82)
        previous = float(pitch)
    return previous
