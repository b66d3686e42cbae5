"""A channel to control that outlives it: when control has died, its successor is found again at the same socket.

Meanwhile nothing waits: what must not be lost is kept, the rest is dropped, and the music goes on. It gives up only when the process
that started this one has gone.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from jamd.contract.channel import Channel, Outbox
from jamd.contract.errors import ChannelClosed
from jamd.contract.messages import Message, Overflow

TRY_S: Final = 0.05


class SteadyChannel:
    """As `Channel`, for a role of the daemon. One thread.

    Args:
        watch_parent: give up when the parent process has changed.

    Raises:
        ChannelClosed: nobody listens, at the first time.
    """

    def __init__(self, path: str | Path, role: str, *, watch_parent: bool = True, timeout: float = 10.0) -> None:
        self._path = path
        self._role = role
        self._parent = os.getppid() if watch_parent else None
        self._kept = Outbox()
        self._try_at = 0.0
        self._channel: Channel | None = Channel.connect(path, role, timeout)

    @property
    def connected(self) -> bool:
        return self._channel is not None

    def send(self, message: Message) -> None:
        """Pass on or keep a message. Never blocks."""
        if self._channel is not None:
            try:
                self._channel.send(message)
                return
            except ChannelClosed:
                self._lost()
        if message.overflow is not Overflow.DROP_OLDEST:
            self._kept.add(message)

    def receive(self, timeout: float = 0.0) -> list[Message]:
        """What has come in.

        Raises:
            ChannelClosed: the parent process has gone.
        """
        if self._channel is None and not self._find():
            time.sleep(min(timeout, TRY_S))
            return []
        assert self._channel is not None
        try:
            return self._channel.receive(timeout)
        except ChannelClosed:
            self._lost()
            return []

    def _lost(self) -> None:
        if self._channel is not None:
            self._channel.close()
        self._channel = None

    def _find(self) -> bool:
        if self._parent is not None and os.getppid() != self._parent:
            raise ChannelClosed("the daemon has gone")
        if time.monotonic() < self._try_at:
            return False
        self._try_at = time.monotonic() + TRY_S
        try:
            self._channel = Channel.connect(self._path, self._role, timeout=0.0, fresh=False)
            while self._channel is not None and len(self._kept):
                self._channel.send(self._kept.pop())
        except ChannelClosed:
            self._lost()
        return self._channel is not None

    def close(self) -> None:
        self._lost()
