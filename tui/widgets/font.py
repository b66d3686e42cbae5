"""Large letters for what has to be read from two metres: bar, beat, tempo, chords. A pixel is half a cell, or grows by whole steps."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

HEIGHT: Final = 5
"""Pixels."""
_GLYPHS: Final = {
    "0": "###|#.#|#.#|#.#|###", "1": ".#.|##.|.#.|.#.|###", "2": "###|..#|###|#..|###", "3": "###|..#|.##|..#|###",
    "4": "#.#|#.#|###|..#|..#", "5": "###|#..|###|..#|###", "6": "###|#..|###|#.#|###", "7": "###|..#|.#.|.#.|.#.",
    "8": "###|#.#|###|#.#|###", "9": "###|#.#|###|..#|###",
    "A": ".#.|#.#|###|#.#|#.#", "B": "##.|#.#|##.|#.#|##.", "C": ".##|#..|#..|#..|.##", "D": "##.|#.#|#.#|#.#|##.",
    "E": "###|#..|##.|#..|###", "F": "###|#..|##.|#..|#..", "G": ".##|#..|#.#|#.#|.##", "M": "#...#|##.##|#.#.#|#...#|#...#",
    "N": "#..#|##.#|#.##|#..#|#..#",
    "a": "...|.##|#.#|#.#|.##", "b": "#..|#..|##.|#.#|##.", "d": "..#|..#|.##|#.#|.##", "g": ".##|#.#|.##|..#|##.",
    "i": "#|.|#|#|#", "j": ".#|..|.#|.#|#.", "l": "#|#|#|#|#", "m": ".....|##.#.|#.#.#|#.#.#|#.#.#", "o": "...|.#.|#.#|#.#|.#.",
    "s": "...|.##|.#.|..#|##.", "t": "#.|##|#.|#.|##", "u": "...|#.#|#.#|#.#|.##",
    "#": "#.#|###|#.#|###|#.#", "/": "..#|..#|.#.|#..|#..", "-": "..|..|##|..|..", "+": "...|.#.|###|.#.|...",
    "(": ".#|#.|#.|#.|.#", ")": "#.|.#|.#|.#|#.", ".": ".|.|.|.|#", ":": ".|#|.|#|.", "%": "#.#|..#|.#.|#..|#.#", " ": "..|..|..|..|..",
}  # fmt: skip
_HALVES: Final = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def can_write(text: str) -> bool:
    """Whether there are glyphs for all of it."""
    return all(character in _GLYPHS for character in text)


def width(text: str, scale: int = 1) -> int:
    """Cells from end to end."""
    pixels = sum(_GLYPHS[character].index("|") + 1 for character in text) - 1
    return max(pixels, 0) * scale


def height(scale: int = 1) -> int:
    """Rows of cells."""
    return -(-HEIGHT * scale // 2)


@lru_cache(maxsize=256)
def write(text: str, scale: int = 1) -> tuple[str, ...]:
    """Rows of cells of equal length; a pixel is `scale` cells wide and half as many high.

    Raises:
        KeyError: a character without a glyph.
    """
    glyphs = [_GLYPHS[character].split("|") for character in text]
    pixels = [[point == "#" for point in ".".join(glyph[row] for glyph in glyphs) for _ in range(scale)] for row in range(HEIGHT)]
    lines = [row for row in pixels for _ in range(scale)]
    if len(lines) % 2:
        lines.append([False] * len(lines[0]))
    return tuple("".join(_HALVES[pair] for pair in zip(*lines[at : at + 2], strict=True)) for at in range(0, len(lines), 2))


def largest(text: str, columns: int, rows: int) -> int:
    """The greatest scale at which a text fits; 0: it does not."""
    scale = 0
    while can_write(text) and width(text, scale + 1) <= columns and height(scale + 1) <= rows:
        scale += 1
    return scale
