"""Bar and beat large, the beats of the bar, tempo and whose clock it is."""

from __future__ import annotations

from typing import Final

from tui.state import State
from tui.widgets import font
from tui.widgets.panel import Panel, Row

GAP: Final = 3
"""Pixels between bar and tempo, at the least."""
SOURCES: Final = {"internal": "own clock", "jack": "JACK", "midi": "MIDI clock", "link": "Link"}


def where(state: State) -> str:
    """Bar and beat as musicians count them: `12.3`; `-1.3` in the count-in; `-.-` while the clock stands."""
    clock = state.clock
    return f"{clock.bar}.{int(clock.beat)}" if clock.playing else "-.-"


def beats(state: State) -> Row:
    """One square a beat, that of the moment lit."""
    clock = state.clock
    now = int(clock.beat) if clock.playing else 0
    return tuple(("■ " if beat == now else "□ ", "lit" if beat == now else "dim") for beat in range(1, clock.beats_per_bar + 1))


def source(state: State) -> Row:
    """Whose clock it is, and what that does."""
    clock = state.clock
    words = SOURCES.get(clock.source, clock.source)
    if clock.peers is not None:
        words += f" {clock.peers} peer{'s' if clock.peers != 1 else ''}"
    if clock.waiting:
        return ((words, "text"), (" waits", "warn"))
    return ((words, "text" if clock.playing else "dim"), ("" if clock.playing else " stands", "dim"))


class Beat(Panel):
    """The clock: bar and beat, and the tempo beside it where there is room, large; below the beats and the source."""

    SHOWS = frozenset({"beat"})
    TITLE = "Clock"

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        clock = state.clock
        text, tempo = where(state), f"{clock.tempo:.0f}"
        scale = font.largest(text if len(text) >= 4 else "00.0", width, height - 1)
        look = "lit" if clock.playing else "dim"
        rows: list[Row] = [((line, look),) for line in (font.write(text, scale) if scale else (text,))]
        gap = width - font.width(text, scale) - font.width(tempo, scale) - GAP if scale else 0
        if gap >= GAP * scale > 0:
            rows = [(*row, (" " * gap, "text"), (line, "coming")) for row, line in zip(rows, font.write(tempo, scale), strict=True)]
        click = (" ♪ ", "coming") if clock.metronome else ("  ", "dim")
        rows.append((*beats(state), *source(state), click, (f"♩={clock.tempo:g}", "coming")))
        return [((" " * width, "text"),)] * (height - len(rows)) + rows
