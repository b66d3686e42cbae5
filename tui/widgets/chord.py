"""The chord that sounds and the one that comes, large."""

from __future__ import annotations

from tui.state import State
from tui.widgets import font
from tui.widgets.panel import Panel, Row, fit

GAP = 3


def large(text: str, columns: int, rows: int, most: int) -> list[str]:
    """A chord's name as large as it fits, or in plain letters; `rows` lines of `columns` characters."""
    scale = min(font.largest(text, columns, rows), most)
    lines = list(font.write(text, scale)) if text and scale else [text]
    above = (rows - len(lines)) // 2
    return [fit(lines[y - above] if 0 <= y - above < len(lines) else "", columns) for y in range(rows)]


def until(beats: int) -> str:
    """How long it takes to the chord that comes."""
    return f"in {beats} beat{'s' if beats != 1 else ''}" if beats else "next"


class Chords(Panel):
    """Two names side by side, and below them when the second comes."""

    SHOWS = frozenset({"place", "engine"})
    TITLE = "Chord"

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        place = state.place
        jam = state.engine.jam
        rows = max(height - 1, 1)
        left = (width - GAP) * 3 // 5
        scale = max(font.largest(place.sounding or "C", left, rows), 1)
        now = large(place.sounding, left, rows, scale)
        then = large(place.coming, width - GAP - left, rows, scale)
        out: list[Row] = [((one, "lit"), ("   ", "text"), (two, "coming")) for one, two in zip(now, then, strict=True)]
        held = f"held: {jam.chord}" if jam.chord else "sounds" if place.sounding else "the clock stands"
        out.append(
            ((fit(held, left), "warn" if jam.chord else "dim"), ("   ", "text"), (until(place.whole_beats) if place.coming else "", "dim"))
        )
        return out[-height:]
