"""Chords of the piano: rootless, shell, drop-2 and quartal voicings, voice-led, in comping rhythms."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from jamd.contract.chart import Chord
from model.corpus.grid import Row, Stage
from model.corpus.sources.jtd import TrioStats

PART = 0

_RHYTHMS = (
    ((0.0, 0.6), (1.5, 0.5)),
    ((0.5, 0.5), (2.0, 0.8)),
    ((1.5, 1.6),),
    ((0.0, 1.8),),
    ((1.0, 0.4), (2.5, 0.5)),
    ((1.5, 0.4), (3.5, 0.5)),
    ((0.5, 0.4), (1.5, 0.4), (3.0, 0.8)),
    ((2.5, 1.2),),
    ((0.0, 0.4), (0.5, 0.3), (2.5, 0.6)),
    ((1.0, 0.5), (3.0, 0.5)),
    ((0.5, 0.4), (2.5, 0.4), (3.5, 0.6)),
    ((3.5, 0.8),),
)


def voicing(chord: Chord, kind: str, with_root: bool) -> list[int]:
    """Intervals above the root, in order from below, within about an octave and a half."""
    has = set(chord.intervals)
    third = next((i for i in (4, 3, 5, 2) if i in has), 4)
    fifth = next((i for i in (7, 6, 8) if i in has), 7)
    seventh = next((i for i in (10, 11, 9) if i in has), 9 if chord.family == "major" else 0)
    ninth = next((i for i in (2, 1, 3) if i in has and i != third), None)
    thirteenth = next((i for i in (9, 8) if i in has and i not in (fifth, seventh)), None)
    if ninth is None and chord.family in ("major", "minor", "dominant", "suspended"):
        ninth = 2
    if chord.family in ("half_diminished", "diminished"):
        ninth = None
    if kind == "shell":
        notes = [third, seventh] if seventh else [third, fifth]
    elif kind == "triad":
        notes = [0, third, fifth]
    elif kind == "quartal" and chord.family in ("minor", "suspended"):
        notes = [5, 10, 3 if 3 in has else 2, 7]
    elif kind == "drop2":
        notes = [fifth, seventh or 0, third + 12, (ninth + 12) if ninth is not None else 12]
    else:
        notes = [third, fifth if thirteenth is None else thirteenth, seventh or fifth]
        notes.append(ninth if ninth is not None else 0)
        if kind == "rootless_b":
            notes = [n + 12 if n in (third, fifth) or n == thirteenth else n for n in notes]
    if 1 in has and 3 in has and 4 in has and 8 in has and kind != "shell":  # altered: third, seventh, b13, #9
        notes = [4, 8, 10, 15]
    if with_root and 0 not in notes:
        notes = [0, *[n if n else 12 for n in notes]]
    return sorted(set(notes))


def place(notes: list[int], root: int, centre: float, previous: list[int], rng: np.random.Generator) -> list[int]:
    """The inversion and octave nearest to the voicing before, around the centre."""
    classes = sorted({(root + n) % 12 for n in notes})
    best: list[int] = []
    cost = float("inf")
    for start in range(len(classes)):
        for octave in (36, 48, 60, 72):
            pitches: list[int] = []
            low = octave - 1
            for offset in range(len(classes)):
                pitch = classes[(start + offset) % len(classes)]
                while pitch <= low:
                    pitch += 12
                pitches.append(pitch)
                low = pitch
            mean = float(np.mean(pitches))
            move = abs(mean - np.mean(previous)) if previous else 0.0
            top = abs(pitches[-1] - previous[-1]) if previous else 0.0
            clusters = sum(b - a == 1 for a, b in pairwise(pitches))
            mud = sum(max(0, 52 - p) for p in pitches[:2]) * 0.2
            value = float(abs(mean - centre) * 0.55 + move * 0.35 + top * 0.3 + clusters * 1.5 + mud + rng.random() * 2)
            if value < cost:
                best, cost = pitches, value
    return best


def play(stage: Stage, melody_in_piano: bool, kind: str, hands: TrioStats | None = None) -> list[Row]:
    """Chords for the whole piece. With the melody in the same hands the chords lie lower and are sparser.

    Args:
        hands: a real pianist's hand shapes, which take the place of the rules where one of them spells the chord.
    """
    rng = stage.rng
    rows: list[Row] = []
    previous: list[int] = []
    for bar in range(stage.bars):
        density = float(stage.density[bar]) * (0.75 if melody_in_piano else 1.0)
        centre = 54 + 12 * float(stage.register[bar]) - (4 if melody_in_piano else 0)
        for beat, length in _rhythm(stage, bar, density):
            sounding = beat + 0.5 if beat % 1 == 0.5 and beat >= stage.per_bar - 0.6 else beat
            chord = stage.chart.chord_at(bar * stage.per_bar + sounding + (0.5 if _anticipates(stage, bar, beat) else 0))
            if chord.root is None:
                continue
            alone = not stage.parts[bar, 1]
            notes = voicing(chord, kind, alone and kind != "drop2")
            shape = hands.draw_voicing(rng, chord) if hands is not None and not alone else []
            pitches = place([pitch - chord.root for pitch in shape] or notes, chord.root, centre, previous, rng)
            previous = pitches
            at = bar * stage.per_bar + stage.swung(beat) + stage.human(6.0, 4.0)
            level = stage.touch(bar, 60 if melody_in_piano else 68, 6 if beat % 1 else 0)
            for index, pitch in enumerate(pitches):
                accent = 4 if index == len(pitches) - 1 else 0
                rows.append((PART, pitch, level + accent + rng.normal(0, 2), at + stage.human(3.0), length))
            if alone and beat < 1 and rng.random() < 0.9:  # left hand gives the root where nobody else does
                low = 36 + (chord.root if chord.bass is None else chord.bass) % 12
                rows.append((PART, low, level, at + stage.human(3.0), max(length, 1.5)))
    return rows


def _anticipates(stage: Stage, bar: int, beat: float) -> bool:
    return beat % 1 == 0.5 and stage.chord(bar, beat) != stage.chart.chord_at(bar * stage.per_bar + beat + 0.5)


def _rhythm(stage: Stage, bar: int, density: float) -> list[tuple[float, float]]:
    rng = stage.rng
    per_bar = stage.per_bar
    changes = [beat for beat in range(per_bar) if beat == 0 or stage.chord(bar, beat) != stage.chord(bar, beat - 1)]
    if stage.feel == "ballad" or density < 0.12:
        out = [(float(b), float((per_bar if i + 1 == len(changes) else changes[i + 1]) - b) * 0.95) for i, b in enumerate(changes)]
        if density > 0.45 and rng.random() < density:
            out.append((per_bar - 1.5, 0.6))
        return sorted(out)
    if stage.feel == "bossa":
        pattern = [0.0, 1.5, 3.0] if bar % 2 == 0 else [0.5, 2.0, 3.5]
        if density > 0.6:
            pattern = sorted({*pattern, 1.0 if bar % 2 else 2.5})
        elif density < 0.3:
            pattern = pattern[:2]
        return [(b, 0.7) for b in pattern]
    if stage.feel == "funk":
        pattern = [b / 2 for b in range(per_bar * 2) if rng.random() < 0.1 + 0.35 * density]
        return [(b, 0.3) for b in (pattern or [0.5])]
    if stage.feel == "waltz":
        pattern = [0.0] if density < 0.25 else [1.0, 2.0] if rng.random() < 0.4 else [0.0, 1.5]
        if density > 0.7:
            pattern = sorted({*pattern, 2.5})
        return [(b, 0.8) for b in pattern]
    count = 1 + 3 * density + rng.normal(0, 0.4)
    choices = [r for r in _RHYTHMS if abs(len(r) - count) < 1.1] or list(_RHYTHMS)
    out = list(choices[int(rng.integers(len(choices)))])
    if density > 0.8 and rng.random() < 0.5:
        out.append((float(rng.choice([1.0, 2.0, 3.0])), 0.4))
    if len(changes) > 1 and rng.random() < 0.8:  # a change in the bar's middle is heard
        late = float(changes[len(changes) // 2])
        if not any(late - 0.6 <= b <= late + 0.6 for b, _ in out):
            out.append((late, 0.8))
    long = 1.0 + 0.9 * float(rng.random() < 0.25)
    return sorted({b: (b, length * long) for b, length in out}.values())
