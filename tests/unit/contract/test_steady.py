"""A channel that outlives control."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from jamd.contract import messages as m
from jamd.contract.channel import ChannelServer
from jamd.contract.errors import ChannelClosed
from jamd.contract.steady import SteadyChannel
from tests.conftest import wait_until


class Server:
    """Control's side, in a thread, that can be ended and begun again."""

    def __init__(self, path: Path) -> None:
        self.heard: list[tuple[str, m.Message | None]] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(path,), daemon=True)
        self._thread.start()
        assert self._ready.wait(5)

    def _run(self, path: Path) -> None:
        async def go() -> None:
            self.loop, self.done = asyncio.get_running_loop(), asyncio.Event()

            async def take(role: str, message: m.Message | None) -> None:
                self.heard.append((role, message))

            self.server = ChannelServer(path, take)
            await self.server.start()
            self._ready.set()
            await self.done.wait()
            await self.server.close()

        asyncio.run(go())

    def send(self, message: m.Message) -> None:
        self.loop.call_soon_threadsafe(self.server.send, "engine", message)

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.done.set)
        self._thread.join(5)


def test_nothing_that_matters_is_lost_between_two_controls(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    first = Server(path)
    channel = SteadyChannel(path, "engine")
    wait_until(lambda: first.heard, 5, "hello")
    hello = first.heard[0][1]
    assert isinstance(hello, m.Hello) and hello.fresh
    first.end()
    wait_until(lambda: channel.receive() == [] and not channel.connected, 5, "the loss")
    kept = m.ClipFailed(slot=1, request=2, code="x", message="kept")
    channel.send(m.EngineProgress(text="may go", fraction=0.0))
    channel.send(kept)
    second = Server(path)

    def told() -> bool:
        channel.receive(0.01)
        return len(second.heard) >= 2

    wait_until(told, 5, "the return")
    assert [message for _, message in second.heard[1:]] == [kept]
    again = second.heard[0][1]
    assert isinstance(again, m.Hello) and not again.fresh
    second.send(m.Shutdown())
    wait_until(lambda: channel.receive(0.05) == [m.Shutdown()], 5, "a message of the second")
    second.end()
    channel.close()


def test_it_gives_up_when_its_parent_has_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "socket"
    server = Server(path)
    channel = SteadyChannel(path, "audio")
    wait_until(lambda: server.heard, 5, "hello")
    server.end()
    monkeypatch.setattr("os.getppid", lambda: 0)  # whoever runs the tests may be 1

    def gone() -> bool:
        try:
            channel.receive(0.01)
        except ChannelClosed:
            return True
        return False

    wait_until(gone, 5, "the end")


def test_nobody_there_at_first(tmp_path: Path) -> None:
    with pytest.raises(ChannelClosed):
        SteadyChannel(tmp_path / "none", "audio", timeout=0.1)
