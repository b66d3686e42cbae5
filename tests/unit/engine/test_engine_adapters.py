"""Adapters in the engine while nothing plays."""

from __future__ import annotations

import uuid
from pathlib import Path

from jamd.contract import messages as m
from jamd.contract.clock import Clock
from jamd.contract.memory import AudioMemory
from jamd.engine.adapters import EngineAdapters
from jamd.engine.loop import Engine
from tests.unit.model.adapters.rig import tiny_models, write_random

LATER = 1 << 40
"""A frame that never comes."""


def test_without_music_nothing_waits_and_nothing_fades(tmp_path: Path) -> None:
    models = tiny_models(True)
    said: list[m.Message] = []
    adapters = EngineAdapters(models, said.append)
    adapters.load_now({name: str(write_random(tmp_path, models, name, seed)) for seed, name in enumerate(("ann", "bo"))})

    def states() -> dict[str, str]:
        adapters.poll()
        return {one.name: one.state for one in said if isinstance(one, m.AdapterEvent)}

    for chosen in ("ann", "bo", "ann", ""):
        adapters.use([(chosen, 1.0)] if chosen else [], LATER)
        adapters.settle()
        assert states() == {name: "active" if name == chosen else "ready" for name in ("ann", "bo")}
        assert not adapters.rack.fading
    adapters.use([("bo", 0.5)], LATER)
    adapters.settle()
    adapters.use([("bo", 0.7)], LATER)
    adapters.settle()
    assert adapters.rack.active == [("bo", 0.7)] and not adapters.rack.fading
    adapters.close()


def test_the_strength_of_all_waits_for_no_bar_and_hurries_no_set(tmp_path: Path) -> None:
    models = tiny_models(True)
    adapters = EngineAdapters(models, lambda _: None)
    adapters.load_now({name: str(write_random(tmp_path, models, name, seed)) for seed, name in enumerate(("ann", "bo"))})
    adapters.use([("ann", 1.0)], 0)
    assert adapters.before_step(0)
    adapters.rack.settle()
    adapters.use([("bo", 1.5), ("ann", 0.5)], 640)
    adapters.strength(0.5)
    assert adapters.before_step(0) and adapters.rack.active == [("ann", 0.5)], "louder or softer at once"
    assert not adapters.before_step(0)
    adapters.strength(2.0)
    assert adapters.before_step(0) and adapters.rack.active == [("ann", 2.0)]
    assert adapters.chosen == [("bo", 1.5), ("ann", 0.5)]
    assert adapters.before_step(1) and adapters.rack.active == [("bo", 2.0), ("ann", 1.0)], "2 is the most for one of them"
    adapters.close()


def test_the_one_that_plays_gets_another_strength_on_the_bar(tmp_path: Path) -> None:
    models = tiny_models(True)
    adapters = EngineAdapters(models, lambda _: None)
    adapters.load_now({"ann": str(write_random(tmp_path, models, "ann", 1))})
    adapters.use([("ann", 1.0)], 0)
    adapters.before_step(0)
    adapters.rack.settle()
    adapters.use([("ann", 0.25)], 640)
    assert not adapters.before_step(0) and adapters.rack.active == [("ann", 1.0)]
    assert adapters.before_step(1) and adapters.rack.active == [("ann", 0.25)]
    adapters.close()


def test_strength_between_changes_that_follow_fast(tmp_path: Path) -> None:
    """A third set comes before the first has faded: the second is never heard, and its strength is nobody's."""
    models = tiny_models(True)
    adapters = EngineAdapters(models, lambda _: None)
    adapters.load_now({name: str(write_random(tmp_path, models, name, seed)) for seed, name in enumerate(("ann", "bo", "cy"))})
    for step, name in enumerate(("ann", "bo", "cy")):
        adapters.use([(name, 1.0)], step)
        adapters.before_step(step)
    adapters.use([("ann", 1.0)], 100)
    adapters.strength(0.5)
    for step in range(20):
        adapters.before_step(step)
    adapters.before_step(0)
    adapters.rack.settle()
    assert adapters.rack.active == [("ann", 0.5)] and adapters.chosen == [("ann", 1.0)]
    adapters.close()


def test_an_engine_comes_up_without_an_adapter_that_is_damaged(tmp_path: Path) -> None:
    """It says so, and hears what it is told afterwards."""
    models = tiny_models(True)
    folder = write_random(tmp_path, models, "ann", 1)
    tensors = next(path for path in folder.iterdir() if path.suffix == ".safetensors")
    tensors.write_bytes(tensors.read_bytes()[:100])
    memory = AudioMemory.create(f"jamd-t-{uuid.uuid4().hex[:8]}")
    channel = Said()
    engine = Engine(models, memory, channel, memory.name)  # type: ignore[arg-type]
    try:
        engine.handle(
            m.EngineState(
                clock=Clock.standing(0, 120.0, 4), chart_text="| C |", chart_bar=0, chord_text=None, chord_beat=0.0, params={}, parts={},
                style="", jam_from=None, jam_until=None, trade=0, trade_bar=0, loaded={"ann": str(folder)}, adapters=[("ann", 1.0)],
            )
        )  # fmt: skip
        assert engine.situation is not None
        states = [one.state for one in channel.messages if isinstance(one, m.AdapterEvent)]
        assert states[-1] == "failed"
        engine.handle(m.AdapterUnload(name="bo"))
        refused = channel.messages[-1]
        assert isinstance(refused, m.AdapterEvent) and (refused.name, refused.state) == ("bo", "refused")
    finally:
        engine.adapters.close()
        memory.close()
        memory.unlink()


class Said:
    """A channel that keeps what is sent."""

    def __init__(self) -> None:
        self.messages: list[m.Message] = []

    def send(self, message: m.Message) -> None:
        self.messages.append(message)

    def receive(self, timeout: float) -> list[m.Message]:
        return []
