"""The one table of addresses: what can be said over OSC, with types, ranges, units, defaults and a line of explanation.

`/describe`, `jamd describe` and the check of every argument come from here.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from jamd.contract.errors import MessageError
from jamd.contract.units import PARTS, TEMPO_MAX, TEMPO_MIN

SLOTS: Final = 64
Kind = Literal["int", "float", "string"]
_TAGS: Final = {"int": "i", "float": "f", "string": "s"}


@dataclass(frozen=True)
class Argument:
    """One argument of an address."""

    name: str
    kind: Kind
    low: float | None = None
    high: float | None = None
    default: Any = None
    unit: str = ""
    optional: bool = False
    choices: tuple[str, ...] = ()

    def check(self, value: Any, address: str) -> Any:
        """The value in the argument's type. Whole numbers pass for floats, T and F for 1 and 0.

        Raises:
            MessageError: code `type` or `range`.
        """
        if isinstance(value, bool):
            value = int(value)
        if self.kind == "string":
            if not isinstance(value, str):
                raise MessageError(f"{address}: {self.name} is a string, not {_name_of(value)}", code="type")
            if self.choices and value not in self.choices:
                raise MessageError(f"{address}: {self.name} is one of {', '.join(self.choices)}", code="range")
            return value
        if not isinstance(value, int | float):
            raise MessageError(f"{address}: {self.name} is a number, not {_name_of(value)}", code="type")
        if self.kind == "int":
            if isinstance(value, float) and not value.is_integer():
                raise MessageError(f"{address}: {self.name} is a whole number, not {value:g}", code="type")
            value = int(value)
        else:
            value = float(value)
        if value != value or (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise MessageError(
                f"{address}: {self.name} {value:g} is outside {self.low:g}..{self.high:g} {self.unit}".rstrip(), code="range"
            )
        return value

    def describe(self) -> dict[str, Any]:
        out: dict[str, Any] = {"name": self.name, "type": self.kind}
        for key, value in (("min", self.low), ("max", self.high), ("default", self.default)):
            if value is not None:
                out[key] = value
        if self.unit:
            out["unit"] = self.unit
        if self.optional:
            out["optional"] = True
        if self.choices:
            out["choices"] = list(self.choices)
        return out


def _name_of(value: Any) -> str:
    return {int: "a number", float: "a number", str: "a string", bytes: "a blob"}.get(type(value), type(value).__name__)


@dataclass(frozen=True)
class Route:
    """One address. `template` holds N where a number from 1 stands; `setter` without arguments answers with its value."""

    template: str
    action: str
    doc: str
    arguments: tuple[Argument, ...] = ()
    setter: bool = False
    name: str = ""
    """Which parameter or part it is, for those."""
    more: tuple[Argument, ...] = ()
    """What may follow, again and again."""

    @property
    def tags(self) -> str:
        return "," + "".join(_TAGS[argument.kind] for argument in self.arguments)

    def check(self, values: Sequence[Any], address: str) -> list[Any]:
        """The arguments in their types; missing optional ones are None.

        Raises:
            MessageError: code `arguments`, `type` or `range`.
        """
        needed = sum(not argument.optional for argument in self.arguments)
        rest = list(values[len(self.arguments) :])
        if len(values) < needed or (rest and not self.more):
            wanted = " ".join(f"[{a.name}]" if a.optional else a.name for a in self.arguments) or "none"
            raise MessageError(f"{address} takes {wanted}, not {len(values)} arguments", code="arguments")
        out = [argument.check(value, address) for argument, value in zip(self.arguments, values, strict=False)]
        out += [self.more[index % len(self.more)].check(value, address) for index, value in enumerate(rest)]
        return out + [None] * (len(self.arguments) - len(out))

    def describe(self) -> dict[str, Any]:
        out: dict[str, Any] = {"address": self.template, "doc": self.doc}
        out["arguments"] = [argument.describe() for argument in self.arguments]
        if self.more:
            out["more"] = [argument.describe() for argument in self.more]
        out["types"] = self.tags
        if self.setter:
            out["get"] = "without arguments"
        return out


@dataclass(frozen=True)
class Parameter:
    """A knob of the jam."""

    name: str
    low: float
    high: float
    default: float
    unit: str
    doc: str
    kind: Kind = "float"


PARAMETERS: Final = (
    Parameter("density", 0, 1, 0.5, "", "How many notes the band plays"),
    Parameter("energy", 0, 1, 0.5, "", "How hard the band plays"),
    Parameter("register", 0, 1, 0.5, "", "How high piano and horn play"),
    Parameter("swing", 0, 0.75, 0.0, "share of the beat", "Length of the first eighth: 0.5 straight, 0.67 triplets; 0: by tempo"),
    Parameter("temperature", 0.1, 2, 1.0, "", "How daring the draws are"),
    Parameter("top_p", 0.1, 1, 0.95, "", "Share of the likeliest choices that is drawn from"),
    Parameter("guidance", 0, 5, 3.0, "", "How firmly the sound is held to the notes of the plan; 1: no push, and faster"),
    Parameter("seed", 0, 2**31 - 1, 0, "", "Seed of the next start; 0: another each time", "int"),
)
PARAMETER_BY_NAME: Final = {parameter.name: parameter for parameter in PARAMETERS}
TOPICS: Final = ("clock", "meters", "slots", "engine", "params", "log", "all")
_ON: Final = Argument("on", "int", 0, 1, 1)

ROUTES: Final[tuple[Route, ...]] = (
    Route("/ping", "ping", "Answers /pong with name, version and milliseconds since the start"),
    Route("/describe", "describe", "Answers one /describe address json for each address",
          (Argument("address", "string", optional=True),)),
    Route("/status", "status", "Answers /status with the whole state as JSON"),
    Route("/subscribe", "subscribe", "The current value at once, then changes, until 60 s after the last /ping",
          (Argument("topic", "string", choices=TOPICS), Argument("interval_ms", "int", 10, 60_000, 100, "ms", True),
           Argument("port", "int", 1, 65535, None, "", True))),
    Route("/unsubscribe", "unsubscribe", "Ends a subscription", (Argument("topic", "string", choices=TOPICS),)),
    Route("/jam/start", "jam_start", "The band begins at the next bar of the clock, which starts if it stands"),
    Route("/jam/stop", "jam_stop", "The band ends at the next bar"),
    Route("/jam/panic", "jam_panic", "Silence within 10 ms, everything stopped"),
    Route("/jam/chart", "jam_chart", "A new chart from the next bar", (Argument("chart", "string"),), True),
    Route("/jam/chord", "jam_chord", "This chord from the next beat until /jam/chord/resume", (Argument("chord", "string"),),
          True),
    Route("/jam/chord/resume", "jam_chord_resume", "The chart again from the next beat"),
    Route("/jam/style", "jam_style", "Prompts in plain words, each with a weight if wanted", (Argument("style", "string"),), True,
          more=(Argument("weight", "float", -10.0, 10.0, 1.0), Argument("style", "string"))),
    *(Route(f"/jam/param/{p.name}", "jam_param", p.doc, (Argument("value", p.kind, p.low, p.high, p.default, p.unit),), True,
            p.name) for p in PARAMETERS),
    *(Route(f"/jam/part/{name}", "jam_part", f"Switches the {name} on or off", (_ON,), True, name) for name in PARTS),
    Route("/clock/tempo", "clock_tempo", "Tempo from the next beat",
          (Argument("bpm", "float", TEMPO_MIN, TEMPO_MAX, 120.0, "bpm"),), True),
    Route("/clock/play", "clock_play", "Starts the clock at bar 1"),
    Route("/clock/stop", "clock_stop", "Stops the clock and all that plays"),
    Route("/slot/N/render", "slot_render", "Fills the slot in the background",
          (Argument("bars", "int", 1, 32, 4, "bars"), Argument("style", "string", optional=True),
           Argument("seed", "int", 0, 2**31 - 1, None, "", True))),
    Route("/slot/N/launch", "slot_launch", "Plays the slot from the next bar, at once if the clock stands"),
    Route("/slot/N/stop", "slot_stop", "Stops the slot at the next bar, at once if the clock stands"),
    Route("/gain", "gain", "Level of the mix", (Argument("gain", "float", -90, 12, 0.0, "dB"),), True),
)  # fmt: skip


def _expand() -> dict[str, tuple[Route, int]]:
    out: dict[str, tuple[Route, int]] = {}
    for route in ROUTES:
        if "/N/" in route.template:
            for number in range(1, SLOTS + 1):
                out[route.template.replace("/N/", f"/{number}/")] = (route, number)
        else:
            out[route.template] = (route, 0)
    return out


ADDRESSES: Final = _expand()
"""Every address there is, to (route, number of the slot or 0)."""


def find(address: str) -> tuple[Route, int]:
    """The route of an address.

    Raises:
        MessageError: code `address`, with the nearest address that exists.
    """
    if address in ADDRESSES:
        return ADDRESSES[address]
    near = difflib.get_close_matches(address, ADDRESSES, n=1, cutoff=0.6)
    raise MessageError(f"no address {address}" + (f": did you mean {near[0]}?" if near else ""), code="address")


def describe(address: str | None = None) -> list[tuple[str, str]]:
    """(address, JSON) of one address, or of all in the table.

    Raises:
        MessageError: no such address.
    """
    if address is None:
        return [(route.template, json.dumps(route.describe())) for route in ROUTES]
    for route in ROUTES:
        if route.template == address:
            return [(address, json.dumps(route.describe()))]
    route, _ = find(address)
    return [(address, json.dumps(route.describe() | {"address": address}))]
