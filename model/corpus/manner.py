"""A player's manner: how far behind the beat, how long the notes, which voicings. It makes of the rules' notes a player's own. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Final

import numpy as np

from jamd.contract.units import PARTS
from model.corpus.grid import Row
from model.corpus.personas import VOICINGS, Persona
from model.corpus.voicings import OPEN

LEADS: Final = ("piano", "horn")
"""Parts whose manner is heard and spoken of first; bass and drums keep the time."""
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
    """Whether chords of the piano are in open position, whatever their kind; None: as their kind has them."""

    def __post_init__(self) -> None:
        if len(self.lag) != len(PARTS) or len(self.legato) != len(PARTS):
            raise ValueError(f"a manner has a lag and a legato for each of {len(PARTS)} parts")
        if self.voicing is not None and self.voicing not in VOICINGS:
            raise ValueError(f"no voicing {self.voicing!r}: there are {', '.join(VOICINGS)}")

    def own(self, row: Row) -> Row:
        """A note in this manner."""
        part, pitch, velocity, beat, length = row
        return part, pitch, velocity, beat + self.lag[part], length * self.legato[part]

    def filled(self, kind: str) -> Manner:
        """With a piece's kind of voicing where it has none of its own, and the width of its kind where it says nothing of it."""
        kind = self.voicing or kind
        return replace(self, voicing=kind, wide=kind in OPEN if self.wide is None else self.wide)


NEUTRAL: Final = Manner()


def of_persona(persona: Persona) -> Manner:
    """A persona's: its time and touch hold for its own part, its voicing for the piano."""
    return Manner(
        tuple(persona.lag if part == persona.part else 0.0 for part in PARTS),
        tuple(persona.legato if part == persona.part else 1.0 for part in PARTS),
        persona.voicing,
    )


def draw_manner(rng: np.random.Generator) -> Manner:
    """Anybody's: piano and horn, now and then bass and drums, 0.03 beats early to 0.05 late; notes half to 1.35 times as long."""
    lag, legato = [], []
    for part in PARTS:
        leads = part in LEADS
        lag.append(float(rng.uniform(-0.03, 0.05)) if rng.random() < (0.7 if leads else 0.25) else 0.0)
        legato.append(float(2.0 ** rng.uniform(-1.0, 0.43)) if part != "drums" and rng.random() < (0.7 if leads else 0.15) else 1.0)
    voicing = str(rng.choice(VOICINGS)) if rng.random() < 0.7 else None
    wide = (True, False, None)[int(rng.choice(3, p=_WIDE))]
    return Manner(tuple(lag), tuple(legato), voicing, wide)


def draw_manners(rng: np.random.Generator) -> Iterator[Manner]:
    """One a bar without end, as a style may change while music plays: another one every four bars or more, for half of the seeds every
    bar or more.

    Where manners change faster than a player would, what came before tells little of what is to come: it has to be read.
    """
    every = 1 if rng.random() < _RESTLESS else 4
    held = draw_manner(rng)
    yield held
    for bar in count(1):
        if bar % every == 0 and rng.random() < 0.5:
            held = draw_manner(rng)
        yield held
