"""The knobs: one is chosen with up and down, and turned with left and right."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.binding import Binding, BindingType

from tui.knobs import COARSE, KNOBS, Hands, Knob
from tui.state import State
from tui.widgets.panel import Panel, Row, fit

NAME: Final = 12
FIGURE: Final = 6
NARROW_NAME: Final = 8


def slider(share: float, width: int) -> Row:
    """A place on a line."""
    at = min(round(share * (width - 1)), width - 1)
    return (("━" * at, "low"), ("●", "peak"), ("─" * (width - 1 - at), "track"))


def knob_cell(knob: Knob, value: float, width: int, chosen: bool) -> Row:
    """Name, line, figure."""
    name = NAME if width >= 2 * NAME + FIGURE else NARROW_NAME
    line = max(width - name - FIGURE - 4, 1)
    figure = knob.show(value)
    look = "cursor" if chosen else "text"
    ends = ((fit(knob.name, name), look), (" ", "text")), ((" ", "text"), (fit(figure, FIGURE), look), ("  ", "text"))
    return (*ends[0], *slider(knob.share(value), line), *ends[1])


class Knobs(Panel, can_focus=True):
    """All knobs, in as many columns as there is room for."""

    SHOWS = frozenset({"params", "adapters"})
    TITLE = "Knobs"
    KNOBS: ClassVar[tuple[Knob, ...]] = KNOBS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "choose(-1)", "Knob before", show=False),
        Binding("down", "choose(1)", "Knob after", show=False),
        Binding("left", "turn(-1)", "Turn down", show=False),
        Binding("right", "turn(1)", "Turn up", show=False),
        Binding("shift+left,pagedown", f"turn(-{COARSE})", "Turn down faster", show=False),
        Binding("shift+right,pageup", f"turn({COARSE})", "Turn up faster", show=False),
        Binding("home", "reset", "Default", show=False),
    ]

    chosen = 0
    """Place of the chosen knob."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.hands = Hands()

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        columns = -(-len(self.KNOBS) // max(height, 1))
        rows: list[Row] = []
        for y in range(min(height, len(self.KNOBS))):
            pieces: list[tuple[str, str]] = []
            for at in range(y, len(self.KNOBS), height):
                knob = self.KNOBS[at]
                pieces += knob_cell(knob, self.hands.value(knob, state), width // columns, self.has_focus and at == self.chosen)
            rows.append(tuple(pieces))
        return rows

    def action_choose(self, step: int) -> None:
        self.chosen = (self.chosen + step) % len(self.KNOBS)
        self.show()

    def action_turn(self, steps: int) -> None:
        knob = self.KNOBS[self.chosen]
        self.send(knob.address, self.hands.turn(knob, steps, self.state))
        self.show()

    def action_reset(self) -> None:
        knob = self.KNOBS[self.chosen]
        self.send(knob.address, self.hands.set(knob, float(knob.argument.default), self.state))
        self.show()
