"""MIDI: which devices are there, what was learned, and learning more."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.commands import ask
from tui.screens.base import BaseScreen
from tui.screens.choose import ChooseAddress
from tui.screens.prompt import Prompt
from tui.widgets.controllers import Bindings, Devices, Learning
from tui.widgets.log import Log


class MidiScreen(BaseScreen):
    """What is being learned above; what was learned; devices; the log, in which the daemon says what it has bound."""

    CSS_PATH = "midi.tcss"
    AUTO_FOCUS = "Bindings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "learn", "Learn"),
        Binding("N", "ask('/midi/learn')", "Learn with range, curve and mode", show=False),
        Binding("escape", "cancel", "Learn nothing after all", show=False),
        Binding("F", "forget_all", "Forget everything", show=False),
        Binding("o", "ask('/midi/load')", "Open a map"),
        Binding("w", "ask('/midi/save')", "Write a map"),
        Binding("d", "ask('/midi/defaults')", "Defaults", show=False),
    ]

    def body(self) -> ComposeResult:
        yield Learning()
        yield Bindings()
        yield Devices()
        yield Log()

    def action_learn(self) -> None:
        self.dashboard.push_screen(ChooseAddress("What a control is to do", lambda address: self.send("/midi/learn", address)))

    def action_cancel(self) -> None:
        if self.state.midi.learning:
            self.send("/midi/cancel")

    def action_ask(self, address: str) -> None:
        ask(self.dashboard, address)

    def action_forget_all(self) -> None:
        count = len(self.state.midi.bindings)
        self.dashboard.push_screen(
            Prompt("Forget everything", f"Enter: {count} learned controls go, unless they were written to a map. Escape: they stay.", "",
                   lambda _: self.send("/midi/forget", "all"))
        )  # fmt: skip
