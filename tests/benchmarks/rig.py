"""What the benchmarks share: a JACK server of their own, a daemon, ears at JACK ports, figures as text."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jack
import numpy as np

from jamd.client import OscClient
from jamd.contract.errors import JamdError
from jamd.contract.units import SAMPLE_RATE

LOUD = 1e-4
"""Amplitude that counts as sound."""
Row = tuple[str, ...]

_clock = ctypes.PyDLL("libjack.so.0").jack_get_time
_clock.restype = ctypes.c_uint64


def jack_time() -> int:
    """Microseconds of JACK's clock: the machine's, of no drift and no filter."""
    return int(_clock())


def wait_for(check: Callable[[], object], seconds: float, what: str, step: float = 0.02) -> None:
    """Poll until a check holds; else the benchmark ends with a line."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: {what} did not happen within {seconds:g} s")
        time.sleep(step)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def spread(values: Sequence[float], digits: int = 1) -> str:
    """p50 / p95 / p99 / max."""
    if not values:
        return "none"
    figures = [*np.percentile(np.asarray(values), [50, 95, 99]), max(values)]
    return " / ".join(f"{value:.{digits}f}" for value in figures)


def table(head: Row, rows: Sequence[Row]) -> str:
    """Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, tuple("---" for _ in head), *rows])


class JackServer:
    """`jackd` with the dummy driver, under a name of its own that this process and its children use."""

    def __init__(self, block: int) -> None:
        self.block = block
        self.name = f"jamd-bench-{uuid.uuid4().hex[:6]}"
        os.environ.setdefault("JACK_NO_AUDIO_RESERVATION", "1")
        os.environ["JACK_DEFAULT_SERVER"] = self.name
        jack.set_error_function(lambda _: None)
        jack.set_info_function(lambda _: None)
        self.process = subprocess.Popen(
            ["jackd", "-n", self.name, "-d", "dummy", "-r", str(SAMPLE_RATE), "-p", str(block)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_for(self._there, 10, "the start of jackd")

    def _there(self) -> bool:
        try:
            jack.Client("bench-probe", no_start_server=True, servername=self.name).close()
        except jack.JackOpenError:
            return False
        return True

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)


class Daemon:
    """`jamd run` with a home of its own."""

    def __init__(self, home: Path, audio: str = "jack") -> None:
        self.port = free_port()
        self.home = home
        self.client = OscClient(("127.0.0.1", self.port))
        began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jamd", "run", "--audio", audio, "--osc", f"127.0.0.1:{self.port}"],
            env=os.environ | {"JAMD_HOME": str(home)}, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        wait_for(self._ready, 180, "the daemon")
        self.start_s = time.monotonic() - began

    def _ready(self) -> bool:
        if self.process.poll() is not None:
            raise SystemExit("bench: the daemon ended at its start")
        try:
            status = self.status()
        except JamdError:
            return False
        return bool(status["engine"].get("ready") and status["audio"])

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.client.ask("/status", timeout=5.0).arguments[0]))

    def slot(self, number: int) -> str:
        return next((str(s["state"]) for s in self.status()["slots"] if s["slot"] == number), "empty")

    def close(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()


class Probe:
    """A JACK client that hears some ports and stamps each cycle with JACK's clock.

    Args:
        sources: ports by the names they get here.
        seconds: how much is kept.
    """

    def __init__(self, sources: dict[str, str], seconds: float = 20.0) -> None:
        self.client = jack.Client(f"probe{uuid.uuid4().hex[:4]}", no_start_server=True)
        self.block = self.client.blocksize
        self.size = int(seconds * SAMPLE_RATE) // self.block
        self.names = list(sources)
        self.samples = np.zeros((self.size, len(sources), self.block), np.float32)
        self.times = np.zeros(self.size, np.int64)
        self.count = 0
        self.lost = 0
        ports = [self.client.inports.register(name) for name in sources]

        @self.client.set_process_callback
        def process(_: int) -> None:
            place = self.count % self.size
            self.times[place] = jack_time()
            for row, port in enumerate(ports):
                self.samples[place, row] = port.get_array()
            self.count += 1

        @self.client.set_xrun_callback
        def xrun(_: float) -> None:
            self.lost += 1

        self.client.activate()
        for port, source in zip(ports, sources.values(), strict=True):
            self.client.connect(source, port)

    def block_at(self, name: str, count: int) -> np.ndarray:
        """What a port played in a cycle. Shape: [block]."""
        return np.asarray(self.samples[count % self.size, self.names.index(name)])

    def since(self, name: str, count: int) -> np.ndarray:
        """What a port has played since a cycle. Shape: [frames]."""
        index = np.arange(count, self.count) % self.size
        return np.asarray(self.samples[index, self.names.index(name)]).reshape(-1)

    def stereo(self, count: int) -> np.ndarray:
        """What the first two ports have played since a cycle. Shape: [frames, 2]."""
        index = np.arange(count, self.count) % self.size
        return np.asarray(self.samples[index, :2].transpose(0, 2, 1)).reshape(-1, 2)

    def quiet(self, name: str, seconds: float = 0.02) -> bool:
        blocks = max(int(seconds * SAMPLE_RATE / self.block), 1)
        if self.count < blocks:
            return False
        return bool(np.abs(self.since(name, self.count - blocks)).max() < LOUD)

    def first_sound(self, name: str, since: int, timeout: float) -> float | None:
        """Microseconds on JACK's clock of the first loud sample after a count of cycles."""
        deadline, place = time.monotonic() + timeout, since
        while time.monotonic() < deadline:
            while place < self.count:
                loud = np.flatnonzero(np.abs(self.block_at(name, place)) > LOUD)
                if len(loud):
                    return float(self.times[place % self.size] + loud[0] / SAMPLE_RATE * 1e6)
                place += 1
            time.sleep(0.0005)
        return None

    def close(self) -> None:
        self.client.deactivate()
        self.client.close()


class SilentClient:
    """A client that does nothing, in a process of its own: what this machine loses by itself."""

    SCRIPT = """
import ctypes, jack, signal, sys, time
clock = ctypes.PyDLL("libjack.so.0").jack_get_time; clock.restype = ctypes.c_uint64
client = jack.Client("silent", no_start_server=True)
port = client.outports.register("out")
state = [0, 0, 0, 0]
@client.set_process_callback
def process(frames):
    now = clock()
    if state[0] and (now - state[0]) * 48 > frames * 1500: state[1] += 1
    state[0] = now; state[2] += 1
@client.set_xrun_callback
def xrun(us): state[3] += 1
client.activate()
signal.signal(signal.SIGTERM, lambda *_: (print(state[1], state[2], state[3], flush=True), sys.exit(0)))
while True: time.sleep(1)
"""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", self.SCRIPT], stdout=subprocess.PIPE, text=True)

    def finish(self) -> tuple[int, int, int]:
        """(late cycles, cycles, xruns)."""
        self.process.terminate()
        out, _ = self.process.communicate(timeout=10)
        late, cycles, xruns = (int(word) for word in out.split())
        return late, cycles, xruns
