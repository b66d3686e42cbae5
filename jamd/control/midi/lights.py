"""Lights of a pad device: the states of the slots, and of the rows on the buttons that launch them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from jamd.control.midi.pads import COLUMNS, Look, PadDevice, device_for

__all__ = ["PadLights", "device_for"]

RANK: Final = ("queued", "playing", "stopping", "rendering", "ready")
"""A row looks like the first of these that one of its slots is in."""


class PadLights:
    """Sends what has changed, and nothing else.

    Args:
        device: which notes and colours.
        send: takes one MIDI message; gives False if it could not be sent, and then it is tried again at the next update.
    """

    def __init__(self, device: PadDevice, send: Callable[[bytes], object]) -> None:
        self.device = device
        self._send = send
        self._pads = device.pads
        self._shown: dict[tuple[str, int], Look] = {}

    def hello(self) -> None:
        """For a device that has just come: ready to be lit, nothing of what it shows is known."""
        self._shown.clear()
        for message in self.device.hello:
            self._send(bytes(message))

    def update(self, states: Mapping[int, str]) -> None:
        """Show the states of the slots, counted from 1; those not named are empty."""
        lights = self.device.lights
        for slot, note in self._pads.items():
            self._show("note", note, lights.get(states.get(slot, "empty"), lights["empty"]))
        scenes = self.device.scenes
        if scenes is None:
            return
        lights = scenes.lights or lights
        for row, number in enumerate(scenes.numbers):
            there = {states.get(slot, "empty") for slot in range(row * COLUMNS + 1, (row + 1) * COLUMNS + 1)}
            self._show(scenes.kind, number, lights[next((state for state in RANK if state in there), "empty")])

    def reset(self) -> None:
        """All off; the next update shows everything again."""
        self.update({})
        self._shown.clear()

    def goodbye(self) -> None:
        """All off, and the device goes back to its own ways."""
        self.reset()
        for message in self.device.goodbye:
            self._send(bytes(message))

    def _show(self, kind: str, number: int, look: Look) -> None:
        if self._shown.get((kind, number)) == look:
            return
        status = 0x90 if kind == "note" else 0xB0
        sent = [self._send(bytes([status | (channel - 1), number, velocity])) for channel, velocity in look]
        if False not in sent:
            self._shown[kind, number] = look
        else:
            self._shown.pop((kind, number), None)
