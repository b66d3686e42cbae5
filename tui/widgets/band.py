"""What the band is and does: playing or not, whose turn, adapter, style, parts, recording."""

from __future__ import annotations

from typing import Final

from jamd.contract.prompts import read_prompts
from jamd.contract.units import PARTS
from tui.state import State
from tui.widgets.panel import Panel, Row, fit

SIGNS: Final = {"stopped": ("■ stopped", "dim"), "queued": ("◌ begins at the bar", "queued"), "playing": ("▶ playing", "playing"),
                "stopping": ("◼ ends at the bar", "stopping")}  # fmt: skip
NAME: Final = 8


def named(name: str, *pieces: tuple[str, str]) -> Row:
    """A line with its name in front."""
    return ((fit(name, NAME), "title"), *pieces)


def jam(state: State) -> Row:
    """Whether it plays, and whose turn it is."""
    engine, now = state.engine, state.engine.jam
    if not engine.ready:
        return named("band", (engine.progress or "no engine", "warn"))
    pieces = [SIGNS[now.state]]
    if now.trade:
        pieces += [(f"  trade {now.trade}", "text"), (f": {now.turn}" if now.turn else "", "coming")]
    return named("band", *pieces)


def adapter(state: State) -> Row:
    """Those that play, each with its strength, and the strength of all."""
    playing = state.adapters.playing
    if not playing:
        return named("adapter", ("base", "dim"))
    words = " + ".join(f"{name} {strength:.2f}" for name, strength in playing)
    return named("adapter", (words, "lit"), (f"  all {state.adapters.strength:.2f}", "dim"))


def style(state: State) -> Row:
    """The prompts with their weights."""
    prompts = read_prompts(state.engine.jam.style)
    words = ", ".join(text if len(prompts) == 1 else f"{text} {weight:g}" for text, weight in prompts)
    return named("style", (words, "text") if words else ("none", "dim"))


def parts(state: State) -> Row:
    """Who plays."""
    out = []
    for place, name in enumerate(PARTS):
        on = state.params.parts.get(name, 1)
        out += [("●" if on else "○", "good" if on else "dim"), (name + " " * (place < len(PARTS) - 1), "text" if on else "dim")]
    return named("parts", *out)


def record(state: State) -> Row:
    """The take."""
    take = state.record
    if take.recording:
        return named("record", (f"● {int(take.seconds) // 60}:{int(take.seconds) % 60:02d} ", "bad"), (take.folder, "text"))
    return named("record", (take.last or "off", "dim"))


class Band(Panel):
    """A line for each of them."""

    SHOWS = frozenset({"engine", "adapters", "params", "record"})
    TITLE = "Band"

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        return [cut(row, width) for row in (jam(state), adapter(state), style(state), parts(state), record(state))]


def cut(row: Row, width: int) -> Row:
    """At most so many characters of a row, with an ellipsis where it is cut."""
    out: list[tuple[str, str]] = []
    for text, look in row:
        if len(text) > width:
            return (*out, (fit(text, width), look))
        out.append((text, look))
        width -= len(text)
    return tuple(out)
