"""The way to the daemon: OSC over UDP, subscriptions that are kept alive, a loss that is noticed and mends itself.

A daemon that is not there, or no longer, answers no `/ping`; one that has come anew counts its time from the beginning. In both cases all
topics are subscribed to afresh, and so are those of which nothing comes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from bridges.osc import build, read_packet
from jamd.contract.errors import MessageError
from tui.state import LinkState
from tui.topics import TOPICS

INTERVALS_MS: Final = {"clock": 30, "meters": 30, "params": 30, "takes": 500}
OTHERS_MS: Final = 100
PING_S: Final = 1.0
RETRY_S: Final = 0.5
"""Between attempts while there is no connection."""
LOST_S: Final = 3.0
"""Without a word the connection is lost."""
_ONE_STRING: Final = b",s\0\0"
REFUSED_S: Final = 3.0
"""Between attempts to subscribe while there are too many subscriptions."""
REOPEN_S: Final = 5.0
"""Between sockets while there is no connection: that of a network which has gone may stay deaf."""


def read_text(data: bytes) -> tuple[str, bytes]:
    """(address without its slash, text) of a packet that is one message with one string; both empty of any other."""
    at = data.find(_ONE_STRING)
    if at <= 0 or at % 4 or data[:1] != b"/":
        return "", b""
    return data[1:at].rstrip(b"\0").decode("ascii", "replace"), data[at + 4 :].rstrip(b"\0")


class Connection(asyncio.DatagramProtocol):
    """Talks to one daemon.

    Args:
        endpoint: (host, port).
        hear: called with (address, arguments) of every message.
        changed: called when the connection is another than before.
    """

    def __init__(
        self, endpoint: tuple[str, int], hear: Callable[[str, tuple[Any, ...]], None], changed: Callable[[LinkState], None]
    ) -> None:
        self.endpoint = endpoint
        self.link: LinkState = "connecting"
        self._hear = hear
        self._changed = changed
        self._transport: asyncio.DatagramTransport | None = None
        self._task: asyncio.Task[None] | None = None
        self._silent: set[str] = set(TOPICS)
        """Topics of which nothing has come since the last round of subscriptions."""
        self._ask_at = 0.0
        """When to ask again for what was refused, because there are too many subscriptions; 0: nothing was."""
        self._heard_at = self._topic_at = time.monotonic()
        self._opened_at = 0.0
        self._uptime_ms = 0

    def start(self) -> None:
        """Connect, and stay connected, in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._close_socket()

    def send(self, address: str, *arguments: Any) -> bool:
        """One message; False if there is no way to send it.

        Raises:
            MessageError: a value that OSC cannot carry.
        """
        data = build(address, *arguments)
        if self._transport is None or self._transport.is_closing():
            return False
        self._transport.sendto(data)
        return True

    # --- what comes -----------------------------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: Any) -> None:
        topic, text = read_text(data)
        if topic in TOPICS:  # nearly always
            self._heard_at = self._topic_at = time.monotonic()
            self._silent.discard(topic)
            self._hear(f"/{topic}", (text,))
            return
        try:
            messages = read_packet(data)
        except MessageError:  # not from a daemon
            return
        self._heard_at = time.monotonic()
        for message in messages:
            topic = message.address[1:]
            if topic in TOPICS:
                self._silent.discard(topic)
                self._topic_at = self._heard_at
            elif message.address == "/pong" and len(message.arguments) == 3:
                self._pong(message.arguments[2])
            elif message.address == "/error" and message.arguments[:1] == ("/subscribe",) and not self._refused(*message.arguments[1:2]):
                continue
            self._hear(message.address, message.arguments)

    def _refused(self, code: Any = "") -> bool:
        """A subscription was not taken. Returns whether people are to be told."""
        if code == "range":
            self._silent = set()  # an older daemon does not know all topics
            return False
        is_news = not self._ask_at
        self._ask_at = time.monotonic() + REFUSED_S
        return is_news

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there, or the way is barred."""
        self._set("lost")

    def _pong(self, uptime_ms: Any) -> None:
        is_new = not isinstance(uptime_ms, int) or uptime_ms < self._uptime_ms
        self._uptime_ms = uptime_ms if isinstance(uptime_ms, int) else 0
        if self.link != "connected" or is_new:
            self._silent = set(TOPICS)
            self._set("connected")
            self._subscribe()

    # --- what is done in time -------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        while True:
            now = time.monotonic()
            if now - self._heard_at > LOST_S:
                self._set("lost")
            if self._transport is None or self._transport.is_closing() or (self.link != "connected" and now - self._opened_at > REOPEN_S):
                await self._open()
            elif self.link == "connected":
                if now - self._topic_at > LOST_S:  # it has forgotten us: we were stopped for a while
                    self._silent = set(TOPICS)
                    self._topic_at = now
                self._subscribe()
            self.send("/ping")
            await asyncio.sleep(PING_S if self.link == "connected" else RETRY_S)

    async def _open(self) -> None:
        self._close_socket()
        self._opened_at = time.monotonic()
        try:
            self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, remote_addr=self.endpoint)
        except OSError:  # no such host for now
            self._set("lost")

    def _close_socket(self) -> None:
        """Its subscriptions end with it; they alone, for with its port they are named."""
        if self._transport is not None:
            name = self._transport.get_extra_info("sockname")
            if name is not None:
                self.send("/unsubscribe", "all", name[1])
            self._transport.close()
            self._transport = None

    def _subscribe(self) -> None:
        """To all topics of which nothing has come."""
        if not self._silent:
            self._ask_at = 0.0
        if time.monotonic() < self._ask_at:
            return
        for topic in TOPICS:
            if topic in self._silent:
                self.send("/subscribe", topic, INTERVALS_MS.get(topic, OTHERS_MS))

    def _set(self, link: LinkState) -> None:
        if link != self.link:
            self.link = link
            self._changed(link)
