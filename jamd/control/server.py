"""OSC clients: packets to actions of the session, replies, errors and subscriptions.

Every fault of a client ends as `/error address code message` at its own address; nothing a client sends can stop the server.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from bridges.osc import OscMessage, build, is_pattern, matching, read_packet
from jamd import __version__
from jamd.contract.errors import JamdError, MessageError
from jamd.contract.parameters import ADDRESSES, TOPICS, describe, find
from jamd.control.session import Session

Client = tuple[str, int]
EXPIRY_S = 60.0


@dataclass
class Subscription:
    client: Client
    topic: str
    interval: float
    due: float = 0.0
    last: str = ""


@dataclass
class _Clients:
    seen: dict[str, float] = field(default_factory=dict)
    subscriptions: dict[tuple[Client, str], Subscription] = field(default_factory=dict)


class OscServer(asyncio.DatagramProtocol):
    """The UDP server."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._transport: asyncio.DatagramTransport | None = None
        self._clients = _Clients()
        self._log: deque[str] = deque(maxlen=64)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def log(self, line: str) -> None:
        """A line for those who subscribed to `log`."""
        self._log.append(line)

    def datagram_received(self, data: bytes, addr: Client) -> None:
        try:
            messages = read_packet(data)
        except MessageError as error:
            self.error(addr, "", error)
            return
        loop = asyncio.get_running_loop()
        for message in messages:
            if message.delay > 0:
                loop.call_later(message.delay, self.perform, message, addr)
            else:
                self.perform(message, addr)

    def error_received(self, exc: Exception) -> None:
        """A client's port was closed when a reply arrived: nobody is there to be told."""

    def reply(self, client: Client, address: str, *arguments: Any) -> None:
        if self._transport is not None:
            self._transport.sendto(build(address, *arguments), client)

    def error(self, client: Client, address: str, error: JamdError) -> None:
        self.reply(client, "/error", address, error.code, str(error))

    def perform(self, message: OscMessage, client: Client) -> None:
        """One message: all addresses that it matches."""
        try:
            if is_pattern(message.address):
                addresses: Sequence[str] = matching(message.address, list(ADDRESSES))
                if not addresses:
                    raise MessageError(f"no address matches {message.address}", code="address")
            else:
                addresses = (message.address,)
        except JamdError as error:
            self.error(client, message.address, error)
            return
        for address in addresses:
            try:
                self._act(address, message.arguments, client)
            except JamdError as error:
                self.error(client, address, error)
            except Exception as error:  # a fault of ours: the client is told, the daemon lives
                self.error(client, address, JamdError(f"{type(error).__name__}: {error}", code="internal"))

    def _act(self, address: str, values: Sequence[Any], client: Client) -> None:
        route, _ = find(address)
        own: dict[str, Callable[..., None]] = {
            "ping": self._ping,
            "describe": self._describe,
            "status": self._status,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
        }
        if route.action in own:
            own[route.action](client, *route.check(values, address))
            return
        value = self.session.perform(address, values)
        if value is not None:
            self.reply(client, address, *(value if isinstance(value, tuple) else (value,)))

    # --- answers --------------------------------------------------------------------------------------------------------

    def _ping(self, client: Client) -> None:
        self._clients.seen[client[0]] = time.monotonic()
        self.reply(client, "/pong", "jamd", __version__, self.session.uptime_ms)

    def _describe(self, client: Client, address: str | None) -> None:
        for name, text in describe(address):
            self.reply(client, "/describe", name, text)

    def _status(self, client: Client) -> None:
        self.reply(client, "/status", json.dumps(self.session.status()))

    def _subscribe(self, client: Client, topic: str, interval_ms: int | None, port: int | None) -> None:
        target = (client[0], port) if port else client
        now = time.monotonic()
        self._clients.seen[client[0]] = now
        for name in TOPICS[:-1] if topic == "all" else (topic,):
            subscription = Subscription(target, name, (interval_ms or 100) / 1000)
            self._clients.subscriptions[target, name] = subscription
            self._publish(subscription, now, first=True)

    def _unsubscribe(self, client: Client, topic: str) -> None:
        names = TOPICS[:-1] if topic == "all" else (topic,)
        for key in list(self._clients.subscriptions):
            if key[0][0] == client[0] and key[1] in names:
                del self._clients.subscriptions[key]

    # --- subscriptions --------------------------------------------------------------------------------------------------

    def _view(self, topic: str) -> Any:
        session = self.session
        views: dict[str, Callable[[], Any]] = {
            "clock": session.transport.view,
            "meters": session.audio_view,
            "slots": session.slots.view,
            "adapters": session.adapters.view,
            "engine": lambda: session.state.engine | {"jam": session.band.view()},
            "params": session.params_view,
            "record": session.recording.view,
            "midi": session.midi_view,
            "log": lambda: list(self._log)[-1] if self._log else "",
        }
        return views[topic]()

    def _publish(self, subscription: Subscription, now: float, first: bool = False) -> None:
        subscription.due = now + subscription.interval
        text = json.dumps(self._view(subscription.topic))
        if first or text != subscription.last:
            subscription.last = text
            self.reply(subscription.client, f"/{subscription.topic}", text)

    def publish_due(self) -> None:
        """Send what is due; drop who has not pinged for a minute."""
        now = time.monotonic()
        for key, subscription in list(self._clients.subscriptions.items()):
            if now - self._clients.seen.get(key[0][0], 0.0) > EXPIRY_S:
                del self._clients.subscriptions[key]
            elif now >= subscription.due:
                self._publish(subscription, now)
