"""MIDI messages to actions: what was learnt, then what a recognised pad device does, then the defaults.

It knows the session only by `perform` and `value_of`. All of it runs in one thread, the event loop's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from bridges.midi import NoteEvent, parse
from jamd.contract.config import MidiConfig
from jamd.contract.errors import JamdError, MessageError
from jamd.control.midi.bindings import ANY, Binding, Kind, check, touched
from jamd.control.midi.control import FINE_S, Control, Perform, ValueOf
from jamd.control.midi.curves import Curve
from jamd.control.midi.defaults import DefaultMap
from jamd.control.midi.files import Defaults, MapFile, read_map, write_map
from jamd.control.midi.learn import Learner

SAME_S: Final = 1.0
"""The same fault is told once in so long: a knob sends a hundred messages a second."""


class _Bound:
    """Controls, found by what they hear."""

    def __init__(self, controls: Iterable[Control] = ()) -> None:
        self.controls: list[Control] = []
        self.channels: set[int] = set()
        self._by: dict[tuple[str, int], list[Control]] = {}
        for control in controls:
            self.add(control)

    def add(self, control: Control) -> None:
        self.controls.append(control)
        self.channels.add(control.binding.channel)
        for message in control.binding.messages:
            self._by.setdefault(message, []).append(control)

    def find(self, kind: Kind, number: int, port: str, channel: int) -> list[Control]:
        found = self._by.get((kind, number), [])
        if kind == "program":
            found = found + self._by.get((kind, ANY), [])
        return [control for control in found if control.binding.hears(port, channel)]


class MidiMap:
    """All controllers of a session.

    Args:
        perform: does what an address says with these arguments; raises JamdError.
        value_of: the present value of an address, for take-over, toggles and encoders.
        config: channels and notes of the defaults.
        log: called with a line for people.
    """

    def __init__(self, perform: Perform, value_of: ValueOf, config: MidiConfig, log: Callable[[str], None]) -> None:
        self._perform, self._value_of, self._log = perform, value_of, log
        self._learner = Learner()
        self._learnt = _Bound()
        self._devices: dict[str, _Bound] = {}
        self._default = DefaultMap(perform, config)
        self._told, self._told_at = "", 0.0

    # --- messages ---------------------------------------------------------------------------------------------------------

    def handle(self, message: bytes, port: str = "") -> None:
        """One message of a port; what cannot be done is logged, nothing is raised."""
        self._safely(self._handle, message, port)

    def _safely(self, act: Callable[..., None], *arguments: Any) -> None:
        try:
            act(*arguments)
        except JamdError as error:
            self._fault(str(error))
        except Exception as error:  # a fault of ours: whoever plays on is not to suffer from it
            self._fault(f"{type(error).__name__}: {error}")

    def _fault(self, line: str) -> None:
        now = time.monotonic()
        if line != self._told or now - self._told_at >= SAME_S:
            self._told, self._told_at = line, now
            self._log(f"MIDI: {line}")

    def _handle(self, message: bytes, port: str) -> None:
        event = parse(message)
        touch = touched(event)
        if touch is None:
            self._default.panic(event)
            return
        kind, channel, number, raw = touch
        learnt = self._learner.hear(port, kind, channel, number, raw, time.monotonic())
        if learnt is not None:
            self._learn(learnt)
            return
        controls = self._learnt.find(kind, number, port, channel)
        device = self._devices.get(port)
        if not controls and device is not None:
            controls = device.find(kind, number, port, channel)
        if controls:
            for control in controls:
                self._safely(control.hear, number, raw, port)
        elif isinstance(event, NoteEvent) and (device is None or channel not in device.channels):
            self._default.note(event, port)

    def tick(self) -> None:
        """Now and then, at least every 20 ms: coarse halves of 14 bit controllers whose fine half does not come."""
        now = time.monotonic()
        for control in self._learnt.controls:
            if control.waiting_since is not None and now - control.waiting_since >= FINE_S:
                self._safely(control.settle)

    def let_go(self, port: str) -> None:
        """A port has gone: what was held down on it is released."""
        for bound in (self._learnt, self._devices.get(port, _Bound())):
            for control in bound.controls:
                self._safely(control.let_go, port)
        self._safely(self._default.let_go, port)

    # --- bindings ---------------------------------------------------------------------------------------------------------

    @property
    def learning(self) -> str | None:
        """The address that waits for a control."""
        return self._learner.address

    def learn(self, address: str, low: float | None = None, high: float | None = None, curve: Curve | None = None, **options: Any) -> None:
        """Bind the next touched control to an address; options are those of `Learner.learn`.

        Raises:
            MessageError: no such address, or it cannot be bound so.
        """
        self._learner.learn(address, low, high, curve, **options)

    def cancel(self) -> None:
        """Learn nothing after all."""
        self._learner.cancel()

    def _learn(self, binding: Binding) -> None:
        self._keep(lambda other: not other.meets(binding))
        self.bind(binding)
        number = "" if binding.kind in ("bend", "pressure") else f" {binding.number}"
        where = (f" on channel {binding.channel}" if binding.channel else "") + (f" of {binding.port}" if binding.port else "")
        self._log(f"MIDI: {binding.kind}{number}{where} is bound to {binding.address}")

    def bind(self, binding: Binding) -> None:
        """Add a binding; a control may have several.

        Raises:
            MessageError: it cannot work.
        """
        self._learnt.add(Control(check(binding), self._perform, self._value_of))

    def _keep(self, wanted: Callable[[Binding], bool]) -> int:
        kept: list[Control] = []
        gone: list[Control] = []
        for control in self._learnt.controls:
            (kept if wanted(control.binding) else gone).append(control)
        self._learnt = _Bound(kept)
        for control in gone:
            self._safely(control.let_go)
        return len(gone)

    def forget(self, address: str = "all") -> int:
        """Drop what was learnt for an address, or all of it; how many bindings that were.

        Raises:
            MessageError: nothing is bound to the address.
        """
        gone = self._keep(lambda binding: address not in ("all", binding.address))
        if gone == 0 and address != "all":
            raise MessageError(f"no control is bound to {address}", code="binding")
        return gone

    def bindings(self) -> list[Binding]:
        """What was learnt or loaded, in that order."""
        return [control.binding for control in self._learnt.controls]

    @property
    def defaults(self) -> Defaults:
        """Which defaults are on."""
        return self._default.on

    def switch(self, name: str, on: bool) -> None:
        """Switch a default (launch, chord, panic) on or off.

        Raises:
            MessageError: no such default.
        """
        if name not in self._default.on.__struct_fields__:
            raise MessageError(f"no default {name}: there are {', '.join(self._default.on.__struct_fields__)}", code="range")
        setattr(self._default.on, name, on)
        if not on:
            self._safely(self._default.let_go)

    def attach(self, port: str, bindings: Iterable[Binding]) -> None:
        """A pad device is on this port: the notes of its channel are its own, the defaults do not hear them."""
        self._devices[port] = _Bound(Control(check(binding), self._perform, self._value_of) for binding in bindings)

    def detach(self, port: str) -> None:
        self._devices.pop(port, None)

    # --- files ------------------------------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write all bindings, as TOML or JSON by the file's ending.

        Raises:
            ConfigError: it cannot be written.
        """
        write_map(path, MapFile(defaults=self._default.on, bindings=self.bindings()))

    def load(self, path: Path) -> None:
        """Take the bindings of a file instead of these.

        Raises:
            ConfigError: anything is wrong with it; then nothing changes.
        """
        found = read_map(path)
        self._learner.cancel()
        self.forget()
        for binding in found.bindings:
            self.bind(binding)
        for name in Defaults.__struct_fields__:
            self.switch(name, getattr(found.defaults, name))
