"""Knobs of the public interface: how far one step turns them, what they are set to, and what was asked for a moment ago."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from jamd.contract.arguments import Argument
from jamd.contract.parameters import ADDRESSES, PARAMETERS
from tui.state import State

STEPS: Final = 50
"""About so many from one end to the other."""
COARSE: Final = 5
PENDING_S: Final = 0.5
"""For so long what was asked for counts, until the daemon says what it has."""


def round_step(span: float) -> float:
    """The step nearest to a share of a range, of 1, 2 and 5 times powers of ten."""
    wanted = span / STEPS
    power = 10.0 ** math.floor(math.log10(wanted))
    return min((power * factor for factor in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / wanted)))


@dataclass(frozen=True)
class Knob:
    """One number that can be set."""

    name: str
    address: str

    @property
    def argument(self) -> Argument:
        return ADDRESSES[self.address][0].arguments[0]

    @property
    def low(self) -> float:
        return self.argument.low or 0.0

    @property
    def high(self) -> float:
        return self.argument.high if self.argument.high is not None else math.inf

    @property
    def step(self) -> float:
        return 1.0 if self.argument.kind == "int" else round_step(self.high - self.low)

    def share(self, value: float) -> float:
        """Place on the range from 0 to 1."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def show(self, value: float) -> str:
        """The value in few characters."""
        if self.argument.kind == "int":
            return f"{value:.0f}"
        return f"{value:.1f}" if self.step >= 0.1 else f"{value:.2f}"

    def value(self, state: State) -> float:
        """What the daemon says."""
        if self.address == "/gain":
            return state.params.gain
        if self.address == "/adapter/strength":
            return state.adapters.strength
        return float(state.params.params.get(self.name, self.argument.default))


KNOBS: Final = (
    *(Knob(parameter.name, f"/jam/param/{parameter.name}") for parameter in PARAMETERS),
    Knob("gain", "/gain"),
    Knob("strength", "/adapter/strength"),
)


class Hands:
    """Turns knobs from where they were last turned to, so that no step is lost while the daemon's answer is under way."""

    def __init__(self) -> None:
        self._pending: dict[str, tuple[float, float]] = {}

    def value(self, knob: Knob, state: State) -> float:
        """What was asked for a moment ago, or what the daemon says."""
        value, at = self._pending.get(knob.address, (0.0, -math.inf))
        return value if state.now - at < PENDING_S else knob.value(state)

    def turn(self, knob: Knob, steps: float, state: State) -> float:
        """The value so many steps further; it lies on the grid of steps."""
        wanted = (round(self.value(knob, state) / knob.step) + steps) * knob.step
        return self.set(knob, wanted, state)

    def set(self, knob: Knob, wanted: float, state: State) -> float:
        """A value inside the range, which counts from now on."""
        value = round(min(max(wanted, knob.low), knob.high), 6)
        self._pending[knob.address] = (value, state.now)
        return int(value) if knob.argument.kind == "int" else value
