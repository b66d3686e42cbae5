"""Which adapters are to play, each with its strength: what was asked for, until the daemon says that it is so or has had the time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jamd.contract.parameters import ADDRESSES
from tui.state import State

BASE: Final = "base"
"""None plays."""
STEP: Final = 0.05
PENDING_S: Final = 2.0
HIGHEST: Final = float(ADDRESSES["/adapter/use"][0].arguments[1].high or 1.0)
ALONE: Final = float(ADDRESSES["/adapter/use"][0].arguments[1].default)
"""Strength of one that is used and did not play before."""

Strengths = dict[str, float]


def message(wanted: Mapping[str, float]) -> tuple[str, list[Any]]:
    """(address, arguments) for what is to play."""
    if not wanted:
        return "/adapter/use", [BASE]
    pairs: list[Any] = [item for pair in wanted.items() for item in pair]
    return ("/adapter/use" if len(wanted) == 1 else "/adapter/blend"), pairs


class Blend:
    """Changes what plays, from what was last asked for, so that no step is lost while the daemon's answer is under way."""

    def __init__(self) -> None:
        self.before: Strengths | None = None
        """What played before the audition that is going on."""
        self._asked: Strengths | None = None
        self._at = 0.0

    def wanted(self, state: State) -> Strengths:
        """By name, as far as it is known."""
        said = {name: round(strength, 3) for name, strength in state.adapters.playing}
        if self._asked is not None:
            coming = any(one.state == "staging" and one.name in self._asked for one in state.adapters.adapters)
            if said == self._asked or (state.now - self._at > PENDING_S and not coming):
                self._asked = None
        return said if self._asked is None else dict(self._asked)

    def _ask(self, wanted: Strengths, state: State) -> tuple[str, list[Any]]:
        self._asked, self._at = wanted, state.now
        return message(wanted)

    def use(self, name: str, state: State) -> tuple[str, list[Any]]:
        """This one alone, as strong as it was; `BASE` for none. An audition ends here."""
        self.before = None
        return self._ask(self._alone(name, state), state)

    def _alone(self, name: str, state: State) -> Strengths:
        return {} if name == BASE else {name: self.wanted(state).get(name, ALONE)}

    def turn(self, name: str, steps: int, state: State) -> tuple[str, list[Any]]:
        """One of them stronger or weaker; what comes to 0 plays no more, and what did not play joins the others."""
        wanted = self.wanted(state)
        value = round((round(wanted.get(name, 0.0) / STEP) + steps) * STEP, 3)
        if value <= 0:
            wanted.pop(name, None)
        else:
            wanted[name] = min(value, HIGHEST)
        return self._ask(wanted, state)

    def audition(self, name: str, state: State) -> tuple[str, list[Any]]:
        """This one alone; the next time what played before."""
        if self.before is not None:
            wanted, self.before = self.before, None
        else:
            self.before = self.wanted(state)
            wanted = self._alone(name, state)
        return self._ask(wanted, state)
