"""Sessions: record, see the takes, play one again."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.screens.base import BaseScreen
from tui.screens.prompt import Prompt
from tui.widgets.listing import Listing
from tui.widgets.takes import Playback, Recorder, TakeList


class SessionsScreen(BaseScreen):
    """The recorder above, then the takes, and how the one under the cursor is heard again."""

    CSS_PATH = "sessions.tcss"
    AUTO_FOCUS = "TakeList"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("n", "named", "Record as"), Binding("r", "app.record", "Record")]

    def body(self) -> ComposeResult:
        yield Recorder()
        listed = TakeList()
        yield listed
        yield Playback(listed)

    def on_listing_moved(self, event: Listing.Moved) -> None:
        self.query_one(Playback).show()

    def action_named(self) -> None:
        help = "Name of a new folder in the sessions folder; none: the time of day"
        self.dashboard.push_screen(Prompt("Record", help, "", self._start))

    def _start(self, name: str) -> None:
        self.send("/record/start", *([name.strip()] if name.strip() else []))
