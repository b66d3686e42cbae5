"""Does the model copy? The longest run of notes that a line shares with a set of lines, in any key and at any tempo.

A line is written as steps of (interval in half tones, time to the next note in twelfths of a beat); equal steps are an equal phrase,
transposed or not (the n-gram measure of Yin et al. 2021, "A good tokeniser is not enough: measuring originality in music generation",
there with absolute pitch). A corpus repeats itself too: `floor` says how long the longest runs of held-out pieces are.

Played time is uneven, and an eighth at another swing falls on another twelfth: a copy whose timing was drawn anew can be missed. An index
with `rhythm=False` compares intervals alone and finds it, at a higher floor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.units import PARTS

GRID: Final = 12
"""Steps of the quantised time, a beat."""
LONGEST_GAP: Final = 4 * GRID
"""Longer times to the next note count as this."""
GRAM: Final = 4
"""Steps of an indexed n-gram; shorter runs than GRAM + 1 notes are not found and count as 0."""
LINES: Final = ("piano", "horn")

Steps = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Match:
    """The longest shared run of a line."""

    notes: int
    """Its notes; 0: none of GRAM + 1 notes or more."""
    share: float
    """Of the line's notes."""
    start: int = 0
    """Where in the line it begins, in notes."""
    line: int = -1
    """Which line of the index has it; -1: none."""
    covered: float = 0.0
    """Share of the line's notes that lie in some run of twice GRAM notes or more that is in the index."""


def line_of(notes: NDArray[Any], part: int) -> NDArray[Any]:
    """A part's highest notes, one at a time, sorted; of notes within a twelfth of a beat the highest stays (the skyline of a chord).

    Args:
        notes: fields part, pitch and beat at least; shape [notes].
        part: index in PARTS.
    """
    own = notes[notes["part"] == part]
    when = np.round(own["beat"] * GRID).astype(np.int64)
    order = np.lexsort((-own["pitch"].astype(np.int64), when))
    own, when = own[order], when[order]
    return own[np.diff(when, prepend=-1) > 0] if len(own) else own


def steps_of(line: NDArray[Any], *, rhythm: bool = True) -> Steps:
    """(interval, twelfths of a beat) from each note of a line (fields pitch, beat) to the next. One less than there are notes.

    Without `rhythm` all times are 0.
    """
    if len(line) < 2:
        return ()
    intervals = np.diff(line["pitch"].astype(np.int64))
    times = np.minimum(np.diff(np.round(line["beat"] * GRID).astype(np.int64)), LONGEST_GAP) * int(rhythm)
    return tuple(zip(intervals.tolist(), times.tolist(), strict=True))


def lines_of(notes: NDArray[Any], parts: Sequence[str] = LINES, *, rhythm: bool = True) -> list[Steps]:
    """Steps of the lines of a piece's or plan's parts that have GRAM + 1 notes or more."""
    found = [steps_of(line_of(notes, PARTS.index(part)), rhythm=rhythm) for part in parts]
    return [steps for steps in found if len(steps) >= GRAM]


def notes_of_heard(heard: NDArray[Any], tempo: float, offset: float = 0.0, part: str = "piano") -> NDArray[Any]:
    """Transcribed notes as notes of one part, with time in beats.

    Args:
        heard: fields pitch and start in seconds (model.metrics.heard), shape [notes].
        tempo: beats a minute.
        offset: seconds at which beat 0 falls.
        part: whose they shall be.
    """
    out = np.zeros(len(heard), [("part", "u1"), ("pitch", "u1"), ("beat", "f8")])
    out["part"], out["pitch"], out["beat"] = PARTS.index(part), heard["pitch"], (heard["start"] - offset) * tempo / 60.0
    return out[out["beat"] >= 0.0]


@dataclass
class PhraseIndex:
    """Lines by the n-grams that are in them."""

    rhythm: bool = True
    """Whether times count beside intervals."""
    lines: list[Steps] = field(default_factory=list)
    places: dict[Steps, list[tuple[int, int]]] = field(default_factory=dict)

    def add(self, steps: Steps) -> None:
        """One more line."""
        number = len(self.lines)
        self.lines.append(steps)
        for at in range(len(steps) - GRAM + 1):
            self.places.setdefault(steps[at : at + GRAM], []).append((number, at))

    def longest(self, steps: Steps) -> Match:
        """The longest run of steps that is also in a line of the index."""
        best, start, found = 0, 0, -1
        covered = np.zeros(len(steps) + 1, bool)
        alive: dict[tuple[int, int], int] = {}
        for at in range(len(steps) - GRAM + 1):
            begun = alive
            alive = {}
            for number, place in self.places.get(steps[at : at + GRAM], ()):
                length = begun.get((number, place - 1), GRAM - 1) + 1
                alive[number, place] = length
                if length > best:
                    best, start, found = length, at + GRAM - length, number
            longest = max(alive.values(), default=0)
            if longest + 1 >= 2 * GRAM:
                covered[at + GRAM - longest : at + GRAM + 1] = True
        notes = best + 1 if best else 0
        total = len(steps) + 1
        return Match(notes, notes / total, start, found, float(covered.mean()) if steps else 0.0)


def build_index(pieces: Iterable[NDArray[Any]], parts: Sequence[str] = LINES, *, rhythm: bool = True) -> PhraseIndex:
    """An index of the lines of many pieces' notes (fields part, pitch, beat); without `rhythm` of their intervals alone."""
    index = PhraseIndex(rhythm)
    for notes in pieces:
        for steps in lines_of(notes, parts, rhythm=rhythm):
            index.add(steps)
    return index


def corpus_notes(seeds: Iterable[int]) -> Iterable[NDArray[Any]]:
    """The notes of the corpus' pieces of some seeds, one after the other."""
    from model.corpus.piece import make_piece

    for seed in seeds:
        yield make_piece(seed).notes


def stored_notes(folder: Path, held_out: int = 12) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """The notes of a store's training pieces and of its held-out ones: what a training read, whatever the corpus has become since."""
    from model.training.store import Store

    store = Store(folder, held_out=held_out)
    return [piece.notes for piece in store.pieces()], [piece.notes for piece in store.pieces(valid=True)]


def find_copies(notes: NDArray[Any], index: PhraseIndex, parts: Sequence[str] = LINES) -> Match:
    """The longest run of any of a plan's lines in the index; `covered` is the mean over the lines, by notes.

    Args:
        notes: fields part, pitch, beat; planned, or transcribed with the part given and time in beats.
        index: of the training corpus.
        parts: whose lines count.

    Returns:
        A match of 0 notes if no line has GRAM + 1 notes.
    """
    lines = lines_of(notes, parts, rhythm=index.rhythm)
    if not lines:
        return Match(0, 0.0)
    found = [index.longest(steps) for steps in lines]
    best = max(found, key=lambda match: match.notes)
    weights = np.array([len(steps) + 1 for steps in lines], np.float64)
    covered = float(np.average([match.covered for match in found], weights=weights))
    return Match(best.notes, best.share, best.start, best.line, covered)


@dataclass(frozen=True)
class Floor:
    """What held-out pieces of the corpus share with its training pieces."""

    notes: NDArray[np.int64]
    """Longest run of each held-out piece, in notes. Shape: [pieces]."""
    covered: NDArray[np.float64]
    """Shape: [pieces]."""

    def rank(self, match: Match) -> float:
        """Share of held-out pieces whose longest run is shorter than this match; 0.95 and more: suspicious. nan without a piece."""
        return float(np.mean(self.notes < match.notes)) if len(self.notes) else float("nan")

    def ratio(self, match: Match) -> float:
        """The match's length by the median of the floor's; nan where that is 0."""
        middle = float(np.median(self.notes)) if len(self.notes) else 0.0
        return match.notes / middle if middle else float("nan")


def floor(index: PhraseIndex, held_out: Iterable[NDArray[Any]], parts: Sequence[str] = LINES) -> Floor:
    """The same measure for pieces that are not in the index. Compare plans of about the same number of notes: longer ones share more."""
    found = [find_copies(notes, index, parts) for notes in held_out if lines_of(notes, parts)]
    return Floor(np.array([match.notes for match in found], np.int64), np.array([match.covered for match in found], np.float64))
