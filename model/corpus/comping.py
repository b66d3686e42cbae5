"""Chords of the piano: voicings of a kind, or a real pianist's hand shapes, voice-led, in comping rhythms."""

from __future__ import annotations

from collections.abc import Sequence

from model.corpus.grid import Row, Stage
from model.corpus.manner import Manner
from model.corpus.sources.jtd import TrioStats
from model.corpus.voicings import forms, is_open, opened, place

PART = 0
_SHAPES = 4
"""Real hand shapes among which the hand takes the nearest."""

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


def play(stage: Stage, melody_in_piano: bool, kind: str, manners: Sequence[Manner], hands: TrioStats | None = None) -> list[Row]:
    """Chords for the whole piece. With the melody in the same hands the chords lie lower and are sparser.

    Args:
        kind: of voicing, where a manner has none of its own.
        manners: one a bar; of them, voicing and width.
        hands: a real pianist's hand shapes, which take the place of the rules where one of them spells the chord.
    """
    rng = stage.rng
    rows: list[Row] = []
    previous: list[int] = []
    for bar, manner in zip(range(stage.bars), manners, strict=True):
        density = float(stage.density[bar]) * (0.75 if melody_in_piano else 1.0)
        centre = 54 + 12 * float(stage.register[bar]) - (4 if melody_in_piano else 0)
        for beat, length in _rhythm(stage, bar, density):
            sounding = beat + 0.5 if beat % 1 == 0.5 and beat >= stage.per_bar - 0.6 else beat
            chord = stage.chart.chord_at(bar * stage.per_bar + sounding + (0.5 if _anticipates(stage, bar, beat) else 0))
            if chord.root is None:
                continue
            alone = not stage.parts[bar, 1]
            shapes = _as_wide(hands.draw_voicings(rng, chord, _SHAPES), manner.wide) if hands is not None and not alone else []
            shapes = [[pitch - chord.root for pitch in shape] for shape in shapes]
            shapes = shapes or forms(chord, manner.voicing or kind, wide=manner.wide, with_root=alone)
            pitches = place(shapes, chord.root, centre, previous, rng)
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


def _as_wide(shapes: list[list[int]], wide: bool | None) -> list[list[int]]:
    """Shapes in open position, or those of them that are close; None: all, as they are."""
    if wide is None:
        return shapes
    return [opened(shape) for shape in shapes] if wide else [shape for shape in shapes if not is_open(shape)]


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
