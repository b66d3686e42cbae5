"""A player's manner by its notes: how late they fall, how long they sound, how its chords are laid out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from jamd.contract.units import PARTS
from model.corpus.manner import LEADS
from model.corpus.notes import Notes

PIANO: Final = PARTS.index("piano")
AT_ONCE: Final = 0.08
"""Beats within which the notes of a chord begin."""
NEAR: Final = 0.15
"""Beats around a place of the grid in which a note counts as played there; triplets and sixteenths between are left out."""
FOURTH: Final = 5


@dataclass(frozen=True)
class MannerFound:
    """Of piano and horn; of the piano alone where chords are spoken of. NaN where there is nothing to measure."""

    lateness: float
    """Mean distance of notes behind the swung eighths, less that of the drums, in beats."""
    length: float
    """Geometric mean of lengths, in beats."""
    chord_notes: float
    """Notes a chord; two at least make one."""
    span: float
    """Semitones from a chord's lowest to its highest note, of chords of three and more."""
    fourths: float
    """Share of perfect fourths in the intervals between neighbouring notes of chords."""


def _late(notes: Notes, swing: float) -> float:
    places = np.array([0.0, swing, 1.0])
    within = notes["beat"] % 1.0
    off = within[:, None] - places
    nearest = off[np.arange(len(off)), np.abs(off).argmin(axis=1)]
    nearest = nearest[np.abs(nearest) < NEAR]
    return float(nearest.mean()) if len(nearest) else float("nan")


def chords_of(notes: Notes) -> list[list[int]]:
    """Rising pitches of what the piano strikes at once, two notes and more."""
    own = notes[notes["part"] == PIANO]
    own = own[np.argsort(own["beat"], kind="stable")]
    out: list[list[int]] = []
    begin = -np.inf
    for note in own:
        if note["beat"] - begin > AT_ONCE:
            out.append([])
            begin = float(note["beat"])
        out[-1].append(int(note["pitch"]))
    return [sorted(set(chord)) for chord in out if len(set(chord)) > 1]


def measure_manner(notes: Notes, swing: float) -> MannerFound:
    """Args:
    swing: share of the beat that the first eighth takes.
    """
    leads = notes[np.isin(notes["part"], [PARTS.index(part) for part in LEADS])]
    drums = notes[notes["part"] == PARTS.index("drums")]
    chords = chords_of(notes)
    steps = np.array([step for chord in chords for step in np.diff(chord)])
    full = [chord[-1] - chord[0] for chord in chords if len(chord) > 2]
    return MannerFound(
        _late(leads, swing) - (_late(drums, swing) if len(drums) else 0.0),
        float(np.exp(np.log(leads["length"]).mean())) if len(leads) else float("nan"),
        float(np.mean([len(chord) for chord in chords])) if chords else float("nan"),
        float(np.mean(full)) if full else float("nan"),
        float((steps == FOURTH).mean()) if len(steps) else float("nan"),
    )
