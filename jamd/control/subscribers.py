"""Who wants to hear of changes: the value at once, then whenever it is another, until they have not pinged for a minute.

Of the log every line is sent, not only the last one.

A subscription belongs to an address and port: that from which it was asked for, and that to which it goes, if another port was named. What
comes from either keeps it alive, or ends it. Programs that have a new port for every message (`oscsend`) have to name one to hear anything;
for those, whatever comes from the host keeps it alive.
"""

from __future__ import annotations

import json
import re
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
LINES: Final = 64
"""Of the log that are kept for those who are told of them now and then."""

FRAME: Final = re.compile(r'"frame": \d+')


def as_json(value: Any) -> str:
    return json.dumps(value)


@dataclass
class Subscription:
    client: Client
    """To whom it goes."""
    owner: Client
    """Who asked for it."""
    topic: str
    interval: float
    due: float = 0.0
    last: str = ""
    logged: int = 0
    """Of `log`: how many lines there had been when it was told last."""

    @property
    def is_named(self) -> bool:
        """Another port than the sender's own was named."""
        return self.client != self.owner

    @property
    def keepers(self) -> tuple[Client, ...]:
        """Who keeps it alive; port 0 is any."""
        return (self.client, self.owner, (self.client[0], 0)) if self.is_named else (self.client,)


class Subscribers:
    """Subscriptions and what they are sent.

    Args:
        reply: sends (client, address, arguments).
    """

    def __init__(self, session: Session, reply: Callable[..., None]) -> None:
        self._session = session
        self._reply = reply
        self._seen: dict[Client, float] = {}
        """When those who keep a subscription alive were heard last."""
        self._subscriptions: dict[tuple[Client, str], Subscription] = {}
        self._log: deque[str] = deque(maxlen=LINES)
        self._logged = 0
        """Lines of the log since the start."""

    def __len__(self) -> int:
        return len(self._subscriptions)

    def log(self, line: str) -> None:
        self._log.append(line[:1024])
        self._logged += 1

    def seen(self, client: Client) -> None:
        """Somebody has shown that they are there."""
        now = time.monotonic()
        for keeper in (client, (client[0], 0)):
            if keeper in self._seen:
                self._seen[keeper] = now

    def add(self, client: Client, topic: str, interval_ms: int | None, port: int | None) -> None:
        """
        Raises:
            MessageError: code `overload`, there are too many.
        """
        target: Client = (client[0], port, *client[2:]) if port else client  # type: ignore[assignment]  # IPv6 has more behind the port
        names = TOPICS[:-1] if topic == "all" else (topic,)
        new = sum((target, name) not in self._subscriptions for name in names)
        if len(self._subscriptions) + new > MOST:
            raise MessageError(f"there are {len(self._subscriptions)} subscriptions, and at most {MOST}", code="overload")
        now = time.monotonic()
        for name in names:
            subscription = Subscription(target, client, name, (interval_ms or 100) / 1000, logged=self._logged)
            self._subscriptions[target, name] = subscription
            self._seen |= dict.fromkeys(subscription.keepers, now)
            self._publish(subscription, as_json(self._view(name, subscription)), now, first=True)

    def remove(self, client: Client, topic: str, port: int | None = None) -> None:
        """End what a client has subscribed to, or what goes to a port of its host."""
        names = TOPICS[:-1] if topic == "all" else (topic,)
        mine = [one for one in self._subscriptions.values() if one.client[0] == client[0] and one.topic in names]
        if port:
            chosen = [one for one in mine if one.client[1] == port]
        elif any(client in (one.client, one.owner) for one in self._subscriptions.values()):
            chosen = [one for one in mine if client in (one.client, one.owner)]
        else:
            chosen = [one for one in mine if one.is_named]
        self._end(chosen)

    def _end(self, subscriptions: list[Subscription]) -> None:
        for one in subscriptions:
            del self._subscriptions[one.client, one.topic]
            if one.topic == "meters":
                self._session.meters.forget(one.client)
        if subscriptions:
            keepers = {keeper for one in self._subscriptions.values() for keeper in one.keepers}
            self._seen = {keeper: at for keeper, at in self._seen.items() if keeper in keepers}

    def _view(self, topic: str, subscription: Subscription) -> Any:
        session = self._session
        views: dict[str, Callable[[], Any]] = {
            "clock": session.transport.view,
            "meters": lambda: session.audio_view(subscription.client),
            "slots": session.slots.view,
            "adapters": session.adapters.view,
            "learn": session.learning.view,
            "engine": lambda: session.engine_view() | {"jam": session.band.view()},
            "params": session.params_view,
            "record": session.recording.view,
            "takes": session.recording.takes_view,
            "midi": session.midi_view,
            "log": lambda: self._log[-1] if self._log else "",
        }
        return views[topic]()

    def _publish(self, subscription: Subscription, text: str, now: float, first: bool = False) -> None:
        subscription.due = now + subscription.interval
        mark = text
        if subscription.topic == "clock" and not self._session.state.clock.playing:  # frames pass all the time
            mark = FRAME.sub("", text)
        if first or mark != subscription.last:
            subscription.last = mark
            self._reply(subscription.client, f"/{subscription.topic}", text)

    def _publish_log(self, subscription: Subscription, now: float) -> None:
        """Every line since the last time, of those that are kept, in a message of its own."""
        subscription.due = now + subscription.interval
        new = min(self._logged - subscription.logged, len(self._log))
        subscription.logged = self._logged
        for line in list(self._log)[len(self._log) - new :] if new else ():
            self._reply(subscription.client, "/log", as_json(line))

    def publish_due(self) -> None:
        """Send what is due, every view but the meters made once; drop who has not pinged for a minute."""
        now = time.monotonic()
        texts: dict[str, str] = {}
        silent = []
        for subscription in self._subscriptions.values():
            if now - max(self._seen.get(keeper, 0.0) for keeper in subscription.keepers) > EXPIRY_S:
                silent.append(subscription)
            elif now >= subscription.due:
                topic = subscription.topic
                if topic == "log":
                    self._publish_log(subscription, now)
                    continue
                if topic == "meters":
                    text = as_json(self._view(topic, subscription))
                else:
                    text = texts.get(topic) or texts.setdefault(topic, as_json(self._view(topic, subscription)))
                self._publish(subscription, text, now)
        self._end(silent)
