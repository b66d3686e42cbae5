"""What all screens share: the line at the top, the keys at the bottom, and that only what has changed is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer

from tui.lean import write
from tui.state import EVERYTHING, State
from tui.widgets.header import Header

if TYPE_CHECKING:
    from tui.app import Dashboard

WIDTHS: Final = [(0, "-narrow"), (110, "-wide")]
HEIGHTS: Final = [(0, "-low"), (30, "-middle"), (42, "-high"), (56, "-tall")]
"""Cells from which a screen has a class, for the style sheet."""


class Line(Horizontal):
    """Widgets side by side, without anything of its own between them."""

    BLANK = True


class Column(Vertical):
    """Widgets below each other."""

    BLANK = True


class BaseScreen(Screen[None]):
    """A screen of the dashboard. A sub-class composes its `body`; its panels are told by themselves, other widgets in `update`."""

    BLANK = True
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS

    @property
    def dashboard(self) -> Dashboard:
        return cast("Dashboard", self.app)

    @property
    def state(self) -> State:
        return self.dashboard.state

    @property
    def chosen_slot(self) -> int:
        """Number of the slot that commands without a number mean."""
        return 1

    def send(self, address: str, *arguments: Any) -> None:
        """One message to the daemon."""
        self.dashboard.send(address, *arguments)

    def compose(self) -> ComposeResult:
        yield Header()
        yield from self.body()
        yield Footer()

    def body(self) -> ComposeResult:
        """What stands between header and footer."""
        raise NotImplementedError

    def update(self, changed: set[str]) -> None:
        """For widgets that are no panels: topics (see `State.changed`) that are other than before."""

    def show(self, changed: set[str] | None = None) -> None:
        """The state as it is now.

        Args:
            changed: what is other than before; None: everything may be.
        """
        panels = [one for one in self.dashboard.panels.get(self, ()) if changed is None or one.SHOWS & changed]
        changes = {panel: regions for panel in panels if (regions := panel.change())}
        if changes and not write(self, changes):
            for panel, regions in changes.items():
                panel.refresh(*regions)
        if changed is not None and "link" in changed:
            for panel in self.dashboard.panels.get(self, ()):
                panel.redraw()
        self.update(set(EVERYTHING) if changed is None else changed)

    def on_screen_resume(self) -> None:
        self.show()
