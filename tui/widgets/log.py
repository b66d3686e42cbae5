"""The last lines of the daemon's log."""

from __future__ import annotations

from itertools import islice

from tui.state import State
from tui.widgets.panel import Panel, Row, fit


class Log(Panel):
    """The newest line at the bottom."""

    SHOWS = frozenset({"log"})
    TITLE = "Log"

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        lines = list(islice(reversed(state.log), height))[::-1]
        lines = [""] * (height - len(lines)) + lines
        return [((fit(line, width), "text" if number == height - 1 else "dim"),) for number, line in enumerate(lines)]
