"""Who wants to hear of changes: the value at once, then whenever it is another, until they have not pinged for a minute."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from jamd.contract.errors import MessageError
from jamd.contract.parameters import TOPICS
from jamd.control.session import Session

Client = tuple[str, int]
EXPIRY_S: Final = 60.0
MOST: Final = 256
"""Subscriptions, of all clients together."""
HOSTS: Final = 256


def as_json(value: Any) -> str:
    return json.dumps(value)


@dataclass
class Subscription:
    client: Client
    topic: str
    interval: float
    due: float = 0.0
    last: str = ""


class Subscribers:
    """Subscriptions and what they are sent.

    Args:
        reply: sends (client, address, arguments).
    """

    def __init__(self, session: Session, reply: Callable[..., None]) -> None:
        self._session = session
        self._reply = reply
        self._seen: dict[str, float] = {}
        self._subscriptions: dict[tuple[Client, str], Subscription] = {}
        self._log: deque[str] = deque(maxlen=64)

    def __len__(self) -> int:
        return len(self._subscriptions)

    def log(self, line: str) -> None:
        self._log.append(line[:1024])

    def seen(self, client: Client) -> None:
        """A host has shown that it is there. Of too many, those that have subscribed to nothing are forgotten."""
        if client[0] not in self._seen and len(self._seen) >= HOSTS:
            hosts = {key[0][0] for key in self._subscriptions}
            self._seen = {host: at for host, at in self._seen.items() if host in hosts}
        self._seen[client[0]] = time.monotonic()

    def add(self, client: Client, topic: str, interval_ms: int | None, port: int | None) -> None:
        """
        Raises:
            MessageError: code `overload`, there are too many.
        """
        target = (client[0], port) if port else client
        names = TOPICS[:-1] if topic == "all" else (topic,)
        new = sum((target, name) not in self._subscriptions for name in names)
        if len(self._subscriptions) + new > MOST:
            raise MessageError(f"there are {len(self._subscriptions)} subscriptions, and at most {MOST}", code="overload")
        now = time.monotonic()
        self.seen(client)
        for name in names:
            subscription = Subscription(target, name, (interval_ms or 100) / 1000)
            self._subscriptions[target, name] = subscription
            self._publish(subscription, as_json(self._view(name)), now, first=True)

    def remove(self, client: Client, topic: str) -> None:
        names = TOPICS[:-1] if topic == "all" else (topic,)
        for key in list(self._subscriptions):
            if key[0][0] == client[0] and key[1] in names:
                del self._subscriptions[key]

    def _view(self, topic: str) -> Any:
        session = self._session
        views: dict[str, Callable[[], Any]] = {
            "clock": session.transport.view,
            "meters": session.audio_view,
            "slots": session.slots.view,
            "adapters": session.adapters.view,
            "learn": session.learning.view,
            "engine": lambda: session.state.engine | {"jam": session.band.view()},
            "params": session.params_view,
            "record": session.recording.view,
            "midi": session.midi_view,
            "log": lambda: self._log[-1] if self._log else "",
        }
        return views[topic]()

    def _publish(self, subscription: Subscription, text: str, now: float, first: bool = False) -> None:
        subscription.due = now + subscription.interval
        if first or text != subscription.last:
            subscription.last = text
            self._reply(subscription.client, f"/{subscription.topic}", text)

    def publish_due(self) -> None:
        """Send what is due, every view made once; drop who has not pinged for a minute."""
        now = time.monotonic()
        texts: dict[str, str] = {}
        for key, subscription in list(self._subscriptions.items()):
            if now - self._seen.get(key[0][0], 0.0) > EXPIRY_S:
                del self._subscriptions[key]
            elif now >= subscription.due:
                topic = subscription.topic
                if topic not in texts:
                    texts[topic] = as_json(self._view(topic))
                self._publish(subscription, texts[topic], now)
