"""Address patterns of OSC 1.0 over a tree of addresses.

Matching goes part by part between the slashes. Patterns come from anybody, so their length and the number of their wildcards are
bounded: no pattern can keep the matcher busy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from jamd.contract.errors import MessageError

LONGEST: Final = 256
"""Characters in a pattern."""
WILDEST: Final = 4
"""`*` and `{}` in one part of it."""
_SPECIAL: Final = frozenset("?*[]{}")
_ENDS: Final = {"[": "]", "{": "}"}
_LEAF: Final = ""

Tree = dict[str, Any]


def is_pattern(address: str) -> bool:
    """True if an address holds wildcards."""
    return not _SPECIAL.isdisjoint(address)


def _fail(pattern: str, reason: str) -> MessageError:
    shown = pattern if len(pattern) <= 64 else f"{pattern[:61]}..."
    return MessageError(f"address pattern {shown!r} {reason}", code="address")


def _parts(pattern: str) -> Iterator[str]:
    """The pieces between the slashes.

    Raises:
        MessageError: a bracket or brace that does not end within its part.
    """
    begin = place = 1
    while place < len(pattern):
        char = pattern[place]
        if char in _ENDS:
            end = pattern.find(_ENDS[char], place)
            if end < 0 or "/" in pattern[place:end]:
                raise _fail(pattern, f"has no closing {_ENDS[char]}")
            place = end
        elif char == "/":
            yield pattern[begin:place]
            begin = place + 1
        place += 1
    yield pattern[begin:]


@lru_cache(maxsize=512)
def _compile(part: str) -> re.Pattern[str]:
    """One part; its brackets and braces are closed."""
    part = re.sub(r"\*+", "*", part)
    out, place, wild = "", 0, 0
    while place < len(part):
        char = part[place]
        if char == "?":
            out += "."
        elif char == "*":
            out, wild = out + ".*", wild + 1
        elif char == "[":
            end = part.index("]", place)
            body = part[place + 1 : end]
            negated = body.startswith("!")
            inner = re.sub(r"([\\\]^\[&~|])", r"\\\1", body[1:] if negated else body)
            out += f"[{'^' if negated else ''}{inner}]" if inner else "(?!)"
            place = end
        elif char == "{":
            end = part.index("}", place)
            out += "(?:" + "|".join(re.escape(word) for word in dict.fromkeys(part[place + 1 : end].split(","))) + ")"
            place, wild = end, wild + 1
        else:
            out += re.escape(char)
        place += 1
    if wild > WILDEST:
        raise _fail(part, f"holds more than {WILDEST} wildcards between two slashes")
    try:
        return re.compile(out, re.DOTALL)
    except re.error as error:
        raise _fail(part, f"cannot be read: {error}") from error


class AddressSpace:
    """Addresses that patterns are matched against."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._tree: Tree = {}
        self._addresses = list(addresses)
        for index, address in enumerate(self._addresses):
            node = self._tree
            for part in address[1:].split("/"):
                node = node.setdefault(f"/{part}", {})
            node[_LEAF] = index
        self._found = lru_cache(maxsize=256)(self._search)

    def matching(self, pattern: str) -> tuple[str, ...]:
        """Addresses that a pattern matches, in their order.

        Raises:
            MessageError: code `address`, the pattern is malformed or too long.
        """
        if len(pattern) > LONGEST:
            raise _fail(pattern, f"is longer than {LONGEST} characters")
        return self._found(pattern)

    def _search(self, pattern: str) -> tuple[str, ...]:
        nodes = [self._tree]
        for part in list(_parts(pattern)):
            if is_pattern(part):
                fits = _compile(part).fullmatch
                nodes = [child for node in nodes for name, child in node.items() if name and fits(name, 1)]
            else:
                nodes = [node[f"/{part}"] for node in nodes if f"/{part}" in node]
        return tuple(self._addresses[index] for index in sorted(node[_LEAF] for node in nodes if _LEAF in node))


def matching(pattern: str, addresses: Sequence[str]) -> list[str]:
    """Addresses that a pattern of OSC 1.0 matches, in their order; for addresses that are asked often, keep an `AddressSpace`.

    Raises:
        MessageError: code `address`, the pattern is malformed or too long.
    """
    return list(AddressSpace(addresses).matching(pattern))
