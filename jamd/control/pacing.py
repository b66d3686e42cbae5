"""What goes to the engine and the audio process, at a pace they can keep while they play.

As long as little is sent, all of it goes at once. In a flood, wishes wait, and of those that replace each other only the newest: so
nothing here can grow, and the last word is always heard.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from jamd.contract import messages as m
from jamd.control.guard import Bucket

Send = Callable[[str, m.Message], bool]
RATE: Final = 500.0
"""Of costs, a second."""
COSTS: Final[dict[type[m.Message], float]] = {
    m.SetParam: 1.0, m.SetPart: 5.0, m.SetClock: 5.0, m.SetChart: 5.0, m.SetChord: 5.0, m.SetStyle: 5.0, m.SetTrade: 5.0,
    m.RenderClip: 5.0, m.SetLatency: 10.0,
}  # fmt: skip
JAM: Final = (m.JamStart, m.JamStop, m.Panic)


def key_of(message: m.Message) -> str:
    """Messages of one key replace each other."""
    match message:
        case m.SetParam() | m.SetPart():
            return f"{type(message).__name__} {message.name}"
        case m.RenderClip():
            return f"RenderClip {message.slot}"
    return type(message).__name__


class Pacing:
    """Between the session and the channels.

    Args:
        send: passes a message to a role; False if that process is not there.
    """

    def __init__(self, send: Send, clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        self._waiting: dict[str, dict[str, m.Message]] = {}
        self._budgets: dict[str, Bucket] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def send(self, role: str, message: m.Message) -> bool:
        """Pass on, or keep until its time; False if the process is not there."""
        waiting = self._waiting.setdefault(role, {})
        paced = type(message) in COSTS or isinstance(message, JAM)
        if not paced or (not waiting and self._may(role, message)):
            return self._send(role, message)
        key = key_of(message)
        if isinstance(message, JAM):  # the order of starts and ends counts, that of wishes does not
            waiting.pop(key, None)
        if isinstance(message, m.Panic):
            for other in [one for one in waiting if one.startswith(("Jam", "RenderClip"))]:
                del waiting[other]
        waiting[key] = message
        return True

    def _may(self, role: str, message: m.Message) -> bool:
        if role not in self._budgets:
            self._budgets[role] = Bucket(RATE, self._clock())
        return self._budgets[role].take(COSTS.get(type(message), 0.0), self._clock())

    def forget(self, role: str) -> None:
        """The process has gone, or is told everything anew."""
        self._waiting.pop(role, None)

    def poll(self) -> None:
        """Every few milliseconds: what has waited."""
        for role, waiting in self._waiting.items():
            while waiting:
                key, message = next(iter(waiting.items()))
                if not self._may(role, message):
                    break
                del waiting[key]
                if not self._send(role, message):
                    waiting.clear()
