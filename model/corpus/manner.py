"""A player's manner: how far behind the beat, how long the notes, which voicings. It makes of the rules' notes a player's own. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from jamd.contract.units import PARTS
from model.corpus.grid import Row
from model.corpus.personas import VOICINGS, Persona
from model.corpus.voicings import LOWEST, OPEN, is_open

PIANO: Final = PARTS.index("piano")
_AT_ONCE: Final = 0.08
"""Beats between the first and the last note of a chord struck at once."""
_RESTLESS: Final = 0.5
_WIDE: Final = (0.35, 0.25, 0.4)
"""Of drawn manners, those that open chords, keep them close, and leave them."""


@dataclass(frozen=True)
class Manner:
    """What a player does with every note. Tuples have a value a part, in the order of PARTS."""

    lag: tuple[float, ...] = (0.0,) * len(PARTS)
    """Beats behind the beat; below 0 the part pushes."""
    legato: tuple[float, ...] = (1.0,) * len(PARTS)
    """Factor on the lengths of notes."""
    voicing: str | None = None
    """Of VOICINGS; None: not known, or whatever the piece draws."""
    wide: bool | None = None
    """Chords of the piano are opened where their kind is close (drop 2), or kept close where it is open; None: as their kind has them."""

    def __post_init__(self) -> None:
        if len(self.lag) != len(PARTS) or len(self.legato) != len(PARTS):
            raise ValueError(f"a manner has a lag and a legato for each of {len(PARTS)} parts")
        if self.voicing is not None and self.voicing not in VOICINGS:
            raise ValueError(f"no voicing {self.voicing!r}: there are {', '.join(VOICINGS)}")

    def own(self, row: Row) -> Row:
        """A note in this manner."""
        part, pitch, velocity, beat, length = row
        return part, pitch, velocity, beat + self.lag[part], length * self.legato[part]


NEUTRAL: Final = Manner()


def of_persona(persona: Persona) -> Manner:
    """A persona's: its time and touch hold for its own part, its voicing for the piano."""
    return Manner(
        tuple(persona.lag if part == persona.part else 0.0 for part in PARTS),
        tuple(persona.legato if part == persona.part else 1.0 for part in PARTS),
        persona.voicing,
    )


def spread(manner: Manner, kind: str) -> bool:
    """Whether chords of a kind of voicing are in open position in a manner."""
    return kind in OPEN if manner.wide is None else manner.wide


def draw_manner(rng: np.random.Generator) -> Manner:
    """Anybody's: piano and horn, now and then bass and drums, 0.03 beats early to 0.05 late; notes half to 1.35 times as long."""
    lag, legato = [], []
    for part in PARTS:
        leads = part in ("piano", "horn")
        lag.append(float(rng.uniform(-0.03, 0.05)) if rng.random() < (0.7 if leads else 0.25) else 0.0)
        legato.append(float(2.0 ** rng.uniform(-1.0, 0.43)) if part != "drums" and rng.random() < (0.7 if leads else 0.15) else 1.0)
    voicing = str(rng.choice(VOICINGS)) if rng.random() < 0.7 else None
    wide = (True, False, None)[int(rng.choice(3, p=_WIDE))]
    return Manner(tuple(lag), tuple(legato), voicing, wide)


def draw_manners(rng: np.random.Generator, bars: int) -> list[Manner]:
    """One a bar, as a style may change while music plays: another one every four bars or more, in half of the pieces every bar or more.

    Where manners change faster than a player would, what came before tells little of what is to come: it has to be read.
    """
    out: list[Manner] = []
    every = 1 if rng.random() < _RESTLESS else 4
    for bar in range(bars):
        out.append(draw_manner(rng) if bar == 0 or (bar % every == 0 and rng.random() < 0.5) else out[-1])
    return out


def open_chords(rows: list[Row], wanted: Callable[[float], bool]) -> list[Row]:
    """Chords of three notes and more in open position: the second voice from above an octave lower where it stays above the mud.

    Those that span more than an octave are open already and stay.

    Args:
        rows: of one player, each chord's notes one after the other.
        wanted: whether a chord at a beat is to be opened.
    """
    out: list[Row] = []
    chord: list[Row] = []
    for row in [*rows, None]:
        if chord and (row is None or abs(row[3] - chord[0][3]) > _AT_ONCE):
            out += _opened(chord) if wanted(chord[0][3]) else chord
            chord = []
        if row is not None:
            chord.append(row)
    return out


def _opened(chord: list[Row]) -> list[Row]:
    pitches = sorted(int(row[1]) for row in chord)
    if len(pitches) < 3 or is_open(pitches) or pitches[-2] - 12 < LOWEST:
        return chord
    second = pitches[-2]
    return [(row[0], row[1] - 12, *row[2:]) if row[1] == second else row for row in chord]
