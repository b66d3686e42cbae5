"""Recording: what runs, large, and the takes that are known of."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import ClassVar, Final

from textual.binding import Binding, BindingType

from tui.state import State
from tui.takes import Take, takes
from tui.widgets import font
from tui.widgets.listing import Listing
from tui.widgets.panel import Panel, Row, fit

NAME: Final = 26
LENGTH: Final = 9


def length(seconds: float | None) -> str:
    """Minutes and seconds."""
    return "" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def command(take: Take) -> str:
    """What plays a take again: its music is made anew from what happened."""
    return f"jamd render --session {shlex.quote(take.folder)} --out {shlex.quote(f'{take.name} again.wav')}"


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
    """The newest first."""

    SHOWS = frozenset({"record", "log"})
    TITLE = "Takes"
    EMPTY = ("no take yet, of which the daemon has told", "r: record, and again to stop; n: record under a name")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,p", "play", "Play back", key_display="⏎")]

    def entries(self, state: State) -> Sequence[Take]:
        return takes(state)

    def name_of(self, entry: Take) -> str:
        return entry.name

    def heading(self, width: int) -> str:
        return f"{'  take':{NAME}}{'length':{LENGTH}}folder"

    def line(self, entry: Take, state: State, width: int) -> Row:
        sign, look = ("●", "bad") if entry.running else ("■", "text")
        return ((fit(f"{sign} {entry.name}", NAME - 1) + " ", look), (fit(length(entry.seconds), LENGTH), "text"), (entry.folder, "dim"))

    def action_play(self) -> None:
        self.post_message(self.Moved())
        if self.chosen is not None:
            text = command(self.chosen)
            self.dashboard.copy_to_clipboard(text)
            self.notify(text, title="Type this on the machine of the daemon (it is in the clipboard):", timeout=30, markup=False)


class Playback(Panel):
    """How a take is heard again."""

    SHOWS = frozenset({"record", "log"})
    TITLE = "Play back"

    def __init__(self, listed: TakeList) -> None:
        super().__init__()
        self._listed = listed

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        take = self._listed.chosen
        folder = take.folder if take is not None else "the take's folder"
        again = command(take) if take is not None else "jamd render --session FOLDER --out again.wav"
        return [
            (("The OSC interface neither lists nor plays takes: these are those it told of.", "dim"),),
            (("recorded   ", "title"), (fit(f"mix, jam, slots, input; 24 bit, in {folder}", width - 11), "text")),
            (("made anew  ", "title"), (fit(again, width - 11), "coming")),
        ]
