"""The grid of slots in the colours of the pads, with a cursor that launches and stops without a mouse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.binding import Binding, BindingType

from jamd.contract.parameters import SCENES, SLOTS
from tui.state import FLASH_S, FLASHING, State
from tui.topics import Slot
from tui.widgets.panel import Panel, Row, fit

COLUMNS: Final = SLOTS // SCENES
SIGNS: Final = {"empty": "·", "rendering": "~", "ready": "■", "queued": "◌", "playing": "▶", "stopping": "◼"}
"""State to a sign: colours alone do not tell all people."""
WIDE: Final = 10
"""Cells from which a slot has room for its name."""


def is_dark(slot: Slot, now: float) -> bool:
    """Whether a slot that flashes is in the dark half of it."""
    return slot.state in FLASHING and int(now / FLASH_S) % 2 == 1


def label(slot: Slot, width: int) -> str:
    """Sign and number; name or bars behind where there is room."""
    text = f"{SIGNS[slot.state]}{slot.slot:2d}"
    if width >= WIDE and slot.state != "empty":
        text += " " + contents(slot, width - len(text) - 1)
    return fit(" " + text, width) if width > len(text) else fit(text, width)


def contents(slot: Slot, width: int) -> str:
    """What is in it, in a word."""
    bars = f"{slot.bars} bars" if width >= len(f"{slot.bars} bars") else f"{slot.bars}b"
    return slot.name or (bars if slot.bars else "")


def cell(slot: Slot, text: str, now: float, chosen: bool) -> Row:
    """A line of one slot and the gap behind it; the part of a clip that has been played is brighter than the rest."""
    gap = (" ", "text")
    if chosen:
        return (text, "cursor"), gap
    if slot.state == "playing" and slot.place is not None:
        played = round(slot.place * len(text))
        return (text[:played], "playing"), (text[played:], "unplayed"), gap
    return (text, "empty" if is_dark(slot, now) else slot.state), gap


def _line(slots: Sequence[Slot], line: int, lines: int, width: int, now: float, chosen: int) -> Row:
    """One of the lines of a row of slots: sign and number, then what is in them."""
    cells = width // COLUMNS - 1
    pieces: list[tuple[str, str]] = []
    for slot in slots:
        text = label(slot, cells) if line == 0 else fit(f" {contents(slot, cells - 1)}" if line == 1 else "", cells)
        pieces += cell(slot, text, now, slot.slot == chosen)
    return tuple(pieces)


def describe(slot: Slot) -> str:
    """One line on a slot."""
    words = [f"{slot.slot} {slot.state}", slot.error, slot.name]
    if slot.bars:
        words.append(f"{slot.bars} bars at {slot.tempo:g}")
    words += [f"{slot.mode} {slot.quantize}", "" if slot.loop else "once", f"{slot.gain:+g} dB" if slot.gain else ""]
    return "  ".join(word for word in words if word)


class SlotGrid(Panel, can_focus=True):
    """Eight rows of eight."""

    SHOWS = frozenset({"slots", "flash"})
    TITLE = "Slots"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-8)", "Slot above", show=False),
        Binding("down", "move(8)", "Slot below", show=False),
        Binding("left", "move(-1)", "Slot before", show=False),
        Binding("right", "move(1)", "Slot after", show=False),
        Binding("enter", "launch", "Launch"),
        Binding("backspace,delete", "stop", "Stop slot", key_display="⌫"),
        Binding("l", "launch_row", "Launch row"),
        Binding("k", "stop_row", "Stop row"),
    ]

    chosen = 1
    """Number of the slot under the cursor."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._drawn: dict[int, tuple[object, list[Row]]] = {}
        """Rows of slots with what they were drawn from."""

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        rows: list[Row] = []
        lines = max(height // SCENES, 1)
        chosen = self.chosen if self.has_focus else 0
        for row in range(SCENES):
            slots = state.slots[row * COLUMNS : (row + 1) * COLUMNS]
            made_from = (slots, chosen if any(slot.slot == chosen for slot in slots) else 0, int(state.now / FLASH_S) % 2, width, lines)
            drawn = self._drawn.get(row)
            if drawn is None or drawn[0] != made_from:
                drawn = self._drawn[row] = (made_from, [_line(slots, line, lines, width, state.now, chosen) for line in range(lines)])
            rows += drawn[1]
        if height > len(rows):
            rows.append(((fit(describe(state.slots[self.chosen - 1]), width), "dim"),))
        return rows

    def action_move(self, step: int) -> None:
        target = self.chosen + step
        if 1 <= target <= SLOTS:
            self.chosen = target
            self.show()

    def action_launch(self) -> None:
        self.send(f"/slot/{self.chosen}/launch", 1)

    def action_stop(self) -> None:
        self.send(f"/slot/{self.chosen}/stop")

    def action_launch_row(self) -> None:
        self.send(f"/scene/{(self.chosen - 1) // COLUMNS + 1}/launch")

    def action_stop_row(self) -> None:
        self.send(f"/scene/{(self.chosen - 1) // COLUMNS + 1}/stop")
