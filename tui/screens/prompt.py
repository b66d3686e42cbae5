"""A line of text that is asked for, checked before it is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from jamd.contract.errors import JamdError
from tui.harmless import harmless_lines


class Prompt(ModalScreen[None]):
    """
    Args:
        title: what it is.
        help: what may be written.
        initial: the text as it is.
        take: called with the text; a `JamdError` of it is shown, and the line stays.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Never mind")]

    def __init__(self, title: str, help: str, initial: str, take: Callable[[str], None]) -> None:
        super().__init__()
        self._title, self._help, self._initial, self._take = title, help, harmless_lines(initial), take

    def compose(self) -> ComposeResult:
        with Vertical(id="prompt"):
            yield Label(self._title, id="prompt-title", markup=False)
            yield Label(self._help, id="prompt-help", markup=False)
            yield Input(self._initial, select_on_focus=False)
            yield Label("", id="prompt-wrong", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        try:
            self._take(event.value)
        except JamdError as error:
            self.query_one("#prompt-wrong", Label).update(harmless_lines(str(error)))
        else:
            self.dismiss()

    def on_input_changed(self) -> None:
        self.query_one("#prompt-wrong", Label).update("")
