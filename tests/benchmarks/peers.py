"""Programs that play a sound when an OSC packet says so: jamd, scsynth, SooperLooper. Each plays the same sound file.

`fire` sends the one packet that is timed; `rest` makes the program silent again.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import jack
import numpy as np
import soundfile

from jamd.client import OscClient
from jamd.contract.errors import FailureError
from jamd.contract.units import SAMPLE_RATE
from tests.benchmarks.rig import Daemon, free_port, wait_for

LENGTH_S = 0.08


class Player(Protocol):
    name: str
    port: str
    """JACK output that is heard."""

    def fire(self) -> None: ...

    def rest(self) -> None: ...

    def close(self) -> None: ...


def sound(path: Path) -> Path:
    """A tone of 80 ms that begins with its loudest sample: nothing in it hides a latency."""
    time_s = np.arange(int(LENGTH_S * SAMPLE_RATE)) / SAMPLE_RATE
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.5 * np.cos(2 * np.pi * 440 * time_s), SAMPLE_RATE, subtype="FLOAT")
    return path


def _wait_for_port(name: str) -> None:
    client = jack.Client("bench-look", no_start_server=True)
    try:
        wait_for(lambda: any(port.name == name for port in client.get_ports()), 20, f"the port {name}")
    finally:
        client.close()


class Jamd:
    """A slot of jamd, the clock standing."""

    name = "jamd"
    port = "jamd:slots_1"

    def __init__(self, daemon: Daemon) -> None:
        self._client = daemon.client
        sound(daemon.home / "clips" / "tone.wav")
        self._client.send("/jam/panic")
        self._client.send("/slot/1/load", "tone.wav")
        wait_for(lambda: daemon.slot(1) == "ready", 20, "the clip")
        self._client.send("/slot/1/loop", 0)

    def fire(self) -> None:
        self._client.send("/slot/1/launch")

    def rest(self) -> None:
        self._client.send("/slot/1/stop")

    def close(self) -> None:
        self._client.send("/slot/1/clear")


class SuperCollider:
    """scsynth: a synth that plays a buffer once, started by `/s_new`."""

    name = "scsynth"
    port = "SuperCollider:out_1"

    def __init__(self, folder: Path) -> None:
        number = free_port()
        (folder / "hit.scsyndef").write_bytes(synth_definition())
        self._process = subprocess.Popen(
            ["scsynth", "-u", str(number), "-i", "0", "-o", "2", "-R", "0", "-D", "0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"SC_JACK_DEFAULT_OUTPUTS": ""},
        )  # fmt: skip
        self._client = OscClient(("127.0.0.1", number))
        _wait_for_port(self.port)
        wait_for(self._answers, 20, "an answer of scsynth")
        for address, *arguments in (
            ("/d_load", str(folder / "hit.scsyndef")), ("/b_allocRead", 0, str(sound(folder / "tone.wav"))),
        ):  # fmt: skip
            self._client.ask(address, *arguments, expect="/done", timeout=10)

    def _answers(self) -> bool:
        try:
            return self._client.ask("/status", expect="/status.reply", timeout=0.5).address == "/status.reply"
        except FailureError:
            return False

    def fire(self) -> None:
        self._client.send("/s_new", "hit", -1, 0, 0)

    def rest(self) -> None:
        """It ends by itself."""

    def close(self) -> None:
        self._client.send("/quit")
        self._client.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()


def synth_definition() -> bytes:
    """SuperCollider's file format, version 2: `PlayBuf.ar(1, 0, 1, 1, 0, 0, doneAction: 2)` into output 0, as `hit`."""

    def text(word: str) -> bytes:
        return struct.pack(">B", len(word)) + word.encode()

    def unit(name: str, inputs: Sequence[tuple[int, int]], outputs: int) -> bytes:
        head = text(name) + struct.pack(">biih", 2, len(inputs), outputs, 0)
        return head + b"".join(struct.pack(">ii", *one) for one in inputs) + b"\x02" * outputs

    constants = (0.0, 1.0, 2.0)
    zero, one, two = ((-1, index) for index in range(3))
    play = unit("PlayBuf", (zero, one, one, zero, zero, two), 1)
    out = unit("Out", (zero, (0, 0)), 0)
    body = struct.pack(">i", len(constants)) + struct.pack(">3f", *constants)
    body += struct.pack(">iii", 0, 0, 2) + play + out + struct.pack(">h", 0)
    return b"SCgf" + struct.pack(">ih", 2, 1) + text("hit") + body


class SooperLooper:
    """A loop that is played once from its beginning."""

    name = "sooperlooper"
    port = "bench-looper:loop0_out_1"

    def __init__(self, folder: Path) -> None:
        number = free_port()
        environment = dict(os.environ)
        if not Path("/dev/snd/seq").exists():  # it polls a sequencer that is not there, and ends
            library = folder / "no_sequencer.so"
            source = Path(__file__).with_name("no_sequencer.c")
            subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
            environment["LD_PRELOAD"] = str(library)
        self._process = subprocess.Popen(
            ["sooperlooper", "-q", "-l", "1", "-c", "1", "-p", str(number), "-j", "bench-looper"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        self._client = OscClient(("127.0.0.1", number))
        _wait_for_port(self.port)
        time.sleep(0.5)
        self._client.send("/sl/0/load_loop", str(sound(folder / "tone.wav")), "osc.udp://127.0.0.1:9/", "/error")
        time.sleep(0.5)
        self.rest()

    def fire(self) -> None:
        self._client.send("/sl/0/hit", "oneshot")

    def rest(self) -> None:
        """It mutes itself at the loop's end."""

    def close(self) -> None:
        self._client.send("/quit")
        self._client.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()


def installed(folder: Path) -> tuple[list[Player], list[str]]:
    """The peers that are there, running; and the names of those that are not."""
    there: list[Player] = []
    missing: list[str] = []
    for kind, program, wants in ((SuperCollider, "scsynth", ""), (SooperLooper, "sooperlooper", "gcc")):
        if shutil.which(program) is None or (wants and not Path("/dev/snd/seq").exists() and shutil.which(wants) is None):
            missing.append(program)
        else:
            there.append(kind(folder))
    return there, missing
