"""The controllers' desk: learning, maps, ports that come and go, pad lights."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from bridges.midi import MidiPorts
from bridges.midi.ports import PortChange
from jamd import paths
from jamd.contract.errors import JamdError, MessageError
from jamd.contract.folders import inside
from jamd.contract.parameters import find
from jamd.control.desk import Desk
from jamd.control.midi.bindings import Binding, as_number
from jamd.control.midi.files import Defaults
from jamd.control.midi.lights import PadLights
from jamd.control.midi.map import MidiMap
from jamd.control.midi.pads import PadDevice, device_for, devices

JACK_PORT = "midi_in"
"""The JACK port's name in the map; others have those of the configuration."""
SUFFIXES = (".toml", ".json")
LIGHTS_EVERY = 8
PORTS_EVERY = 256
REALTIME = 0xF8


class MidiDesk(Desk):
    """Actions of `/midi/...`, and everything that controllers say."""

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        config = session.config.midi
        self.map = MidiMap(self._perform, self._value_of, config, session.log)
        self._loop = asyncio.get_running_loop()
        self._lights: dict[str, PadLights] = {}
        self._ports = MidiPorts(config.ports, config.outputs, self._from_port, self._say, self._port_changed)
        self._polls = 0
        if config.lights not in ("auto", "none") and not config.outputs:  # pads at the JACK ports are named by hand
            known = device_for(config.lights)
            if known is None:
                session.log(f"no pads {config.lights!r} are known: there are {', '.join(devices())}")
            else:
                self.map.attach(JACK_PORT, known.bindings())
                self._light(JACK_PORT, known, self._to_jack)
        elif config.lights == "auto" and not config.outputs and (plain := device_for("notes")) is not None:
            self._light(JACK_PORT, plain, self._to_jack)  # the notes that launch slots, which the defaults have bound already
        session.midi_view = self.view

    # --- messages -------------------------------------------------------------------------------------------------------

    def _perform(self, address: str, arguments: Sequence[Any]) -> None:
        self.session.perform(address, arguments, via="midi")

    def _value_of(self, address: str) -> float | None:
        route, number = find(address)
        if not route.setter or not route.arguments:
            return None
        return as_number(route.arguments[0], self.session.value(route, number))

    def hear(self, message: bytes, frame: int, port: str = JACK_PORT) -> None:
        """A message that came in at a frame."""
        if message and (message[0] >= REALTIME or message[0] == 0xF2):
            self.session.transport.sources.midi(message, frame)
            return
        if message and message[0] == 0xFF:
            return
        self.map.handle(message, port)

    def _from_port(self, port: str, message: bytes) -> None:
        frame = self.now
        self._loop.call_soon_threadsafe(self.hear, message, frame, port)

    def _say(self, line: str) -> None:
        self._loop.call_soon_threadsafe(self.session.log, line)

    def _port_changed(self, change: PortChange) -> None:
        self._loop.call_soon_threadsafe(self._change, change)

    def _change(self, change: PortChange) -> None:
        """Pads get their lights when both directions are there, under whatever names they were asked for."""
        if change.state == "gone" and change.direction == "input":
            self.map.let_go(change.name)
            self.map.detach(change.name)
        elif change.state == "gone":
            self._lights.pop(change.name, None)
        elif change.state == "open":
            kind = self.session.config.midi.lights
            device = None if kind == "none" else device_for(change.port if kind == "auto" else kind)
            if device is None:
                return
            if change.direction == "input":
                self.map.attach(change.name, device.bindings())
            else:
                self._light(change.name, device, lambda message: self._ports.send(change.name, message))

    def _light(self, name: str, device: PadDevice, send: Callable[[bytes], bool]) -> None:
        lights = self._lights[name] = PadLights(device, send)
        lights.hello()

    def _to_jack(self, message: bytes) -> bool:
        """Through the port midi_out; longer messages than seven bytes do not fit there."""
        return len(message) > 7 or self.session.memory.midi_out.push(self.now, message)

    # --- actions --------------------------------------------------------------------------------------------------------

    def learn(self, address: str, low: float | None, high: float | None, curve: Any, mode: Any, pickup: int | None) -> None:
        self.map.learn(address, low, high, curve, mode=mode, pickup=bool(pickup))

    def cancel(self) -> None:
        self.map.cancel()

    def forget(self, address: str) -> None:
        self.map.forget(address)

    def defaults(self, on: int) -> None:
        for name in Defaults.__struct_fields__:
            if name != "panic":
                self.map.switch(name, bool(on))

    def save(self, path: str) -> None:
        file = inside(paths.maps_folder(), path, SUFFIXES)
        if file.exists():
            raise MessageError(f"{path} is there already: choose another name", code="file")
        file.parent.mkdir(parents=True, exist_ok=True)
        self.map.save(file)

    def load(self, path: str) -> None:
        file = inside(paths.maps_folder(), path, SUFFIXES)
        if not file.is_file():
            raise MessageError(f"there is no map {path}", code="file")
        self.map.load(file)

    def value(self, action: str, which: Any) -> Any:
        return int(self.map.defaults.launch or self.map.defaults.chord)

    # --- in time --------------------------------------------------------------------------------------------------------

    def poll(self) -> None:
        while (event := self.session.memory.midi.pop()) is not None:
            self.hear(event[1], event[0])
        self._polls += 1
        if self._polls % LIGHTS_EVERY == 0:
            self.map.tick()
            if self._lights:
                states = self.session.slots.states()
                for lights in self._lights.values():
                    lights.update(states)
        if self._polls % PORTS_EVERY == 0:
            self._ports.poll()

    def close(self) -> None:
        """Dark pads, closed ports."""
        for lights in self._lights.values():
            lights.goodbye()
        self._ports.close()

    # --- beyond the run -------------------------------------------------------------------------------------------------

    def saved(self) -> dict[str, Any]:
        """What was learned, for the state that outlives the run."""
        return {"defaults": msgspec.to_builtins(self.map.defaults), "bindings": msgspec.to_builtins(self.map.bindings())}

    def restore(self, saved: dict[str, Any]) -> None:
        """What was learned in an earlier run. What no longer fits is left out, with a line that says so."""
        if not saved:
            return
        defaults = msgspec.convert(saved.get("defaults", {}), Defaults)
        for name in Defaults.__struct_fields__:
            self.map.switch(name, getattr(defaults, name))
        for plain in saved.get("bindings", []):
            try:
                self.map.bind(msgspec.convert(plain, Binding))
            except (JamdError, msgspec.ValidationError) as error:
                self.log(f"a learned control is left out: {error}")

    def view(self) -> dict[str, Any]:
        return {
            "learning": self.map.learning or "", "bindings": msgspec.to_builtins(self.map.bindings()),
            "ports": [f"{direction} {name}: {port}" for (direction, name), port in self._ports.opened.items()],
        }  # fmt: skip
