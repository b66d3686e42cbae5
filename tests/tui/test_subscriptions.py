"""What a dashboard subscribes to, beside a daemon that is played: a full table, an older daemon, the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bridges.osc import build, read_packet
from tests.tui.conftest import until
from tui import connection
from tui.connection import Connection
from tui.state import State
from tui.topics import TOPICS

EMPTY = {"slots": "[]", "learn": "[]", "log": '""'}


class Table(asyncio.DatagramProtocol):
    """A daemon's table of subscriptions; `answers` says what a subscription is refused with, if it is."""

    def __init__(self, answers: Callable[[str], str]) -> None:
        self.answers = answers
        self.taken: set[str] = set()
        self.asked: list[str] = []
        self.ended: list[tuple[Any, ...]] = []
        self.client = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.client = addr[1]
        for message in read_packet(data):
            if message.address == "/ping":
                self.transport.sendto(build("/pong", "jamd", "1", 1000), addr)
            elif message.address == "/unsubscribe":
                self.ended.append(message.arguments)
            elif message.address == "/subscribe":
                topic = message.arguments[0]
                self.asked.append(topic)
                code = self.answers(topic)
                if code:
                    self.transport.sendto(build("/error", "/subscribe", code, f"no {topic}"), addr)
                else:
                    self.taken.add(topic)
                    self.transport.sendto(build(f"/{topic}", EMPTY.get(topic, "{}")), addr)


@asynccontextmanager
async def connected(answers: Callable[[str], str]) -> AsyncIterator[tuple[Table, Connection, State]]:
    loop = asyncio.get_running_loop()
    transport, table = await loop.create_datagram_endpoint(lambda: Table(answers), local_addr=("127.0.0.1", 0))
    state = State()
    one = Connection(transport.get_extra_info("sockname"), state.take, state.set_link)
    one.start()
    try:
        await until(lambda: state.link == "connected", "the connection")
        yield table, one, state
    finally:
        await one.close()
        transport.close()


def test_a_full_table_is_told_of_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PING_S", 0.05)
    monkeypatch.setattr(connection, "REFUSED_S", 0.2)
    full = True

    async def go() -> None:
        nonlocal full
        async with connected(lambda topic: "overload" if full and topic not in ("clock", "log") else "") as (table, one, state):
            await until(lambda: table.asked.count("engine") >= 3, "that it asks again")
            assert table.asked.count("clock") == 1, "what comes is not asked for again"
            assert [error[1] for error in state.errors] == ["overload"], "people are told once"
            full = False
            await until(lambda: table.taken == set(TOPICS), "all topics")
            await until(lambda: not one._silent, "that all have come")

    asyncio.run(go())


def test_an_older_daemon_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PING_S", 0.05)

    async def go() -> None:
        async with connected(lambda topic: "range" if topic == "learn" else "") as (table, _, state):
            await until(lambda: len(table.asked) >= len(TOPICS), "the round")
            await asyncio.sleep(0.3)
            assert table.asked.count("learn") == 1 and not state.errors

    asyncio.run(go())


def test_the_end_is_told() -> None:
    async def go() -> None:
        async with connected(lambda _: "") as (table, one, _):
            await until(lambda: table.taken == set(TOPICS), "all topics")
            await one.close()
            await until(lambda: table.ended, "the end")
            assert table.ended == [("all", table.client)], "its own subscriptions, and nobody else's"

    asyncio.run(go())
