"""A small OSC client over UDP for the command line, scripts and tests."""

from __future__ import annotations

import socket
import time
from typing import Any

from bridges.osc import OscMessage, build, read_packet
from jamd.contract.errors import FailureError, UsageError


def parse_endpoint(text: str) -> tuple[str, int]:
    """HOST:PORT or PORT.

    Raises:
        UsageError: neither.
    """
    host, _, port = text.rpartition(":")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"{text!r} is not HOST:PORT")
    return host or "127.0.0.1", int(port)


class OscClient:
    """Sends to one server and hears its replies."""

    def __init__(self, endpoint: tuple[str, int]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1" if endpoint[0] in ("127.0.0.1", "localhost") else "", 0))
        self._endpoint = endpoint

    def send(self, address: str, *arguments: Any) -> None:
        self._socket.sendto(build(address, *arguments), self._endpoint)

    def send_raw(self, data: bytes) -> None:
        self._socket.sendto(data, self._endpoint)

    def receive(self, timeout: float) -> OscMessage | None:
        """The next message, or None when the time is over or the server is not there."""
        self._socket.settimeout(max(timeout, 0.001))
        try:
            return read_packet(self._socket.recv(65536))[0]
        except (TimeoutError, ConnectionRefusedError):
            return None

    def ask(self, address: str, *arguments: Any, expect: str | None = None, timeout: float = 2.0) -> OscMessage:
        """Send and wait for the reply on `expect` (the same address if not given), or on /error.

        Raises:
            FailureError: no reply in time.
        """
        self.send(address, *arguments)
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            message = self.receive(left)
            if message is not None and message.address in (expect or address, "/error"):
                return message
        raise FailureError(f"no reply from {self._endpoint[0]}:{self._endpoint[1]} to {address}", code="timeout")

    def close(self) -> None:
        self._socket.close()
