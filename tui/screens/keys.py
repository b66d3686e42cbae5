"""All keys that work where one is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from tui.widgets.panel import Panel

EVERYWHERE: Final = "Everywhere"


class Keys(ModalScreen[None]):
    """
    Args:
        bindings: of the screen below, see `Screen.active_bindings`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,enter", "dismiss", "Close")]

    def __init__(self, bindings: Iterable[ActiveBinding]) -> None:
        super().__init__()
        self._groups: dict[str, dict[str, list[str]]] = {}
        for one in bindings:
            if one.enabled and one.binding.description and not one.binding.key.startswith("super"):
                texts = self._groups.setdefault(_group(one), {})
                texts.setdefault(one.binding.description, []).append(self.app.get_key_display(one.binding))

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="keys"):
            for group in sorted(self._groups, key=lambda name: (name == EVERYWHERE, name == "This screen", name)):
                table = Table.grid(padding=(0, 2))
                table.add_column(justify="right", min_width=12, style="bold")
                for text, keys in self._groups[group].items():
                    table.add_row(", ".join(keys), Text(text))
                yield Static(group, classes="keys-group")
                yield Static(table)


def _group(one: ActiveBinding) -> str:
    """Whose key it is."""
    if isinstance(one.node, Panel):
        return one.node.TITLE
    return "This screen" if isinstance(one.node, Screen) else EVERYWHERE
