"""Slots: fill them, launch them, and set up how each behaves."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.commands import ask
from tui.screens.base import BaseScreen, Line
from tui.screens.prompt import Prompt
from tui.widgets.setup import SetupGrid, SlotSetup


class SlotsScreen(BaseScreen):
    """The grid, and the slot under its cursor."""

    CSS_PATH = "slots.tcss"
    AUTO_FOCUS = "SetupGrid"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "ask('render')", "Fill"),
        Binding("n", "rename", "Name", show=False),
        Binding("u", "quantum(1)", "Quantum"),
        Binding("U", "quantum(-1)", "Quantum before", show=False),
        Binding("e", "mode(1)", "Mode"),
        Binding("E", "mode(-1)", "Mode before", show=False),
        Binding("y", "loop", "Loop or once", show=False),
        Binding("minus", "gain(-1)", "Softer", show=False),
        Binding("plus,equals_sign", "gain(1)", "Louder", show=False),
        Binding("o", "ask('load')", "Open a file", show=False),
        Binding("w", "ask('save')", "Write a file", show=False),
        Binding("x", "clear", "Clear", show=False),
        Binding("b", "ask('legato')", "Legato", show=False),
        Binding("h", "ask('choke')", "Choke group", show=False),
        Binding("v", "ask('follow')", "What follows", show=False),
    ]

    def body(self) -> ComposeResult:
        with Line():
            yield SetupGrid()
            yield SlotSetup()

    @property
    def chosen_slot(self) -> int:
        return self.query_one(SetupGrid).chosen

    @property
    def setup(self) -> SlotSetup:
        return self.query_one(SlotSetup)

    def action_ask(self, name: str) -> None:
        ask(self.dashboard, f"/slot/N/{name}")

    def action_rename(self) -> None:
        number = self.chosen_slot
        name = self.state.slots[number - 1].name

        def take(text: str) -> None:
            self.send(f"/slot/{number}/name", text.strip())

        self.dashboard.push_screen(Prompt(f"Name of slot {number}", "At most 64 characters; none: no name", name, take))

    def action_clear(self) -> None:
        number = self.chosen_slot
        help = "Enter: the clip goes for good, unless it was written to a file. Escape: it stays."
        self.dashboard.push_screen(Prompt(f"Clear slot {number}", help, "", lambda _: self.send(f"/slot/{number}/clear")))

    def action_quantum(self, steps: int) -> None:
        self.setup.turn_quantum(steps)

    def action_mode(self, steps: int) -> None:
        self.setup.turn_mode(steps)

    def action_loop(self) -> None:
        self.setup.switch_loop()

    def action_gain(self, steps: int) -> None:
        self.setup.turn_gain(steps)
