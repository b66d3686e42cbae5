"""Messages over sockets: order, overflow, and ends that go away."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.contract import messages as m
from jamd.contract.channel import Channel, ChannelServer, Outbox, Unpacker, pack
from jamd.contract.clock import Clock
from jamd.contract.errors import ChannelClosed
from tests.conftest import wait_until

EXAMPLES: list[m.Message] = [
    m.SetParam(name="density", value=0.25),
    m.SetClock(clock=Clock.started(5, 121.5, 3)),
    m.ClipReady(slot=1, request=2, name="x", frames=3, bars=4, tempo=5.0, seed=6, chart_text="| C |", style="", seconds_to_render=0.1,
                figures={"fit": 0.9}, tries=1),
    m.EngineState(clock=Clock.started(0, 90.0, 4), chart_text="| Cø |", chart_bar=0, chord_text=None, chord_beat=0.0,
                  params={"a": 1.0}, parts={"bass": True}, style=""),
]  # fmt: skip


@given(cuts=st.lists(st.integers(1, 50), max_size=40))
def test_messages_survive_any_cutting(cuts: list[int]) -> None:
    data = b"".join(pack(message) for message in EXAMPLES)
    unpacker, out, place = Unpacker(), [], 0
    for cut in [*cuts, len(data)]:
        out += unpacker.feed(data[place : place + cut])
        place += cut
    assert out == EXAMPLES


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\x02\x00\x00\x00\xc1\xc1", b"\x01\x00\x00\x00\x80"])
def test_garbage_closes_the_channel(data: bytes) -> None:
    with pytest.raises(ChannelClosed):
        Unpacker().feed(data)


def test_knobs_coalesce_and_adapter_events_never_drop() -> None:
    box = Outbox(limit=3)
    for value in (0.1, 0.2, 0.3):
        box.add(m.SetParam(name="density", value=value))
    box.add(m.SetParam(name="energy", value=0.5))
    assert [box.pop(), box.pop()] == [m.SetParam(name="density", value=0.3), m.SetParam(name="energy", value=0.5)]
    for bar in range(10):
        box.add(m.SetChart(text="| C |", bar=bar))
    assert len(box) == 10


def test_old_progress_makes_room() -> None:
    box = Outbox(limit=3)
    for index in range(6):
        box.add(m.EngineProgress(text=str(index), fraction=0.0))
    assert [box.pop().text for _ in range(3)] == ["3", "4", "5"]  # type: ignore[attr-defined]


def test_both_ends(tmp_path: Path) -> None:
    """A server in its own loop and thread, and a polling channel."""
    got: list[tuple[str, m.Message | None]] = []
    started, stop = threading.Event(), threading.Event()
    servers: list[ChannelServer] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        async def handler(role: str, message: m.Message | None) -> None:
            got.append((role, message))

        server = ChannelServer(tmp_path / "s", handler)
        await server.start()
        servers.append(server)
        loops.append(asyncio.get_running_loop())
        started.set()
        while not stop.is_set():
            await asyncio.sleep(0.01)
        await server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(5)
    channel = Channel.connect(tmp_path / "s", "engine")
    for message in EXAMPLES:
        channel.send(message)
    wait_until(lambda: len(got) == 1 + len(EXAMPLES), 5, "the messages")
    assert [message for _, message in got[1:]] == EXAMPLES
    assert isinstance(got[0][1], m.Hello)
    for message in EXAMPLES:
        loops[0].call_soon_threadsafe(servers[0].send, "engine", message)
    back: list[m.Message] = []
    wait_until(lambda: back.extend(channel.receive(0.1)) or len(back) == len(EXAMPLES), 5, "the answers")
    assert back == EXAMPLES
    channel.close()
    wait_until(lambda: got[-1] == ("engine", None), 5, "the farewell")
    assert not servers[0].send("engine", EXAMPLES[0])
    stop.set()
    thread.join(5)


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(ChannelClosed, match="nobody listens"):
        Channel.connect(tmp_path / "none", "engine", timeout=0.1)
