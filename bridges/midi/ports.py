"""MIDI ports by (part of) their names, opened when they come, closed when they go, held by a process of their own."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from bridges.midi.frames import LARGEST, Frame, Unpacker, pack

SILENCE_S: Final = 5.0
"""The process is taken for hung when nothing has come from it for so long, once it runs."""
START_S: Final = 60.0
"""It may take so long to start: a machine that is busy loads Python slowly."""
CONNECT_S: Final = (1.0, 4.0)
"""It waits so long for an answer of the JACK server, at first and at most: twice as long each time that none came, for a server may be
slow. Less than SILENCE_S, for it says nothing meanwhile."""
AGAIN_S: Final = 0.25
AGAIN_LONGEST_S: Final = 8.0
SERVER_GONE: Final = 3


@dataclass(frozen=True)
class PortChange:
    """A wanted port that opened, has gone, or was not there when it was first looked for."""

    direction: Literal["input", "output"]
    name: str
    """As it was asked for."""
    port: str
    """As the system calls it; empty if absent."""
    state: Literal["open", "gone", "absent"]
    there: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        what = f"MIDI {self.direction} {self.name!r}"
        if self.state == "open":
            return f"{what} is open: {self.port}"
        if self.state == "gone":
            return f"{what} has gone, and opens again when it is back: {self.port}"
        return f"{what} is not there yet: there are {', '.join(self.there) or 'none'}"


class MidiPorts:
    """Several inputs and outputs.

    `handler`, `on_change` and `on_port` are called from threads of this object, never while `send` waits. The names given to
    `handler` and `send` are those that were asked for: they stay when a device comes back under another number.

    Args:
        inputs: (parts of) names; each takes the first port that matches and is not taken.
        outputs: the same.
        handler: called with name and message, system exclusive and real-time messages included.
        on_change: called with a line for people.
        on_port: called with what the line says.
        avoid: ports with one of these words are taken only if no other matches (the second ports of many controllers).
    """

    def __init__(self, inputs: Sequence[str], outputs: Sequence[str], handler: Callable[[str, bytes], None],
                 on_change: Callable[[str], None], on_port: Callable[[PortChange], None] | None = None,
                 avoid: Sequence[str] = ("DAW", "Notes")) -> None:  # fmt: skip
        self._inputs, self._outputs = list(dict.fromkeys(inputs)), list(dict.fromkeys(outputs))
        self._wanted = {"inputs": self._inputs, "outputs": self._outputs, "avoid": list(avoid)}
        self._handler, self._on_change, self._on_port = handler, on_change, on_port
        self._lock = threading.Lock()
        self._polling = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._open: dict[tuple[str, str], PortChange] = {}
        self._told: set[tuple[str, str]] = set()
        self._heard = 0.0
        self._runs = False
        """It has said something since it was started."""
        self._again, self._wait = 0.0, AGAIN_S
        self._connect = CONNECT_S[0]
        self._closed = False
        self.poll()

    @property
    def opened(self) -> dict[tuple[str, str], str]:
        """(direction, name) of each open port to what the system calls it."""
        return {key: change.port for key, change in list(self._open.items())}

    def poll(self) -> None:
        """See to it that the process lives; call this about every second. Takes a few milliseconds when it has to be started."""
        if not (self._inputs or self._outputs) or not self._polling.acquire(blocking=False):
            return
        try:
            now = time.monotonic()
            process = self._process
            if process is None:
                if now >= self._again and not self._closed:
                    self._start(now)
            elif process.poll() is None and now - self._heard > (SILENCE_S if self._runs else START_S) and not self._unread(process):
                self._on_change("MIDI ports: their process hangs and is started again")
                process.kill()
        finally:
            self._polling.release()

    def _unread(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether it has said something that our thread has not got round to."""
        with self._lock:
            if self._process is not process or process.stdout is None:
                return True
            return bool(select.select([process.stdout], [], [], 0.0)[0])

    def _start(self, now: float) -> None:
        wanted = json.dumps(self._wanted | {"connect_s": self._connect})
        process = subprocess.Popen([sys.executable, "-m", "bridges.midi", wanted], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   bufsize=0)  # fmt: skip
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        self._heard, self._runs = now, False
        with self._lock:
            self._process = process
        threading.Thread(target=self._read, args=(process,), name="midi-ports", daemon=True).start()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        began = time.monotonic()
        unpacker = Unpacker()
        while data := process.stdout.read(65536):
            self._heard, self._runs = time.monotonic(), True
            for kind, index, content in unpacker.feed(data):
                if kind == Frame.MESSAGE:
                    self._handler(self._inputs[index], content)
                elif kind == Frame.CHANGE:
                    fields = json.loads(content)
                    self._change(PortChange(**fields | {"there": tuple(fields["there"])}))
        status = process.wait()
        with self._lock:
            self._process = None
            assert process.stdin is not None
            process.stdin.close()
            process.stdout.close()
        if self._closed:
            return
        for change in list(self._open.values()):
            self._change(PortChange(change.direction, change.name, change.port, "gone"))
        if status == SERVER_GONE:
            self._on_change("MIDI ports: the JACK server has gone; they open again when it is back")
            self._wait, self._connect = AGAIN_S, CONNECT_S[0]
        elif status == -signal.SIGALRM:  # the JACK server did not answer, as when it is just starting
            self._wait = AGAIN_S
            self._connect = min(2 * self._connect, CONNECT_S[1])
        else:
            self._on_change(f"MIDI ports: their process ended with status {status} and is started again")
            lived = time.monotonic() - began > 2 * AGAIN_LONGEST_S
            self._wait = AGAIN_S if lived else min(2 * self._wait, AGAIN_LONGEST_S)
        self._again = time.monotonic() + (0.0 if status == SERVER_GONE else self._wait)
        self.poll()

    def _change(self, change: PortChange) -> None:
        key = (change.direction, change.name)
        if change.state == "absent" and key in self._told:  # after the process was started again
            return
        self._told.add(key)
        if change.state == "open":
            self._open[key] = change
        else:
            self._open.pop(key, None)
        self._on_change(change.line)
        if self._on_port is not None:
            self._on_port(change)

    def send(self, name: str, message: bytes) -> bool:
        """Send to the output that was asked for under this name; False if it is not open. Never waits."""
        if ("output", name) not in self._open or not 0 < len(message) <= LARGEST:
            return False
        frame = pack(Frame.MESSAGE, self._outputs.index(name), message)
        with self._lock:
            if self._process is None or self._process.stdin is None or self._process.stdin.closed:
                return False
            try:
                return os.write(self._process.stdin.fileno(), frame) == len(frame)
            except (BlockingIOError, BrokenPipeError):
                return False

    def close(self) -> None:
        """End the process; returns when it has ended."""
        self._closed = True
        with self._lock:
            process = self._process
            if process is None or process.stdin is None:
                return
            process.stdin.close()
        try:
            process.wait(2.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
