"""Adapters in the engine while nothing plays."""

from __future__ import annotations

from pathlib import Path

from jamd.contract import messages as m
from jamd.engine.adapters import EngineAdapters
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
