"""MIDI messages, and further inputs through python-rtmidi."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jamd.contract.errors import AudioError


@dataclass(frozen=True)
class NoteEvent:
    """Note on or off; channels count from 1."""

    kind: Literal["on", "off"]
    channel: int
    note: int
    velocity: int


@dataclass(frozen=True)
class ControlChange:
    channel: int
    controller: int
    value: int


def parse(message: bytes) -> NoteEvent | ControlChange | None:
    """A channel message that matters here, or None. A note on with velocity 0 is a note off."""
    if len(message) < 3 or not 0x80 <= message[0] < 0xF0:
        return None
    kind, channel = message[0] & 0xF0, (message[0] & 0x0F) + 1
    if message[1] > 127 or message[2] > 127:
        return None
    if kind == 0x90 and message[2] > 0:
        return NoteEvent("on", channel, message[1], message[2])
    if kind in (0x80, 0x90):
        return NoteEvent("off", channel, message[1], message[2])
    if kind == 0xB0:
        return ControlChange(channel, message[1], message[2])
    return None


class MidiInputs:
    """Open inputs by (part of) their names; messages go to `handler` from rtmidi's own thread.

    Raises:
        AudioError: no input of such a name.
    """

    def __init__(self, names: list[str], handler: Callable[[bytes], None]) -> None:
        self._open: list[Any] = []
        if not names:
            return
        import rtmidi

        sequencer = Path("/dev/snd/seq").exists()
        api = rtmidi.API_UNSPECIFIED if sequencer else rtmidi.API_UNIX_JACK
        for name in names:
            midi = rtmidi.MidiIn(rtapi=api, name="jamd-midi")
            ports: list[str] = midi.get_ports()
            found = next((index for index, port in enumerate(ports) if name.lower() in port.lower()), None)
            if found is None:
                midi.delete()  # the library's client lives on until this is called
                self.close()
                there = ", ".join(ports) or "none"
                raise AudioError(f"no MIDI input {name!r}: there are {there}", code="midi")
            midi.open_port(found)
            midi.set_callback(lambda event, _: handler(bytes(event[0])))
            self._open.append(midi)

    def close(self) -> None:
        for midi in self._open:
            midi.close_port()
            midi.delete()
        self._open.clear()
