"""Pad devices as data: which notes the pads send, how they are lit, and by which port names a device is known.

The files in `devices/` are TOML; each says from which reference of its maker the numbers are.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib import resources
from typing import Final, Literal

import msgspec

from jamd.contract.errors import ConfigError
from jamd.contract.parameters import SCENES, SLOTS
from jamd.control.midi.bindings import Binding

STATES: Final = ("empty", "rendering", "ready", "queued", "playing", "stopping")
COLUMNS: Final = 8
Message = list[int]
Look = list[tuple[int, int]]
"""(channel, velocity) of each message that makes a light look so, in order."""


class Scenes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The buttons that launch rows."""

    kind: Literal["note", "cc"]
    numbers: tuple[int, ...]
    """From the top down."""
    lights: dict[str, Look] = {}
    """Looks by state; empty: those of the pads."""


class PadDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A controller with pads."""

    name: str
    reference: str
    """Where the numbers are from."""
    match: tuple[str, ...]
    """Its ports have one of these in their names, in capital or small letters."""
    rows: tuple[tuple[int, ...], ...]
    """Notes of the pads, the top row first: slots from 1, eight a row."""
    lights: dict[str, Look]
    """How a pad looks in each state."""
    avoid: tuple[str, ...] = ()
    """Ports with one of these in their names are not meant."""
    channel: int = 1
    """On which pads and buttons send."""
    hello: tuple[tuple[int, ...], ...] = ()
    """Messages that make the device ready to be lit."""
    goodbye: tuple[tuple[int, ...], ...] = ()
    """Messages that give it back to its own devices."""
    scenes: Scenes | None = None

    @property
    def pads(self) -> dict[int, int]:
        """Slot from 1 to note."""
        return {row * COLUMNS + column + 1: note for row, notes in enumerate(self.rows) for column, note in enumerate(notes)}

    def is_at(self, port: str) -> bool:
        """Whether a port of this name belongs to the device."""
        name = port.lower()
        return any(word.lower() in name for word in self.match) and not any(word.lower() in name for word in self.avoid)

    def bindings(self, port: str = "") -> list[Binding]:
        """Pads launch slots, the buttons beside them scenes; on this port, or any."""
        out = [Binding(address=f"/slot/{slot}/launch", kind="note", number=note, channel=self.channel, port=port, mode="gate")
               for slot, note in self.pads.items()]  # fmt: skip
        if self.scenes is not None:
            out += [Binding(address=f"/scene/{row}/launch", kind=self.scenes.kind, number=number, channel=self.channel, port=port,
                            mode="gate") for row, number in enumerate(self.scenes.numbers, 1)]  # fmt: skip
        return out


def read_device(text: str, where: str) -> PadDevice:
    """A device file.

    Raises:
        ConfigError: what is wrong with it.
    """
    try:
        device = msgspec.convert(tomllib.loads(text), PadDevice)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{where}: {error}") from error
    numbers = [note for row in device.rows for note in row] + list(device.scenes.numbers if device.scenes is not None else ())
    looks = [device.lights, *([device.scenes.lights] if device.scenes is not None and device.scenes.lights else [])]
    messages = [*device.hello, *device.goodbye]
    for wrong, what in (
        (len(set(device.pads.values())) != len(device.pads), "a note stands for two pads"),
        (any(len(row) != COLUMNS for row in device.rows) or len(device.pads) > SLOTS, "rows are at most eight of eight pads"),
        (not all(0 <= number <= 127 for number in numbers), "notes and controllers are 0..127"),
        (device.scenes is not None and len(device.scenes.numbers) > SCENES, f"there are {SCENES} scenes"),
        (any(set(look) != set(STATES) for look in looks), f"lights has a look for each of {', '.join(STATES)}"),
        (not all(1 <= channel <= 16 and 0 <= velocity <= 127 for look in looks for one in look.values() for channel, velocity in one),
         "a look is channels 1..16 and velocities 0..127"),
        (any(not message or message[0] < 0x80 or not all(0 <= byte <= 255 for byte in message) for message in messages),
         "a message is bytes, the first a status"),
        (not 1 <= device.channel <= 16, "channel is 1..16"),
    ):  # fmt: skip
        if wrong:
            raise ConfigError(f"{where}: {what}")
    return device


@lru_cache(maxsize=1)
def devices() -> dict[str, PadDevice]:
    """All devices that are known, by the names of their files."""
    folder = resources.files("jamd.control.midi") / "devices"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return {file.name.removesuffix(".toml"): read_device(file.read_text(encoding="utf-8"), file.name) for file in files}


def device_for(name: str) -> PadDevice | None:
    """The device of a file's name, or that a port of this name belongs to; None if it is not known."""
    known = devices()
    return known[name] if name in known else next((device for device in known.values() if device.is_at(name)), None)
