"""The line at the top of every screen: the connection, the screens, the recording, tempo, bar and beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tui.state import State
from tui.widgets.beat import where
from tui.widgets.panel import Panel, Row, length

if TYPE_CHECKING:
    from tui.app import Dashboard


def tabs(titles: list[str], current: str) -> Row:
    """Screens with the key of each; the current one lit."""
    row: list[tuple[str, str]] = []
    for key, title in enumerate(titles, 1):
        row += [(f" {key} ", "dim"), (title, "lit" if title == current else "text")]
    return tuple(row)


def link(state: State, endpoint: str) -> Row:
    """A green dot, or what is the matter."""
    if state.link == "connected":
        return ((" ● ", "good"), ("jamd", "title"))
    word = "looking for jamd at" if state.link == "connecting" else "NO CONNECTION to"
    return ((" ○ ", "bad"), (f"{word} {endpoint}", "bad"))


class Header(Panel):
    """One line; the tabs make room for what is wrong."""

    SHOWS = frozenset({"link", "beat", "record"})

    @property
    def is_faded(self) -> bool:
        return False

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        app = cast("Dashboard", self.app)
        left: Row = link(state, app.endpoint_text)
        if state.link == "connected":
            left += tabs([entry.title for entry in app.entries], app.current_title)
        place = (f" {where(state)} ", "lit" if state.clock.playing else "dim")
        record = ((" ● REC", "bad"),) if state.record.recording else ()
        right: Row = (*record, (f"  {state.clock.tempo:g} ", "coming"), place)
        if length(left) + length(right) > width:
            right = (*record, place)
        return [(*left, (" " * max(width - length(left) - length(right), 1), "text"), *right)]
