"""What is stepped through, such as the modes of a slot: from what was last asked for, so that no step is lost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

from tui.knobs import PENDING_S

Value = TypeVar("Value", str, int)


class Choices:
    """By address."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[object, float]] = {}

    def value(self, address: str, said: Value, now: float) -> Value:
        """What was asked for a moment ago, or what the daemon says."""
        asked, at = self._asked.get(address, (said, -math.inf))
        return asked if now - at < PENDING_S and isinstance(asked, type(said)) else said

    def step(self, address: str, choices: Sequence[Value], said: Value, steps: int, now: float) -> Value:
        """The choice so many further on, from the end to the beginning; it counts from now on."""
        value = self.value(address, said, now)
        place = choices.index(value) if value in choices else -steps
        chosen = choices[(place + steps) % len(choices)]
        self._asked[address] = (chosen, now)
        return chosen
