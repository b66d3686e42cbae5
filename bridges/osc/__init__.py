"""OSC over UDP: packets to messages and back, address patterns, time tags. Parsing and building are python-osc's."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pythonosc.osc_bundle import ParseError as BundleError
from pythonosc.osc_message import ParseError
from pythonosc.osc_message_builder import BuildError, OscMessageBuilder
from pythonosc.osc_packet import OscPacket
from pythonosc.osc_packet import ParseError as PacketError

from jamd.contract.errors import MessageError


@dataclass(frozen=True)
class OscMessage:
    """One message of a packet. `delay` in seconds until its time tag; 0: now."""

    address: str
    arguments: tuple[Any, ...]
    delay: float = 0.0


def read_packet(data: bytes, now: float | None = None) -> list[OscMessage]:
    """Messages of a datagram, bundles unfolded.

    Args:
        now: wall clock in seconds since 1970.

    Raises:
        MessageError: code `malformed`.
    """
    if not data or len(data) % 4 or data[:1] not in (b"/", b"#"):
        raise MessageError("malformed packet: not an OSC message or bundle", code="malformed")
    try:
        packet = OscPacket(data)
        wall = time.time() if now is None else now
        out = []
        for timed in packet.messages:
            address = timed.message.address
            if not address.startswith("/"):
                raise MessageError(f"malformed packet: address {address!r}", code="malformed")
            delay = max(float(timed.time) - wall, 0.0) if timed.time else 0.0
            out.append(OscMessage(address, tuple(timed.message.params), delay))
        return out
    except MessageError:
        raise
    except (PacketError, BundleError, ParseError) as error:
        raise MessageError(f"malformed packet: {error}", code="malformed") from error
    except Exception as error:  # the parser meets whatever bytes come; none of them may stop the daemon
        raise MessageError(f"malformed packet: {type(error).__name__}", code="malformed") from error


def build(address: str, *arguments: Any) -> bytes:
    """A datagram. Types follow the values: int, float, str, bool.

    Raises:
        MessageError: a value that OSC cannot carry.
    """
    builder = OscMessageBuilder(address=address)
    for argument in arguments:
        builder.add_arg(argument)
    try:
        return builder.build().dgram
    except BuildError as error:
        raise MessageError(f"cannot send {address}: {error}", code="malformed") from error


_SPECIAL = frozenset("?*[]{}")


def is_pattern(address: str) -> bool:
    """True if an address holds wildcards."""
    return not _SPECIAL.isdisjoint(address)


@lru_cache(maxsize=512)
def _compile(pattern: str) -> re.Pattern[str]:
    out, place = "", 0
    while place < len(pattern):
        char = pattern[place]
        if char == "?":
            out += "[^/]"
        elif char == "*":
            out += "[^/]*"
        elif char == "[":
            end = pattern.find("]", place)
            if end < 0:
                raise MessageError(f"address pattern {pattern!r} has no closing ]", code="address")
            body = pattern[place + 1 : end]
            negated = body.startswith("!")
            inner = re.sub(r"([\\\]^\[&~|])", r"\\\1", body[1:] if negated else body)
            out += f"[{'^' if negated else ''}{inner}]" if inner else "(?!)"
            place = end
        elif char == "{":
            end = pattern.find("}", place)
            if end < 0:
                raise MessageError(f"address pattern {pattern!r} has no closing }}", code="address")
            out += "(?:" + "|".join(re.escape(word) for word in pattern[place + 1 : end].split(",")) + ")"
            place = end
        else:
            out += re.escape(char)
        place += 1
    try:
        return re.compile(out)
    except re.error as error:
        raise MessageError(f"address pattern {pattern!r}: {error}", code="address") from error


def matching(pattern: str, addresses: Sequence[str]) -> list[str]:
    """Addresses that a pattern of OSC 1.0 matches, in their order.

    Raises:
        MessageError: code `address`, the pattern is malformed.
    """
    compiled = _compile(pattern)
    return [address for address in addresses if compiled.fullmatch(address)]
