"""MIDI messages, and ports through python-rtmidi."""

from __future__ import annotations

from bridges.midi.messages import (
    ChannelPressure,
    ControlChange,
    Event,
    KeyPressure,
    NoteEvent,
    PitchBend,
    ProgramChange,
    SystemMessage,
    parse,
)
from bridges.midi.ports import MidiPorts, PortChange

__all__ = [
    "ChannelPressure",
    "ControlChange",
    "Event",
    "KeyPressure",
    "MidiPorts",
    "NoteEvent",
    "PitchBend",
    "PortChange",
    "ProgramChange",
    "SystemMessage",
    "parse",
]
