"""MIDI messages as small frozen events (MIDI 1.0 detailed specification, channel voice messages)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class NoteEvent:
    """Note on or off; channels count from 1 in every event."""

    kind: Literal["on", "off"]
    channel: int
    note: int
    velocity: int


@dataclass(frozen=True, slots=True)
class ControlChange:
    channel: int
    controller: int
    value: int


@dataclass(frozen=True, slots=True)
class PitchBend:
    """`value` is 0..16383, 8192 at rest."""

    channel: int
    value: int


@dataclass(frozen=True, slots=True)
class ProgramChange:
    channel: int
    program: int


@dataclass(frozen=True, slots=True)
class ChannelPressure:
    channel: int
    value: int


@dataclass(frozen=True, slots=True)
class KeyPressure:
    channel: int
    note: int
    value: int


@dataclass(frozen=True, slots=True)
class SystemMessage:
    """System exclusive, common and real-time messages, passed on as they are."""

    data: bytes


Event = NoteEvent | ControlChange | PitchBend | ProgramChange | ChannelPressure | KeyPressure | SystemMessage


def parse(message: bytes) -> Event | None:
    """The event of one whole message, or None if it is none. A note on with velocity 0 is a note off."""
    if not message or message[0] < 0x80:
        return None
    status = message[0]
    if status >= 0xF0:
        return SystemMessage(bytes(message))
    kind, channel = status & 0xF0, (status & 0x0F) + 1
    if len(message) < (2 if kind in (0xC0, 0xD0) else 3) or max(message[1:3]) > 127:
        return None
    first = message[1]
    if kind == 0xC0:
        return ProgramChange(channel, first)
    if kind == 0xD0:
        return ChannelPressure(channel, first)
    second = message[2]
    if kind == 0x90 and second:
        return NoteEvent("on", channel, first, second)
    if kind in (0x80, 0x90):
        return NoteEvent("off", channel, first, second)
    if kind == 0xA0:
        return KeyPressure(channel, first, second)
    if kind == 0xB0:
        return ControlChange(channel, first, second)
    return PitchBend(channel, second << 7 | first)
