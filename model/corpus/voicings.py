"""How a piano lays out a chord: forms above the root, low to high, and the one nearest to the hand.

A form keeps its layout wherever it is set: a drop-2 chord that were stacked anew would be a close one. After Mark Levine,
The Jazz Piano Book (1989): three-note voicings, left-hand voicings A and B, fourths, drop 2, locked hands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from jamd.contract.chart import Chord

_DROPPED: Final = ("rootless_b", "drop2")
OPEN: Final = (*_DROPPED, "quartal")
"""Kinds that span more than an octave."""
LOWEST: Final = 41
"""No chord is set below this MIDI pitch: it would be mud."""
HIGHEST: Final = 88
_MUD: Final = 52
"""Below this, notes cost the more the lower they lie."""
_OWN_FORM: Final = 0.8
"""Semitones that the hand goes out of its way for the kind's first form."""


def forms(chord: Chord, kind: str, *, wide: bool | None = None, with_root: bool = False) -> list[list[int]]:
    """The layouts of a chord in a kind of voicing, the usual one first: intervals above the root, rising.

    Args:
        kind: of `model.corpus.personas.VOICINGS`. `rootless`: a left hand's A and B forms; `rootless_b`: the same in open
            position; `drop2`: inversions of a four-note chord with the second voice from above an octave lower; `quartal`: fourths
            above each other as far as the chord has them.
        wide: True: every form that spans an octave or less is opened; False: drop 2 and the open A and B are closed, to locked hands
            and a left hand's forms; None: as the kind has it.
        with_root: the root lies below `rootless` and `shell`, where no bass plays it.
    """
    third, fifth, seventh, ninth, thirteenth = _tones(chord)
    upper = fifth if thirteenth is None else thirteenth
    altered = {1, 3, 4, 8} <= set(chord.intervals)
    four = [4, 8, 10, 3] if altered else [third, upper, fifth if seventh is None else seventh, 0 if ninth is None else ninth]
    if kind == "shell":
        pair = [third, fifth if seventh is None else seventh]
        found = [_rising(pair), _rising(pair[::-1])]
    elif kind == "triad":
        found = _inversions([4, 8, 10] if altered else [0, third, fifth])
    elif kind == "quartal":
        found = [_fourths(chord, altered)]
    elif kind == "drop2":
        found = _inversions(four)
    else:
        half = len(four) // 2
        found = [_rising(four), _rising(four[half:] + four[:half])]
    if wide or (wide is None and kind in _DROPPED):
        found = [opened(one) for one in found]
    if with_root and kind in ("rootless", "shell"):
        found = [[0 if one[0] > 0 else -12, *(pitch for pitch in one if pitch % 12)] for one in found]
    return found


def opened(form: Sequence[int]) -> list[int]:
    """In open position by drop 2: the second voice from above an octave lower. Forms of two notes and those that are open stay."""
    if len(form) < 3 or is_open(form):
        return list(form)
    return sorted([*form[:-2], form[-2] - 12, form[-1]])


def place(shapes: Sequence[Sequence[int]], root: int, centre: float, previous: Sequence[int], rng: np.random.Generator) -> list[int]:
    """The form and octave nearest to the chord before, around the centre. Forms and what comes back rise.

    Args:
        root: pitch class of the chord; of what the forms are counted from.
        centre: MIDI pitch around which chords lie.
        previous: the chord before; empty: none.
    """
    best: list[int] = []
    cost = float("inf")
    before = sum(previous) / len(previous) if previous else 0.0
    for index, shape in enumerate(shapes):
        lowest = root + shape[0]
        for bottom in range(LOWEST + (lowest - LOWEST) % 12, HIGHEST - (shape[-1] - shape[0]) + 1, 12):
            pitches = [bottom - shape[0] + interval for interval in shape]
            mean = sum(pitches) / len(pitches)
            move = abs(mean - before) if previous else 0.0
            top = abs(pitches[-1] - previous[-1]) if previous else 0.0
            mud = sum(max(0, _MUD - pitch) for pitch in pitches[:2]) * 0.2
            own = _OWN_FORM if index else 0.0
            value = abs(mean - centre) * 0.55 + move * 0.35 + top * 0.3 + mud + own + float(rng.random()) * 2
            if value < cost:
                best, cost = pitches, value
    return best


def _tones(chord: Chord) -> tuple[int, int, int | None, int | None, int | None]:
    """Third (or fourth), fifth, seventh (or sixth), ninth and thirteenth as pitch classes above the root."""
    has = set(chord.intervals)
    third = next((i for i in (4, 3, 5, 2) if i in has), 4)
    fifth = next((i for i in (7, 6, 8) if i in has), 7)
    seventh = next((i for i in (10, 11, 9) if i in has), 9 if chord.family == "major" else None)
    ninth = next((i for i in (2, 1, 3) if i in has and i != third), None)
    thirteenth = next((i for i in (9, 8) if i in has and i not in (fifth, seventh)), None)
    if ninth is None and chord.family in ("major", "minor", "dominant", "suspended") and third != 2:
        ninth = 2
    if chord.family in ("half_diminished", "diminished"):
        ninth = None
    return third, fifth, seventh, ninth, thirteenth


def _rising(classes: Sequence[int]) -> list[int]:
    """Each as the nearest above the one before; those that come twice but once."""
    out: list[int] = []
    for one in dict.fromkeys(value % 12 for value in classes):
        out.append(one if not out else out[-1] + (one - out[-1]) % 12)
    return out


def _inversions(classes: Sequence[int]) -> list[list[int]]:
    order = sorted({value % 12 for value in classes})
    return [_rising(order[start:] + order[:start]) for start in range(len(order))]


def _fourths(chord: Chord, altered: bool) -> list[int]:
    third, fifth, seventh, ninth, _ = _tones(chord)
    if altered:
        return [4, 10, 15, 20]
    if chord.family in ("minor", "suspended", "half_diminished"):
        return _rising([5, 10 if seventh is None else seventh, third if third != 5 else 2, fifth])
    if chord.family == "major":
        return _rising([third, 9, 2, fifth]) if third == 4 else _rising([third, 0, fifth, 2])
    if chord.family == "dominant":
        natural = chord.root is None or (chord.root + 9) % 12 in chord.scale
        return _rising([10, third, 9 if natural else 8, 2 if ninth is None else ninth])
    return _rising([third, fifth, 9 if seventh is None else seventh, 0])


def is_open(pitches: Sequence[int]) -> bool:
    """Whether a chord's notes span more than an octave."""
    return max(pitches) - min(pitches) > 12
