"""The control process when something in it goes wrong: it says so in a line, and everybody is still heard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jamd.contract import messages as m
from jamd.contract.config import Config, OscConfig
from jamd.contract.memory import AudioMemory
from jamd.contract.steady import SteadyChannel
from jamd.control.__main__ import Control
from jamd.control.desk import Desk
from jamd.control.midi_desk import MidiDesk
from tests.system.conftest import free_port

READY = m.EngineReady(model="small", parameters=1, device="cpu", warm_up_s=1.0, real_time_factor=0.3)


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Control]:
    """There is no other process."""
    monkeypatch.setenv("JAMD_HOME", str(tmp_path))
    memory = AudioMemory.create(f"jamd-t-faults-{free_port()}")
    one = Control(memory, tmp_path / "s", Config(osc=OscConfig(port=free_port())), tmp_path / "snapshot.json")
    monkeypatch.setattr(one.channels, "connected", lambda role: role == "engine")
    yield one
    memory.close()
    memory.unlink()


class Engine:
    """Its end of the channel."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.got: list[m.Message] = []

    async def come(self) -> None:
        path = self.control.channels._path
        self.channel = await asyncio.get_running_loop().run_in_executor(None, lambda: SteadyChannel(path, "engine", watch_parent=False))
        self.channel.send(READY)
        await self.until(lambda: self.is_ready)

    @property
    def is_ready(self) -> bool:
        return bool(self.control.session.state.engine.get("ready"))

    async def until(self, check: Callable[[], Any]) -> None:
        for _ in range(300):
            if check():
                return
            self.got += self.channel.receive(0.0)
            await asyncio.sleep(0.01)
        pytest.fail("it did not happen")

    def states(self) -> int:
        return sum(isinstance(message, m.EngineState) for message in self.got)


def play(control: Control, work: Callable[[Engine], Awaitable[None]]) -> None:
    """With an engine that is ready."""

    async def go() -> None:
        await control.channels.start()
        engine = Engine(control)
        try:
            await engine.come()
            await work(engine)
            engine.channel.close()
        finally:
            await control.channels.close()

    asyncio.run(go())


def test_an_error_with_a_message_leaves_the_engine_where_it_is(
    control: Control, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(message: m.Message) -> None:
        raise ZeroDivisionError("three by none")

    async def work(engine: Engine) -> None:
        monkeypatch.setattr(control.session.slots, "take", fail)
        engine.channel.send(m.ClipFailed(slot=0, request=1, code="x", message="y"))
        engine.channel.send(m.EngineProgress(text="after it", fraction=1.0))
        await engine.until(lambda: control.session.state.engine.get("progress") == "after it")
        assert engine.channel.connected and engine.states() == 1

    play(control, work)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "three by none" in line]
    assert "ClipFailed of engine" in line


def test_an_engine_whose_channel_broke_is_told_everything_and_is_ready_again(control: Control) -> None:
    async def work(engine: Engine) -> None:
        assert engine.states() <= 1
        await engine.until(lambda: engine.states() == 1)
        control.channels._writers["engine"].close()  # as after a message that cannot be read
        await engine.until(lambda: not engine.is_ready)
        control.session.state.style = "bossa"  # what is wished for in the meantime counts
        await engine.until(lambda: engine.is_ready and engine.states() == 2)
        assert engine.got[-1].style == "bossa"  # type: ignore[attr-defined]
        assert control.session.state.engine["model"] == "small"

    play(control, work)


def test_a_new_engine_is_not_taken_for_the_old_one(control: Control) -> None:
    async def work(engine: Engine) -> None:
        engine.channel.close()
        await asyncio.sleep(0.05)
        assert not engine.is_ready
        path = control.channels._path
        loop = asyncio.get_running_loop()
        engine.channel = await loop.run_in_executor(None, lambda: SteadyChannel(path, "engine", watch_parent=False))
        await engine.until(lambda: engine.states() == 1)
        assert not engine.is_ready

    play(control, work)


class Broken(Desk):
    def poll(self) -> None:
        raise TypeError("a broken desk")


class Counting(Desk):
    turns = 0

    def poll(self) -> None:
        self.turns += 1


def test_a_desk_that_fails_keeps_nobody_from_their_turn(control: Control, capsys: pytest.CaptureFixture[str]) -> None:
    published: list[int] = []

    async def go() -> None:
        midi, after = MidiDesk(control.session), Counting(control.session)
        control.session.desks = {"broken": Broken(control.session)} | control.session.desks
        control.session.add_desk("midi", midi)
        control.session.add_desk("after", after)
        control.osc.publish_due = lambda: published.append(after.turns)  # type: ignore[method-assign]
        poll = asyncio.create_task(control._poll(midi))
        while len(published) < 3:
            await asyncio.sleep(0.01)
            assert not poll.done()
        control.done.set()
        await poll
        assert after.turns >= 15
        midi.close()

    asyncio.run(asyncio.wait_for(go(), 20))
    lines = [line for line in capsys.readouterr().err.splitlines() if "a broken desk" in line]
    assert len(lines) == 1, "told once, not every two milliseconds"
