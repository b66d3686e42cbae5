"""Arguments of addresses, and the addresses themselves as values: types, ranges, units, defaults, a line of explanation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from jamd.contract.errors import MessageError

Kind = Literal["int", "float", "string", "choice"]
_TAGS: Final = {"int": "i", "float": "f", "string": "s", "choice": "s"}


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
        if self.kind == "choice":
            return self._choose(value, address)
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
            low, high = ("" if end is None else f"{end:g}" for end in (self.low, self.high))
            raise MessageError(f"{address}: {self.name} {value:g} is outside {low}..{high} {self.unit}".rstrip(), code="range")
        return value

    def _choose(self, value: Any, address: str) -> str:
        """One of the choices: by its name, or by its number where the name is one."""
        word = f"{value:g}" if isinstance(value, int | float) else value
        if word not in self.choices:
            said = "" if not isinstance(word, str) else f", not {word!r}"
            raise MessageError(f"{address}: {self.name} is one of {', '.join(self.choices)}{said}", code="range")
        return str(word)

    def describe(self) -> dict[str, Any]:
        out: dict[str, Any] = {"name": self.name, "type": "string" if self.kind == "choice" else self.kind}
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


PRESSED: Final = Argument("on", "int", 0, 1, 1, "", True)


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
    button: bool = False
    """Surfaces send 1 for a button that is pressed, and 0, which does nothing, when it is let go."""

    @property
    def tags(self) -> str:
        return "," + "".join(_TAGS[argument.kind] for argument in self.arguments)

    def check(self, values: Sequence[Any], address: str) -> list[Any]:
        """The arguments in their types; missing optional ones are None.

        Raises:
            MessageError: code `arguments`, `type` or `range`.
        """
        if self.button and len(values) == 1 and not (self.arguments and isinstance(values[0], str)):
            return [PRESSED.check(values[0], address)]
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
        if self.button and not self.arguments:
            out["arguments"] = [PRESSED.describe()]
        if self.setter:
            out["get"] = "without arguments"
        return out
