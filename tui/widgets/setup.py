"""How the slot under the cursor is set up, with the key of each thing that can be changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from jamd.contract.parameters import MODES, QUANTA
from tui.choices import Choices
from tui.knobs import Hands, Knob
from tui.screens.base import BaseScreen
from tui.state import State
from tui.topics import Slot
from tui.widgets.band import cut
from tui.widgets.health import flow
from tui.widgets.knobs import slider
from tui.widgets.panel import Panel, Row, fit, length
from tui.widgets.slots import SIGNS, SlotGrid

NAME: Final = 10
KEYS: Final = 6
SWITCH: Final = (0, 1)
GAIN_STEP: Final = 1.0
NOTES: Final = {"none": "at once", "1": "1 bar"} | {word: f"{word} notes" for word in QUANTA if "/" in word}
MODE_HELP: Final = {
    "trigger": "a pad starts it", "gate": "plays while held", "toggle": "starts and stops", "repeat": "again while held",
}  # fmt: skip


@dataclass(frozen=True)
class SlotGain(Knob):
    """The level of a slot."""

    @property
    def step(self) -> float:
        return GAIN_STEP

    def value(self, state: State) -> float:
        return state.slots[int(self.address.split("/")[2]) - 1].gain


def gain_of(number: int) -> SlotGain:
    return SlotGain("gain", f"/slot/{number}/gain")


def contents(slot: Slot) -> Row:
    """What is in it, or why nothing is."""
    if slot.error:
        return ((slot.error, "bad"),)
    if not slot.bars:
        return (("nothing", "dim"),)
    words = f"{slot.bars} bar{'s' if slot.bars != 1 else ''} at {slot.tempo:g}"
    stretched = slot.sounds_at and abs(slot.sounds_at - slot.tempo) > 0.01
    return (words, "text"), (f" → {slot.sounds_at:g}" if stretched else "", "coming"), (f", seed {slot.seed}", "text")


class SlotSetup(Panel):
    """One line for each thing: its name, its value, the keys that change it."""

    SHOWS = frozenset({"slots"})
    TITLE = "Slot"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._hands = Hands()
        self._choices = Choices()

    @property
    def number(self) -> int:
        """Of the slot that is shown."""
        return self.screen.chosen_slot if isinstance(self.screen, BaseScreen) else 1

    def address(self, name: str) -> str:
        return f"/slot/{self.number}/{name}"

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        number = self.number
        slot = state.slots[number - 1]
        quantum = self._choices.value(self.address("quantize"), slot.quantize, state.now)
        mode = self._choices.value(self.address("mode"), slot.mode, state.now)
        loop = self._choices.value(self.address("loop"), slot.loop, state.now)
        gain = gain_of(number)
        level = self._hands.value(gain, state)
        figure = "off" if level <= gain.low else f"{level:+.0f} dB" if level else "0 dB"
        room = max(width - NAME - KEYS - len(figure) - 2, 1)
        where = self._where(slot, max(width - NAME - KEYS, 1))
        rows = [
            self._row(f"slot {number}", "⏎ ⌫", width, (f" {SIGNS[slot.state]} {slot.state} ", slot.state), *where),
            self._row("name", "n", width, (slot.name or "none", "text" if slot.name else "dim")),
            self._row("clip", "f", width, *contents(slot)),
            self._row("quantum", "u U", width, (NOTES.get(quantum, f"{quantum} bars"), "text")),
            self._row("mode", "e E", width, (mode, "text"), (f"  {MODE_HELP.get(mode, '')}", "dim")),
            self._row("loop", "y", width, ("again and again" if loop else "once", "text")),
            self._row("gain", "- +", width, *slider(gain.share(level), room), (f" {figure}", "text")),
            self._row("file", "o w", width, ("open, write (clips folder)", "dim")),
            self._row("clear", "x", width, ("empty it", "dim")),
            self._row("more", "b h v", width, ("legato, choke, what follows", "dim")),
        ]
        figures = [((f"{name} ", "dim"), (f"{value:.3g}", "text")) for name, value in slot.figures.items()]
        if figures and height > len(rows) + 1:
            rows += [(), *flow(figures, width, height - len(rows) - 1)]
        return rows

    @staticmethod
    def _row(name: str, keys: str, width: int, *value: tuple[str, str]) -> Row:
        room = width - NAME - KEYS
        row = cut(value, room)
        return (fit(name, NAME), "title"), *row, (" " * (room - length(row)), "text"), (f" {keys:>{KEYS - 1}}", "lit")

    @staticmethod
    def _where(slot: Slot, room: int) -> Row:
        """How much of the clip has been played in this pass."""
        if slot.place is None:
            return ()
        line = max(room - len(slot.state) - 6, 1)
        return ((" ", "text"), *slider(slot.place, line))

    # --- hands ----------------------------------------------------------------------------------------------------------

    def turn_quantum(self, steps: int) -> None:
        self._step("quantize", QUANTA, self.state.slots[self.number - 1].quantize, steps)

    def turn_mode(self, steps: int) -> None:
        self._step("mode", MODES, self.state.slots[self.number - 1].mode, steps)

    def switch_loop(self) -> None:
        address, now = self.address("loop"), self.state.now
        self.send(address, self._choices.step(address, SWITCH, self.state.slots[self.number - 1].loop, 1, now))
        self.show()

    def _step(self, name: str, choices: tuple[str, ...], said: str, steps: int) -> None:
        address = self.address(name)
        self.send(address, self._choices.step(address, choices, said, steps, self.state.now))
        self.show()

    def turn_gain(self, steps: int) -> None:
        knob = gain_of(self.number)
        self.send(knob.address, self._hands.turn(knob, steps, self.state))
        self.show()


class SetupGrid(SlotGrid, can_focus=True):
    """The grid beside a `SlotSetup`, which shows the slot under the cursor."""

    def action_move(self, step: int) -> None:
        super().action_move(step)
        self.screen.query_one(SlotSetup).show()
