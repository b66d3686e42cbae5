"""MIDI learn: the next control that is touched is bound to an address."""

from __future__ import annotations

from typing import Final

import msgspec

from jamd.contract.parameters import find
from jamd.control.midi.bindings import COARSE, Binding, Kind, Mode, check
from jamd.control.midi.curves import Curve

PAIR_S: Final = 0.05
"""Controllers n and n + 32 that come so close together are one of 14 bits."""
_AWAY: Final = 0.05
"""A pitch wheel counts as touched when it is so far from its rest."""


def usual_mode(address: str, kind: Kind, position: int = 0) -> Mode:
    """What a control of this kind does to the address, if nothing else is said.

    Raises:
        MessageError: no such address.
    """
    route, _ = find(address)
    if address.endswith("/launch"):
        return "gate" if kind in ("note", "cc") else "trigger"
    if position:
        return "value"
    if not route.setter or not route.arguments:
        return "trigger"
    argument = route.arguments[0]
    if argument.kind == "string" and not argument.choices:
        return "trigger"
    return "toggle" if argument.kind == "int" and (argument.low, argument.high) == (0, 1) else "value"


def _usual_arguments(address: str) -> tuple[int | float | str, ...]:
    """Defaults of the arguments that the address must have, as far as there are some."""
    needed = [argument.default for argument in find(address)[0].arguments if not argument.optional]
    return tuple(needed) if None not in needed else ()


class Learner:
    """One address at a time."""

    def __init__(self) -> None:
        self._wanted: Binding | None = None
        self._mode: Mode | None = None
        self._any_port = self._any_channel = False
        self._bound: Binding | None = None
        self._bound_at = 0.0

    @property
    def address(self) -> str | None:
        """The address that waits for a control."""
        return None if self._wanted is None else self._wanted.address

    def learn(self, address: str, low: float | None = None, high: float | None = None, curve: Curve | None = None,
              mode: Mode | None = None, *, pickup: bool = False, any_port: bool = False, any_channel: bool = False,
              arguments: tuple[int | float | str, ...] = (), position: int = 0) -> None:  # fmt: skip
        """Arm. `any_port` and `any_channel` bind the control wherever it comes from.

        Raises:
            MessageError: no such address, or the address cannot be bound so.
        """
        likely = mode or usual_mode(address, "cc", position)
        if likely == "trigger" and not arguments:
            arguments = _usual_arguments(address)
        wanted = Binding(address=address, kind="cc", low=low, high=high, curve=curve or "linear", mode=likely, pickup=pickup,
                         arguments=arguments, position=position)  # fmt: skip
        self._wanted, self._bound = check(wanted), None
        self._mode, self._any_port, self._any_channel = mode, any_port, any_channel

    def cancel(self) -> None:
        self._wanted = self._bound = None

    def hear(self, port: str, kind: Kind, channel: int, number: int, raw: int, now: float) -> Binding | None:
        """A touched control: its new binding, or None if nothing was to be learnt from it."""
        wanted = self._wanted
        if wanted is None:
            return self._pair(port, kind, channel, number, now)
        if (kind == "note" and raw == 0) or (kind == "bend" and abs(raw / 16383 - 0.5) < _AWAY):
            return None
        binding = msgspec.structs.replace(
            wanted, kind=kind, number=number, channel=0 if self._any_channel else channel, port="" if self._any_port else port,
            mode=self._mode or usual_mode(wanted.address, kind, wanted.position),
        )  # fmt: skip
        self._wanted, self._bound, self._bound_at = None, check(binding), now
        return self._bound

    def _pair(self, port: str, kind: Kind, channel: int, number: int, now: float) -> Binding | None:
        """The other half of what was just bound."""
        first = self._bound
        if first is None:
            return None
        if now - self._bound_at > PAIR_S or first.kind != "cc":
            self._bound = None
            return None
        coarse = min(number, first.number)
        if kind != "cc" or not first.hears(port, channel) or coarse >= COARSE or abs(number - first.number) != COARSE:
            return None
        self._bound = None
        return msgspec.structs.replace(first, kind="cc14", number=coarse)
