"""One socket for what is said to jamd and what comes back. Needs python-osc."""

from __future__ import annotations

import json
import socket
import sys
import time
from typing import Any

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder


class Jamd:
    """A running daemon: `jamd run`."""

    def __init__(self, port: int = 9120, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((host, port))

    def say(self, address: str, *arguments: int | float | str) -> None:
        builder = OscMessageBuilder(address=address)
        for argument in arguments:
            builder.add_arg(argument)
        try:
            self.socket.send(builder.build().dgram)
        except ConnectionRefusedError:
            sys.exit("nobody hears at this port: is jamd running? (jamd run)")

    def hear(self, timeout: float = 2.0) -> OscMessage | None:
        """The next message, or None when the time is over; what could not be done comes as `/error address code message`."""
        self.socket.settimeout(max(timeout, 0.001))
        try:
            return OscMessage(self.socket.recv(65536))
        except (TimeoutError, ConnectionRefusedError):
            return None

    def ask(self, address: str, timeout: float = 2.0) -> Any:
        """What comes back on the same address; JSON is read.

        Raises:
            TimeoutError: nothing came.
        """
        self.say(address)
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            message = self.hear(left)
            if message is not None and message.address == address:
                return json.loads(message.params[0]) if address == "/status" else message.params[0]
        raise TimeoutError(f"no reply to {address}: is jamd running?")
