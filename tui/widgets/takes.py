"""Recording: what runs, large, and the takes that there are."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import PurePath
from typing import ClassVar, Final

from textual.binding import Binding, BindingType

from tui.state import State
from tui.topics import Take
from tui.widgets import font
from tui.widgets.health import size
from tui.widgets.listing import Listing
from tui.widgets.panel import Panel, Row, fit

LENGTH: Final = 9
SIZE: Final = 9
DATE: Final = 17
NAME: Final = 24
"""Cells of the columns; the name has more where there is room."""


def length(seconds: float | None) -> str:
    """Minutes and seconds."""
    return "" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def path_of(take: Take, state: State) -> str:
    """Of its folder, on the machine of the daemon."""
    return str(PurePath(state.takes.folder) / take.name)


def command(take: Take, state: State) -> str:
    """What plays a take again: its music is made anew from what happened."""
    again = f"{PurePath(take.name).name} again.wav"
    return f"jamd render --session {shlex.quote(path_of(take, state))} --out {shlex.quote(again)}"


class Recorder(Panel):
    """The time of the take in large figures."""

    SHOWS = frozenset({"record"})
    TITLE = "Recording"

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        now = state.record
        time = length(now.seconds) if now.recording else "-:--"
        scale = font.largest(time, width, height - 1)
        look = "bad" if now.recording else "dim"
        rows: list[Row] = [((line, look),) for line in (font.write(time, scale) if scale else (time,))]
        said: Row = (("● REC ", "bad"), (now.folder, "lit"), ("  r: stop", "dim"))
        if not now.recording:
            said = (("■ ", "dim"), (fit(now.last, width - 2) if now.last else "r: record", "dim"))
        return [*rows, said]


class TakeList(Listing[Take]):
    """That which runs, then the others, the newest first."""

    SHOWS = frozenset({"record", "takes"})
    TITLE = "Takes"
    EMPTY = ("no take yet", "r: record, and again to stop; n: record under a name")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,p", "play", "Play back", key_display="⏎")]

    def entries(self, state: State) -> Sequence[Take]:
        now = state.record
        running = [Take(now.folder, now.seconds)] if now.recording else []
        return [*running, *(take for take in state.takes.takes if not now.recording or take.name != now.folder)]

    def name_of(self, entry: Take) -> str:
        return entry.name

    @staticmethod
    def name_width(width: int) -> int:
        """Cells of the column of names."""
        return max(width - LENGTH - SIZE - DATE, NAME)

    def heading(self, width: int) -> str:
        return f"{'  take':{self.name_width(width)}}{'length':{LENGTH}}{'size':{SIZE}}recorded"

    def line(self, entry: Take, state: State, width: int) -> Row:
        runs = state.record.recording and entry.name == state.record.folder
        sign, look = ("●", "bad") if runs else ("■", "text")
        ended = "now" if runs else time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.ended))
        cells = fit(length(entry.seconds) or "?", LENGTH) + fit(size(entry.bytes) if entry.bytes else "", SIZE)
        return ((fit(f"{sign} {entry.name}", self.name_width(width) - 1) + " ", look), (cells, "text"), (ended, "dim"))

    def action_play(self) -> None:
        self.post_message(self.Moved())
        if self.chosen is not None:
            text = command(self.chosen, self.state)
            self.dashboard.copy_to_clipboard(text)
            self.notify(text, title="Type this on the machine of the daemon (it is in the clipboard):", timeout=30, markup=False)


class Playback(Panel):
    """How a take is heard again."""

    SHOWS = frozenset({"record", "takes"})
    TITLE = "Play back"

    def __init__(self, listed: TakeList) -> None:
        super().__init__()
        self._listed = listed

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        take, all = self._listed.chosen, state.takes
        words = f"{all.count} take{'s' if all.count != 1 else ''} in" if all.count else "takes go to"
        count = f"{words} {all.folder}" if all.folder else ""
        if all.count > len(all.takes):
            count += f", of which the newest {len(all.takes)} are shown"
        sounds = ", ".join(take.files) if take is not None and take.files else "mix, jam, slots, in: 24 bit"
        again = command(take, state) if take is not None else "jamd render --session FOLDER --out again.wav"
        return [
            ((fit(count, width), "dim"),),
            (("recorded   ", "title"), (fit(f"{sounds}; in {path_of(take, state)}" if take is not None else sounds, width - 11), "text")),
            (("made anew  ", "title"), (fit(again, width - 11), "coming")),
        ]
