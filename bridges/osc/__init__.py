"""OSC over UDP: packets to messages and back, address patterns, time tags.

Messages are read and built by python-osc; bundles are unfolded here, within bounds.
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from pythonosc.osc_message import OscMessage as Message
from pythonosc.osc_message import ParseError
from pythonosc.osc_message_builder import BuildError, OscMessageBuilder

from bridges.osc.patterns import AddressSpace, is_pattern, matching
from jamd.contract.errors import MessageError

__all__ = ["LARGEST", "AddressSpace", "OscMessage", "build", "is_pattern", "matching", "read_packet"]

LARGEST: Final = 65_507
"""Bytes of the largest UDP datagram."""
MOST: Final = 1024
"""Messages in a bundle."""
MOST_ARGUMENTS: Final = 128
SHORT: Final = 64
DEEPEST: Final = 8
IMMEDIATELY: Final = 1
EPOCH: Final = 2_208_988_800
"""Seconds from 1900, where time tags begin, to 1970."""
_TAGS: Final = b"ifsbhdtTFNrm[]"
_BYTES: Final = dict.fromkeys(b"ifrmsb", 4) | dict.fromkeys(b"hdt", 8)
"""The fewest that a value of each type takes."""
_TIME: Final = struct.Struct(">Q")
_SIZE: Final = struct.Struct(">i")


@dataclass(frozen=True)
class OscMessage:
    """One message of a packet. `delay` in seconds until its time tag, 0: now; `due`: that time, in seconds since 1970."""

    address: str
    arguments: tuple[Any, ...]
    delay: float = 0.0
    due: float = 0.0


def read_packet(data: bytes, now: float | None = None) -> list[OscMessage]:
    """Messages of a datagram, bundles unfolded.

    Args:
        now: wall clock in seconds since 1970.

    Raises:
        MessageError: code `malformed`.
    """
    if len(data) <= SHORT and data[:1] == b"/":
        return [_again(data)]
    out: list[OscMessage] = []
    _read(data, time.time() if now is None else now, 0.0, 0, out)
    return out


@lru_cache(maxsize=256)
def _again(data: bytes) -> OscMessage:
    """A short message: pads and knobs send the same ones again and again, and what is launched must not wait for the parser."""
    if len(data) % 4:
        raise _malformed("not an OSC message or bundle")
    return _message(data)


def _malformed(reason: str) -> MessageError:
    return MessageError(f"malformed packet: {reason}", code="malformed")


def _read(data: bytes, now: float, due: float, depth: int, out: list[OscMessage]) -> None:
    if len(data) % 4 or data[:1] not in (b"/", b"#"):
        raise _malformed("not an OSC message or bundle")
    if data[:1] == b"/":
        if len(out) >= MOST:
            raise _malformed(f"more than {MOST} messages in a bundle")
        out.append(_message(data, max(due - now, 0.0), due))
        return
    if data[:8] != b"#bundle\0" or len(data) < 16:
        raise _malformed("not an OSC message or bundle")
    if depth >= DEEPEST:
        raise _malformed(f"bundles more than {DEEPEST} deep")
    (tag,) = _TIME.unpack_from(data, 8)
    due = 0.0 if tag == IMMEDIATELY else tag / (1 << 32) - EPOCH
    place = 16
    while place < len(data):
        (size,) = _SIZE.unpack_from(data, place)
        place += 4
        if size <= 0 or place + size > len(data):
            raise _malformed("an element that does not lie in its bundle")
        _read(data[place : place + size], now, due, depth + 1, out)
        place += size


def _message(data: bytes, delay: float = 0.0, due: float = 0.0) -> OscMessage:
    """One message; its type tags are looked at first, for the parser passes over unknown ones and missing values."""
    begin = (data.find(b"\0") & ~3) + 4
    if data[begin : begin + 1] == b",":
        end = max(data.find(b"\0", begin), begin + 1)
        tags = data[begin + 1 : end]
        if len(tags) > MOST_ARGUMENTS or tags.translate(None, _TAGS):
            raise _malformed("type tags that are unknown, or too many")
        if len(data) - ((end & ~3) + 4) < sum(_BYTES.get(tag, 0) for tag in tags):
            raise _malformed("fewer values than type tags")
    try:
        message = Message(data)
        return OscMessage(message.address, tuple(message.params), delay, due)
    except ParseError as error:
        raise _malformed(str(error.args[0]) if error.args else "a message that cannot be read") from error
    except Exception as error:  # the parser meets whatever bytes come; none of them may stop the daemon
        raise _malformed(type(error).__name__) from error


def build(address: str, *arguments: Any) -> bytes:
    """A datagram. Types follow the values: int, float, str, bool.

    Raises:
        MessageError: a value that OSC cannot carry.
    """
    builder = OscMessageBuilder(address=address)
    try:
        for argument in arguments:
            large = isinstance(argument, int) and not -(1 << 31) <= argument < 1 << 31
            builder.add_arg(argument, "h" if large else None)
        return builder.build().dgram
    except OverflowError as error:
        raise MessageError(f"cannot send {address}: a number is too large for OSC", code="malformed") from error
    except (BuildError, ValueError) as error:
        raise MessageError(f"cannot send {address}: {error}", code="malformed") from error
