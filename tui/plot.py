"""Curves in dots of Braille: two by four in a cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

from tui.widgets.panel import Row

EMPTY: Final = 0x2800
DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits by row and column."""
LABEL: Final = 7
"""Cells of the figures at the left."""
DASH: Final = 4
"""Dots of a dash, and of a gap."""


@dataclass(frozen=True)
class Curve:
    """Points from left to right, joined by lines. Colour is not all that differs: a `mark` stands on every point, `dashed` leaves gaps."""

    xs: Sequence[float]
    ys: Sequence[float]
    look: str
    dashed: bool = False
    mark: str = ""


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest; apart from each other in any case."""
    low, high = min(values), max(values)
    room = 0.0 if high > low else abs(high) * 0.05 or 0.5
    return low - room, high + room


def _dots(points: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Those of the lines between points."""
    yield from points[:1]
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(1, steps + 1):
            yield x0 + round((x1 - x0) * step / steps), y0 + round((y1 - y0) * step / steps)


def plot(curves: Sequence[Curve], width: int, height: int) -> list[Row]:
    """`height` rows of `width` cells; the highest value stands before the first, the lowest before the last. Later curves lie above.

    Raises:
        ValueError: there is no point at all.
    """
    left, right = _ends([x for curve in curves for x in curve.xs])
    low, high = _ends([y for curve in curves for y in curve.ys])
    columns, lines = max(width - LABEL, 1), height * 4
    bits: dict[tuple[int, int], int] = {}
    looks: dict[tuple[int, int], str] = {}
    marks: dict[tuple[int, int], str] = {}
    for curve in curves:
        points = [
            (round((x - left) / (right - left) * (2 * columns - 1)), round((high - y) / (high - low) * (lines - 1)))
            for x, y in zip(curve.xs, curve.ys, strict=True)
        ]
        for x, y in _dots(points):
            if not curve.dashed or x % (2 * DASH) < DASH:
                cell = y // 4, x // 2
                bits[cell] = bits.get(cell, 0) | DOTS[y % 4][x % 2]
                looks[cell] = curve.look
        for x, y in points if curve.mark else ():
            marks[y // 4, x // 2], looks[y // 4, x // 2] = curve.mark, curve.look
    rows: list[Row] = []
    for row in range(height):
        figure = f"{high:.3f}" if row == 0 else f"{low:.3f}" if row == height - 1 else ""
        cells = [(marks.get((row, x)) or chr(EMPTY + bits.get((row, x), 0)), looks.get((row, x), "text")) for x in range(columns)]
        groups = [("".join(text for text, _ in group), look) for look, group in groupby(cells, key=lambda cell: cell[1])]
        rows.append(((f"{figure:>{LABEL - 1}} ", "dim"), *groups))
    return rows
