"""One address of many: a few letters of it, then the arrow keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from jamd.contract.parameters import ADDRESSES
from tui.commands import OWN, describe

SHOWN: Final = 100
"""Lines at most; a few letters more bring up the others."""


def learnable() -> Iterator[str]:
    """Addresses that a control can act on: all that need no text. Those with a number come last."""
    for numbered in (False, True):
        for address, (route, number) in ADDRESSES.items():
            needs_text = any(not argument.optional and argument.default is None for argument in route.arguments)
            if bool(number) == numbered and not needs_text and route.template not in OWN and not address.startswith("/midi/"):
                yield address


LEARNABLE: Final = tuple(learnable())


def found(text: str) -> list[str]:
    """Addresses with all these words in their names or explanations; those in whose names they all are come first."""
    words = text.lower().split()
    named = [address for address in LEARNABLE if all(word in address for word in words)]
    told = [
        address for address in LEARNABLE if address not in named
        and all(word in address or word in ADDRESSES[address][0].doc.lower() for word in words)
    ] if len(named) < SHOWN else []  # fmt: skip
    return (named + told)[:SHOWN]


class ChooseAddress(ModalScreen[None]):
    """
    Args:
        title: what it is for.
        take: called with the address.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Never mind"),
        Binding("up", "move('up')", "Line above", show=False, priority=True),
        Binding("down", "move('down')", "Line below", show=False, priority=True),
        Binding("pageup", "move('page_up')", "Page up", show=False, priority=True),
        Binding("pagedown", "move('page_down')", "Page down", show=False, priority=True),
    ]

    def __init__(self, title: str, take: Callable[[str], None]) -> None:
        super().__init__()
        self._title, self._take = title, take

    def compose(self) -> ComposeResult:
        with Vertical(id="choose"):
            yield Label(self._title, id="choose-title", markup=False)
            yield Input(placeholder="a few letters, such as: energy, launch 12, tempo")
            yield OptionList(markup=False)
            yield Label("", id="choose-help", markup=False)

    def on_mount(self) -> None:
        self._fill("")
        self.query_one(OptionList).can_focus = False

    def _fill(self, text: str) -> None:
        options = self.query_one(OptionList)
        options.set_options(Option(address, address) for address in found(text))
        options.highlighted = 0 if options.option_count else None
        self._explain()

    def _explain(self) -> None:
        option = self.query_one(OptionList).highlighted_option
        words = "no address has all of these words in it"
        if option is not None and option.id is not None:
            route = ADDRESSES[option.id][0]
            words = f"{route.doc}\n{' '.join(describe(argument) for argument in route.arguments[:1])}"
        self.query_one("#choose-help", Label).update(words)

    def action_move(self, where: str) -> None:
        getattr(self.query_one(OptionList), f"action_{'cursor_' if where in ('up', 'down') else ''}{where}")()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def on_option_list_option_highlighted(self) -> None:
        self._explain()

    def on_input_submitted(self) -> None:
        option = self.query_one(OptionList).highlighted_option
        if option is not None and option.id is not None:
            self._choose(option.id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if event.option.id is not None:
            self._choose(event.option.id)

    def _choose(self, address: str) -> None:
        self.dismiss()
        self._take(address)
