"""How slots behave: quantum, mode, loop, legato, gain, choke group, follow action, name."""

from __future__ import annotations

import unicodedata
from typing import Any, Final

from jamd.contract.errors import MessageError
from jamd.contract.layout import AudioOp
from jamd.control.desk import Desk
from jamd.control.mixer import linear
from jamd.control.state import Slot

LONGEST_NAME = 64
_CONTROLS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of characters that a terminal acts on, or that end a line."""
_DIRECTIONS: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Marks that turn the reading direction."""


class SlotSetups(Desk):
    """The setters of `/slot/N/...`; indices count from 0."""

    def slot(self, index: int) -> Slot:
        return self.state.slots[index]

    def quantize(self, index: int, quantum: str) -> None:
        self.slot(index).setup.quantize = quantum

    def mode(self, index: int, mode: str) -> None:
        slot = self.slot(index)
        slot.setup.mode = mode
        slot.held, slot.repeat_at = False, None

    def loop(self, index: int, on: int) -> None:
        slot = self.slot(index)
        self.push(AudioOp.SLOT_LOOP, self.now, index, float(on))
        slot.setup.loop = on

    def legato(self, index: int, on: int) -> None:
        self.slot(index).setup.legato = on

    def gain(self, index: int, decibels: float) -> None:
        slot = self.slot(index)
        self.push(AudioOp.SLOT_GAIN, self.now, index, linear(decibels))
        slot.setup.gain_db = decibels

    def choke(self, index: int, group: int) -> None:
        self.slot(index).setup.choke = group

    def follow(self, index: int, action: str, bars: int | None) -> None:
        setup = self.slot(index).setup
        setup.follow, setup.follow_bars = action, bars or 0

    def name(self, index: int, text: str) -> None:
        if len(text) > LONGEST_NAME:
            raise MessageError(f"a name has at most {LONGEST_NAME} characters", code="range")
        if any(unicodedata.category(one) in _CONTROLS or unicodedata.bidirectional(one) in _DIRECTIONS for one in text):
            raise MessageError("a name holds a control character", code="range")
        self.slot(index).setup.name = text

    def value(self, action: str, which: Any) -> Any:
        setup = self.slot(which).setup
        names = {"gain": "gain_db"}
        return getattr(setup, names.get(action, action))
