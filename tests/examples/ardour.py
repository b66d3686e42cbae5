"""A real Ardour without a display, as examples/ardour/headless.sh starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import jack
import psutil

from bridges.osc import build

EXAMPLES = Path(__file__).parents[2] / "examples"


class Ardour:
    """`hardour` on a session of its own; its OSC is on UDP 3819, or on the next port that is free."""

    PORTS = range(3819, 3840)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "ardour.log"
        self.process = subprocess.Popen(
            ["bash", str(EXAMPLES / "ardour" / "headless.sh"), str(folder), "jam"], stdin=subprocess.DEVNULL,
            stdout=self.log.open("w"), stderr=subprocess.STDOUT, start_new_session=True, env=os.environ | {"HOME": str(folder)},
        )  # fmt: skip
        self.port = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.2)

    def say(self, address: str, *values: Any) -> None:
        self.socket.sendto(build(address, *values), ("127.0.0.1", self.port))

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        sockets = psutil.Process(self.process.pid).net_connections("udp")
        self.port = next((s.laddr.port for s in sockets if s.laddr.port in self.PORTS), 0)
        if not self.port:
            return False
        self.say("/set_surface", 0, 159, 16, 0, 0, 0, 0)
        try:
            self.socket.recv(65536)
        except (TimeoutError, ConnectionRefusedError):
            return False
        return True

    def obeys(self, transport: jack.Client) -> bool:
        """hardour means to play as soon as it is up. An xrun in that moment can leave it deaf to play and stop for good."""

        def becomes(state: Any, seconds: float) -> bool:
            deadline = time.monotonic() + seconds
            while transport.transport_state != state and time.monotonic() < deadline:
                time.sleep(0.02)
            return bool(transport.transport_state == state)

        if not becomes(jack.ROLLING, 4):
            transport.transport_start()
        for address, state in (("/transport_stop", jack.STOPPED), ("/transport_play", jack.ROLLING), ("/transport_stop", jack.STOPPED)):
            self.say(address)
            if not becomes(state, 3):
                return False
        return True

    def close(self) -> None:
        """Ends it: by the group, for the script has become hardour."""
        self.socket.close()
        if self.process.poll() is None:
            os.killpg(self.process.pid, 15)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, 9)
                self.process.wait(timeout=10)
