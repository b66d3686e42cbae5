"""The process that holds the MIDI ports: `python -m bridges.midi JSON`, frames on standard input and output.

rtmidi keeps Python's lock while it makes a client (25 ms) and while it deletes an output of a dead JACK server (1 s), waits for ever
when it sends to a dead server, and the process that deletes a client after the server came back may crash. None of that may happen
to the process that plays. Here it does no harm: this process ends with its JACK server, and `MidiPorts` starts it again.

Messages are polled from rtmidi's queue, so that JACK's thread never waits for Python.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import rtmidi

from bridges.midi.frames import LARGEST, Frame, Unpacker, pack

POLL_S: Final = 0.001
LOOK_S: Final = 0.25
"""How often the ports are listed."""
SETTLE_S: Final = 0.1
"""An output's first messages wait for so long: JACK connects it within a few cycles, and what is sent before is lost."""
LAST_S: Final = 0.05
"""JACK is given so long to take an output's last messages."""
UNANSWERED: Final = 4
"""The JACK server is dead when so many messages to ourselves, one at each look, have not come back."""
ROOM: Final = 8192
"""Bytes, with HEAD for each message, that an output may send before the server has shown again that it lives: half of rtmidi's buffer,
which fills when JACK does not empty it, and then rtmidi waits for ever."""
HEAD: Final = 4
MOST_WAITING: Final = 4096
QUEUE: Final = 8192
"""Messages of an input that wait while another port is opened."""
SERVER_GONE: Final = 3
"""Exit status."""
NAME: Final = "jamd-midi"
Direction = Literal["input", "output"]

_Report = ctypes.CFUNCTYPE(None, ctypes.c_char_p)
_silent = _Report(lambda _: None)


def _api() -> int:
    """ALSA's sequencer where there is one, else JACK."""
    if Path("/dev/snd/seq").exists() or rtmidi.API_UNIX_JACK not in rtmidi.get_compiled_api():
        return int(rtmidi.API_UNSPECIFIED)
    library = ctypes.CDLL(rtmidi._rtmidi.__file__)  # finds the libjack that rtmidi is linked to; it would write to stderr
    for name in ("jack_set_error_function", "jack_set_info_function"):
        if hasattr(library, name):
            getattr(library, name)(_silent)
    return int(rtmidi.API_UNIX_JACK)


class _Server:
    """Lists the ports, and on JACK sends itself a message to know that the server lives."""

    def __init__(self, api: int) -> None:
        self.input: Any = rtmidi.MidiIn(rtapi=api, name=f"{NAME}-watch")
        self.output: Any = rtmidi.MidiOut(rtapi=api, name=f"{NAME}-watch")
        self._echoes = api == rtmidi.API_UNIX_JACK
        self._unanswered = 0
        self.answers = True
        """It has answered since it was last asked."""
        if self._echoes:
            beat = f"beat-{os.getpid()}"
            self.output.open_virtual_port(beat)
            ports = self.input.get_ports()
            self.input.open_port(next(i for i, port in enumerate(ports) if port.endswith(f":{beat}")), "echo")

    def ports(self, direction: Direction) -> list[str]:
        return list((self.input if direction == "input" else self.output).get_ports())

    def lives(self) -> bool:
        """Send a beat, take the last ones."""
        if not self._echoes:
            return True
        self.answers = False
        while self.input.get_message() is not None:
            self._unanswered, self.answers = 0, True
        if self._unanswered >= UNANSWERED:
            return False
        self._unanswered += 1
        self.output.send_message([0x80, 0, 0])
        return True


class _Port:
    """One wanted port."""

    def __init__(self, direction: Direction, index: int, name: str) -> None:
        self.direction = direction
        self.index = index
        self.name = name
        self.port = ""
        self.midi: Any = None
        self._waiting: deque[bytes] = deque()
        self._room = ROOM
        self._settled = 0.0
        self._missed = False

    def matches(self, port: str) -> bool:
        return self.name.lower() in port.lower() and NAME not in port

    def change(self, state: str, there: Sequence[str] = ()) -> bytes:
        text = {"direction": self.direction, "name": self.name, "port": self.port, "state": state, "there": list(there[:16])}
        return pack(Frame.CHANGE, self.index, json.dumps(text).encode())

    def look(self, api: int, ports: Sequence[str], taken: set[str], avoid: Sequence[str]) -> bytes | None:
        """Open or close according to the ports that are there; what happened, as a frame."""
        if self.midi is not None:
            if self.port in ports:
                return None
            frame = self.change("gone")
            self._delete()
            return frame
        found = [port for port in ports if self.matches(port) and port not in taken]
        found.sort(key=lambda port: any(word.lower() in port.lower() for word in avoid))  # stable: the first of the best
        if not found:
            frame, missed = self.change("absent", [port for port in ports if NAME not in port]), self._missed
            self._missed = True
            return None if missed else frame
        return self._open(api, found[0], ports.index(found[0]))

    def _open(self, api: int, port: str, number: int) -> bytes | None:
        if self.direction == "input":
            midi = rtmidi.MidiIn(rtapi=api, name=NAME, queue_size_limit=QUEUE)
            midi.ignore_types(sysex=False, timing=False, active_sense=True)
        else:
            midi = rtmidi.MidiOut(rtapi=api, name=NAME)
        try:
            midi.open_port(number, "in" if self.direction == "input" else "out")
        except (rtmidi.RtMidiError, SystemError):  # it went in this very moment
            midi.delete()
            return None
        self.midi, self.port, self._missed, self._room = midi, port, True, ROOM
        self._settled = time.monotonic() + SETTLE_S
        return self.change("open")

    def _delete(self) -> None:
        self.midi.close_port()
        self.midi.delete()  # the library's client lives on until this is called
        self.midi, self.port = None, ""
        self._waiting.clear()

    def send(self, message: bytes) -> None:
        if self.midi is not None and len(self._waiting) < MOST_WAITING:
            self._waiting.append(message)

    def refill(self) -> None:
        self._room = ROOM

    def flush(self, now: float) -> None:
        while self._waiting and now >= self._settled and self._room >= len(self._waiting[0]) + HEAD:
            message = self._waiting.popleft()
            self._room -= len(message) + HEAD
            try:
                self.midi.send_message(message)
            except (rtmidi.RtMidiError, SystemError, ValueError):  # no MIDI message, or the port went: `look` will see
                continue

    def receive(self) -> bytes:
        """Frames of all messages that wait."""
        frames = b""
        while self.midi is not None and (event := self.midi.get_message()) is not None:
            if len(event[0]) <= LARGEST:
                frames += pack(Frame.MESSAGE, self.index, bytes(event[0]))
        return frames


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def run(wanted: dict[str, Any]) -> int:
    """Until standard input ends, or the JACK server does."""
    api = _api()
    inputs = [_Port("input", index, name) for index, name in enumerate(wanted["inputs"])]
    outputs = [_Port("output", index, name) for index, name in enumerate(wanted["outputs"])]
    server: _Server | None = None
    unpacker = Unpacker()
    look_at = 0.0
    while True:
        now = time.monotonic()
        if now >= look_at:
            look_at = now + LOOK_S
            _write(pack(Frame.ALIVE, 0))
            if server is None:
                signal.setitimer(signal.ITIMER_REAL, wanted["connect_s"])  # a server that is just starting may never answer: this ends us
                try:
                    server = _Server(api)
                except (rtmidi.RtMidiError, SystemError):
                    pass  # no JACK server yet
                signal.setitimer(signal.ITIMER_REAL, 0.0)
            elif not server.lives():
                return SERVER_GONE
            for ports in (inputs, outputs):
                there = server.ports(ports[0].direction) if ports and server is not None else []
                for port in ports:
                    frame = port.look(api, there, {p.port for p in ports if p.midi is not None}, wanted["avoid"])
                    if frame is not None:
                        _write(frame)
            if server is not None and server.answers:
                for port in outputs:
                    port.refill()
        frames = b"".join(port.receive() for port in inputs)
        if frames:
            _write(frames)
        for port in outputs:
            port.flush(now)
        if select.select([0], [], [], POLL_S if server is not None else LOOK_S)[0]:
            data = os.read(0, 65536)
            if not data:
                if any(port.midi is not None for port in outputs):
                    time.sleep(LAST_S)
                return 0
            for kind, index, message in unpacker.feed(data):
                if kind == Frame.MESSAGE and index < len(outputs):
                    outputs[index].send(message)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # it ends when its parent closes the pipe, or dies
    try:
        status = run(json.loads(sys.argv[1]))
    except BrokenPipeError:
        status = 0
    os._exit(status)  # at once: destructors of clients of a dead server wait for it
