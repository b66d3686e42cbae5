"""One control bound to one address: which messages it hears, and what value they give."""

from __future__ import annotations

import math
from typing import Any, Final, Literal

import msgspec

from bridges.midi import ChannelPressure, ControlChange, Event, NoteEvent, PitchBend, ProgramChange
from jamd.contract.arguments import Argument, Route
from jamd.contract.errors import MessageError
from jamd.contract.parameters import ADDRESSES, find
from jamd.control.midi.curves import Curve, shape, unshape

Kind = Literal["note", "cc", "cc14", "bend", "program", "pressure"]
Mode = Literal["value", "trigger", "toggle", "gate"]
Relative = Literal["", "twos", "offset64"]
LAST_CONTROLLER: Final = 119
"""Controllers above are channel mode messages."""
COARSE: Final = 32
"""Controllers below come in pairs: the fine half is as much higher."""
ANY: Final = -1
_REST: Final = 8192
_FINE: Final = 16383


class Binding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A control and its address; `bound` makes one that is checked and complete."""

    address: str
    kind: Kind
    number: int = 0
    """Note, controller (the coarse one of a pair for cc14) or program; of no account for bend and pressure."""
    channel: int = 0
    """1..16, 0 for any."""
    port: str = ""
    """Name of the port; empty for any."""
    low: float | None = None
    high: float | None = None
    """Value at the lower and upper end; low may be the greater. None: the address' own range."""
    curve: Curve = "linear"
    mode: Mode = "value"
    """value: where the control stands; trigger: acts when pressed; toggle: low and high in turn; gate: high while held."""
    relative: Relative = ""
    """Encoders that send steps: two's complement, or 64 more than the step."""
    pickup: bool = False
    """Acts only once it has passed the present value."""
    arguments: tuple[int | float | str, ...] = ()
    """Further arguments, always the same."""
    position: int = 0
    """Where the value stands among them."""

    @property
    def message(self) -> tuple[str, int]:
        """What it hears, as (kind, number): notes by note, the coarse half of a pair, any program if its number is the value."""
        if self.kind in ("bend", "pressure"):
            return self.kind, 0
        if self.kind == "program" and self.mode == "value":
            return self.kind, ANY
        return ("cc" if self.kind == "cc14" else self.kind), self.number

    @property
    def messages(self) -> list[tuple[str, int]]:
        """All that it hears: of a pair of controllers, both halves."""
        return [self.message, ("cc", self.number + COARSE)] if self.kind == "cc14" else [self.message]

    def meets(self, other: Binding) -> bool:
        """Whether one control could move both."""
        channels = 0 in (self.channel, other.channel) or self.channel == other.channel
        ports = "" in (self.port, other.port) or self.port == other.port
        return channels and ports and bool(set(self.messages) & set(other.messages))

    @property
    def route(self) -> Route:
        return find(self.address)[0]

    @property
    def argument(self) -> Argument | None:
        """The argument that the value goes to; None if the address has none there."""
        route = self.route
        if self.position < len(route.arguments):
            return route.arguments[self.position]
        return route.more[(self.position - len(route.arguments)) % len(route.more)] if route.more else None

    @property
    def maximum(self) -> int:
        return _FINE if self.kind in ("cc14", "bend") else 127

    @property
    def ends(self) -> tuple[float, float]:
        """Low and high, completed from the address."""
        low, high = limits(self.argument)
        return (low if self.low is None else self.low, high if self.high is None else self.high)

    @property
    def release(self) -> str | None:
        """Address that says that a pad which launched was let go, if there is one."""
        address = self.address.removesuffix("/launch") + "/release"
        return address if self.address.endswith("/launch") and address in ADDRESSES else None

    @property
    def launches(self) -> bool:
        """Whether a gate says the address when pressed, and its release when let go, instead of giving it high and low."""
        return self.release is not None or self.argument is None

    def hears(self, port: str, channel: int) -> bool:
        return self.channel in (0, channel) and self.port in ("", port)

    def place(self, raw: int) -> float:
        """0..1: how far up the control stands. A pitch wheel at rest stands exactly half way."""
        raw = min(max(raw, 0), self.maximum)
        if self.kind == "bend":
            return raw / _REST / 2 if raw < _REST else 0.5 + (raw - _REST) / (_FINE - _REST) / 2
        return raw / self.maximum

    def at(self, place: float) -> float:
        """The value at a place."""
        low, high = self.ends
        share = shape(self.curve, place)
        return low if share == 0.0 else high if share == 1.0 else min(max(low + share * (high - low), min(low, high)), max(low, high))

    def where(self, value: float) -> float:
        """The place of a value, 0..1."""
        low, high = self.ends
        return 0.0 if high == low else unshape(self.curve, min(max((value - low) / (high - low), 0.0), 1.0))

    def value(self, raw: int) -> float:
        """What the control gives when it sends `raw` (0..127, 0..16383 for cc14 and bend), in [low, high]."""
        return self.at(self.place(raw))

    def steps(self, raw: int) -> int:
        """How far a relative encoder was turned."""
        return raw - 64 if self.relative == "offset64" else raw if raw < 64 else raw - 128

    def moved(self, value: float, steps: int) -> float:
        """A value after an encoder's steps: a 127th of the way each, or one whole number where these are further apart."""
        low, high = self.ends
        argument = self.argument
        whole = argument is not None and (argument.kind == "int" or bool(argument.choices))
        if whole and self.curve == "linear" and abs(high - low) < 127:
            moved = round(value) + (steps if high >= low else -steps)
            return float(min(max(moved, min(low, high)), max(low, high)))
        return self.at(min(max(self.where(value) + steps / 127, 0.0), 1.0))

    def typed(self, value: float) -> float | int | str:
        """The value as the address takes it."""
        argument = self.argument
        if argument is None:
            return value
        if argument.choices:
            return argument.choices[min(max(round(value), 0), len(argument.choices) - 1)]
        low = -math.inf if argument.low is None else argument.low
        high = math.inf if argument.high is None else argument.high
        inside = min(max(value, low), high)
        return round(inside) if argument.kind == "int" else float(inside)

    def with_value(self, value: float) -> list[Any]:
        """All arguments of the address."""
        return [*self.arguments[: self.position], self.typed(value), *self.arguments[self.position :]]


def limits(argument: Argument | None) -> tuple[float, float]:
    """The range of an argument; of one with choices, their indices."""
    if argument is None:
        return 0.0, 1.0
    if argument.choices:
        return 0.0, float(len(argument.choices) - 1)
    low = 0.0 if argument.low is None else float(argument.low)
    return low, max(low + 1.0, 1.0) if argument.high is None else float(argument.high)


def as_number(argument: Argument, value: Any) -> float | None:
    """The present value of an argument as controls count it: the index of a choice; None if it is no number."""
    if argument.choices:
        return float(argument.choices.index(value)) if value in argument.choices else None
    return float(value) if isinstance(value, int | float) else None


def check(binding: Binding) -> Binding:
    """The binding, if it can work.

    Raises:
        MessageError: no such address, or something in it is out of range.
    """
    route, _ = find(binding.address)
    number = COARSE - 1 if binding.kind == "cc14" else LAST_CONTROLLER if binding.kind == "cc" else 127
    for name, value, most in (("channel", binding.channel, 16), ("number", binding.number, number),
                              ("position", binding.position, len(binding.arguments))):  # fmt: skip
        if not 0 <= value <= most:
            raise MessageError(f"{binding.address}: {name} {value} of a {binding.kind} binding is outside 0..{most}", code="range")
    if binding.relative and (binding.kind != "cc" or binding.mode != "value"):
        raise MessageError(f"{binding.address}: only a cc binding in mode value can be relative", code="binding")
    if not all(end - end == 0 for end in binding.ends):
        raise MessageError(f"{binding.address}: low and high are finite numbers", code="range")
    if binding.mode == "trigger" or (binding.mode == "gate" and binding.launches):
        route.check(binding.arguments, binding.address)
        return binding
    if not (route.arguments or route.more):
        raise MessageError(f"{binding.address} takes no value: its mode is trigger or gate", code="binding")
    argument = binding.argument
    if argument is None or (argument.kind == "string" and not argument.choices):
        what = f"{argument.name} is text" if argument is not None else f"it has no argument {binding.position + 1}"
        raise MessageError(f"{binding.address}: a control cannot give it a value: {what}", code="binding")
    low, high = limits(argument)
    for end in binding.ends:
        if not low <= end <= high and (argument.choices or argument.low is not None or argument.high is not None):
            raise MessageError(f"{binding.address}: {end:g} is outside {low:g}..{high:g} {argument.unit}".rstrip(), code="range")
    for end in binding.ends:
        route.check(binding.with_value(end), binding.address)
    return binding


def touched(event: Event | None) -> tuple[Kind, int, int, int] | None:
    """(kind, channel, number, raw) of an event that a control can send; None for the others. A note off is raw 0."""
    match event:
        case NoteEvent():
            return "note", event.channel, event.note, event.velocity if event.kind == "on" else 0
        case ControlChange() if event.controller <= LAST_CONTROLLER:
            return "cc", event.channel, event.controller, event.value
        case PitchBend():
            return "bend", event.channel, 0, event.value
        case ProgramChange():
            return "program", event.channel, event.program, event.program
        case ChannelPressure():
            return "pressure", event.channel, 0, event.value
    return None
