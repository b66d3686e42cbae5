"""A real daemon: real processes, real UDP, a real JACK server, the shipped model."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jack
import pytest

from jamd.client import OscClient
from jamd.contract.errors import FailureError
from tests.conftest import wait_until


def connect(client: jack.Client, source: str, target: str) -> None:
    """Connect two ports. A server that is still busy with a new client refuses, or says so too late; then it is asked again."""

    def connected() -> bool:
        with contextlib.suppress(jack.JackError):
            client.connect(source, target)
        return any(port.name == target for port in client.get_all_connections(source))

    wait_until(connected, 10, f"the connection of {source} to {target}")


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Daemon:
    """One running `jamd run`."""

    process: subprocess.Popen[str]
    port: int
    client: OscClient
    log: Path

    def status(self) -> dict[str, Any]:
        return json.loads(self.client.ask("/status", timeout=10.0).arguments[0])

    def ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            status = json.loads(self.client.ask("/status", timeout=0.5).arguments[0])
        except FailureError:
            return False
        return bool(status["engine"].get("ready") and status["audio"])

    def drain(self) -> None:
        while self.client.receive(0.02) is not None:
            pass

    def slot(self, number: int) -> str:
        return next((s["state"] for s in self.status()["slots"] if s["slot"] == number), "empty")

    def children(self) -> list[int]:
        text = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True).stdout
        return [int(word) for word in text.split()]

    def stop(self, number: int = signal.SIGINT) -> int:
        """As Ctrl-C does: the signal goes to the whole group."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        return self.process.wait(timeout=30)


def start_daemon(audio: str, folder: Path) -> Daemon:
    port = free_port()
    log = folder / "daemon.log"
    process = subprocess.Popen(
        [sys.executable, "-m", "jamd", "run", "--audio", audio, "--osc", f"127.0.0.1:{port}"],
        stdout=log.open("w"), stderr=subprocess.STDOUT, start_new_session=True, text=True,
        env=os.environ | {"JAMD_HOME": str(folder)},
    )  # fmt: skip
    daemon = Daemon(process, port, OscClient(("127.0.0.1", port)), log)
    try:
        wait_until(daemon.ready, 120, "the daemon")
    except BaseException:
        daemon.stop()
        raise
    return daemon


@pytest.fixture(scope="module")
def daemon(jack_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon on JACK that the tests of a module share; each leaves it stopped."""
    daemon = start_daemon("jack", tmp_path_factory.mktemp("home"))
    yield daemon
    daemon.client.close()
    assert daemon.stop() == 0, daemon.log.read_text()


@pytest.fixture
def still(daemon: Daemon) -> Iterator[Daemon]:
    """The daemon, silent before and after."""
    daemon.client.send("/jam/panic")
    daemon.client.send("/jam/chart", "| Dm7 | G7 |")
    daemon.client.send("/clock/tempo", 160)
    daemon.drain()
    yield daemon
    daemon.client.send("/jam/panic")
    daemon.drain()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[[str], Daemon]]:
    """Start a daemon of one's own on an output; it is stopped whatever happens."""
    daemons: list[Daemon] = []

    def start(audio: str) -> Daemon:
        daemons.append(start_daemon(audio, tmp_path))
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.client.close()
        daemon.stop()
