"""The chord that held notes name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

NAMES: Final = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
SHAPES: Final[tuple[tuple[str, tuple[int, ...]], ...]] = (
    ("maj7", (0, 4, 7, 11)), ("7", (0, 4, 7, 10)), ("m7", (0, 3, 7, 10)), ("m7b5", (0, 3, 6, 10)), ("dim7", (0, 3, 6, 9)),
    ("6", (0, 4, 7, 9)), ("m6", (0, 3, 7, 9)), ("mMaj7", (0, 3, 7, 11)), ("7sus4", (0, 5, 7, 10)), ("aug7", (0, 4, 8, 10)),
    ("", (0, 4, 7)), ("m", (0, 3, 7)), ("dim", (0, 3, 6)), ("aug", (0, 4, 8)), ("sus4", (0, 5, 7)), ("sus2", (0, 2, 7)),
    ("maj9", (0, 2, 4, 7, 11)), ("9", (0, 2, 4, 7, 10)), ("m9", (0, 2, 3, 7, 10)), ("7b9", (0, 1, 4, 7, 10)),
    ("13", (0, 2, 4, 7, 9, 10)), ("7#9", (0, 3, 4, 7, 10)), ("6/9", (0, 2, 4, 7, 9)), ("m11", (0, 2, 3, 5, 7, 10)),
    ("maj7", (0, 4, 11)), ("7", (0, 4, 10)), ("m7", (0, 3, 10)), ("9", (0, 2, 4, 10)), ("maj9", (0, 2, 4, 11)),
    ("m9", (0, 2, 3, 10)), ("13", (0, 4, 9, 10)), ("7#5", (0, 4, 8, 10)),
)  # fmt: skip


def name_chord(notes: Iterable[int]) -> str | None:
    """Symbol of the chord that the held MIDI notes form, or None if they form none.

    The lowest note is preferred as the root; otherwise it becomes the bass.
    """
    held = sorted(set(notes))
    classes = frozenset(note % 12 for note in held)
    if len(classes) < 3:
        return None
    bass = held[0] % 12
    best: tuple[int, str] | None = None
    for order, (suffix, shape) in enumerate(SHAPES):
        for root in classes:
            if frozenset((root + step) % 12 for step in shape) != classes:
                continue
            cost = order + (0 if root == bass else 100)
            symbol = NAMES[root] + suffix + ("" if root == bass else f"/{NAMES[bass]}")
            if best is None or cost < best[0]:
                best = (cost, symbol)
    return best[1] if best else None
