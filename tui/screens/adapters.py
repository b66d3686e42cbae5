"""Adapters: swap the player, mix players, and watch one being learned."""

from __future__ import annotations

import shlex
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from jamd.contract.errors import UsageError
from tui.screens.base import BaseScreen
from tui.screens.prompt import Prompt
from tui.widgets.adapters import AdapterDetails, AdapterList, Strength
from tui.widgets.listing import Listing
from tui.widgets.training import Training

IMPORT_HELP = (
    "A folder, a zip file, or a peft LoRA folder, on the machine of the daemon. Its OSC interface takes no files in: "
    "you get the command to type there, and the adapter comes into the list by itself."
)
HINT_S = 30.0


class AdaptersScreen(BaseScreen):
    """The strength of all above; the list; the one under the cursor; the training."""

    CSS_PATH = "adapters.tcss"
    AUTO_FOCUS = "AdapterList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("minus", "strength(-1)", "All weaker", show=False),
        Binding("plus,equals_sign", "strength(1)", "All stronger", show=False),
        Binding("i", "bring", "Import"),
        Binding("n", "next", "Next training", show=False),
    ]

    def body(self) -> ComposeResult:
        adapters = AdapterList()
        yield Strength(adapters)
        yield adapters
        yield AdapterDetails(adapters)
        yield Training()

    def update(self, changed: set[str]) -> None:
        if "learn" in changed:
            self.set_class(bool(self.state.learn), "-learning")

    def on_listing_moved(self, event: Listing.Moved) -> None:
        self.query_one(Strength).show()
        self.query_one(AdapterDetails).show()

    def action_strength(self, steps: int) -> None:
        self.query_one(Strength).turn(steps)

    def action_next(self) -> None:
        self.query_one(Training).turn()

    def action_bring(self) -> None:
        self.dashboard.push_screen(Prompt("Import an adapter", IMPORT_HELP, "", self._say_command))

    def _say_command(self, path: str) -> None:
        """
        Raises:
            UsageError: there is no path.
        """
        if not path.strip():
            raise UsageError("write the path of a folder or zip file")
        command = f"jamd adapters import {shlex.quote(path.strip())}"
        self.dashboard.copy_to_clipboard(command)
        self.notify(command, title="Type this on the machine of the daemon (it is in the clipboard):", timeout=HINT_S, markup=False)
