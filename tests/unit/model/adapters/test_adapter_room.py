"""An adapter's room: on disk, in the rack, and in what is heard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from jamd.contract.chart import parse_chart
from jamd.contract.clock import Clock
from jamd.contract.errors import AdapterError
from model.adapters.format import read_adapter, write_adapter
from model.adapters.rack import FADE_STEPS, AdapterRack
from model.generator.clip import ClipRender, ClipRequest
from model.generator.models import Models
from model.generator.performer import Performer
from model.generator.situation import Situation
from model.layers.room import DRY
from model.style.words import read_style
from tests.unit.model.adapters.rig import make_adapter, tiny_models

ROOM = torch.tensor([0.5, 1.5, 0.6, 8000.0])


@pytest.fixture
def models() -> Models:
    return tiny_models(True)


def use(rack: AdapterRack, mix: list[tuple[str, float]]) -> None:
    rack.use(mix)
    rack.switch()
    for _ in range(2 * FADE_STEPS):
        rack.advance()


def play(models: Models) -> np.ndarray:
    render = ClipRender(models, ClipRequest(parse_chart("| Dm7 |"), 120.0, 24_000, seed=4))
    while not render.done:
        render.advance()
    return render.audio


def test_it_comes_back_from_disk_and_what_is_no_room_does_not(models: Models, tmp_path: Path) -> None:
    adapter = replace(make_adapter(models, "ann", 1), room=ROOM)
    again = read_adapter(write_adapter(tmp_path, adapter)).room
    assert again is not None and torch.equal(again, ROOM)
    for bad in (torch.tensor([0.5, 1.5]), ROOM * torch.nan, torch.tensor([9.0, 1.5, 0.6, 8000.0])):
        with pytest.raises(AdapterError, match="room") as caught:
            write_adapter(tmp_path, replace(adapter, room=bad), replace=True)
        assert caught.value.code == "damaged"


def test_it_follows_the_set_that_sounds_and_its_strengths(models: Models, tmp_path: Path) -> None:
    rack = AdapterRack(models)
    rack.load(write_adapter(tmp_path, replace(make_adapter(models, "ann", 1), room=ROOM)))
    rack.load(write_adapter(tmp_path, make_adapter(models, "dry", 2)))
    dry = np.array(DRY, np.float32)
    assert np.array_equal(models.room.params, dry)
    use(rack, [("ann", 1.0)])
    assert np.allclose(models.room.params, ROOM)
    rack.strength("ann", 0.5)
    assert models.room.params[0] == pytest.approx(0.25) and models.room.params[1] == pytest.approx(1.5)
    use(rack, [("dry", 1.0)])
    assert np.array_equal(models.room.params, dry)
    use(rack, [])
    rack.unload("ann")
    assert np.array_equal(models.room.params, dry)


def test_it_is_heard_and_at_strength_0_it_is_not(models: Models, tmp_path: Path) -> None:
    rack = AdapterRack(models)
    adapter = make_adapter(models, "ann", 1)
    rack.load(write_adapter(tmp_path / "roomed", replace(adapter, room=ROOM)))
    base = play(models)
    use(rack, [("ann", 0.0)])
    assert np.array_equal(play(models), base)
    use(rack, [("ann", 1.0)])
    roomed = play(models)
    models.room.params = np.array(DRY, np.float32)
    bare = play(models)
    assert not np.array_equal(roomed, bare)


def test_dry_is_dry_and_a_hall_is_added(models: Models, tmp_path: Path) -> None:
    rack = AdapterRack(models)
    rack.load(write_adapter(tmp_path, replace(make_adapter(models, "ann", 1), room=ROOM)))
    use(rack, [("ann", 1.0)])
    here = Situation(clock=Clock.started(0, 120.0, 4), charts=[(0, parse_chart("| Dm7 |"))])
    performer = Performer(models, here, 0)
    assert np.allclose(performer._walls(), ROOM)
    here.style = read_style("studio recording, bone-dry")
    assert performer._walls()[0] == 0.0
    here.style = read_style("in a studio")
    assert np.allclose(performer._walls(), ROOM)
    here.style = read_style("in a big hall")
    assert performer._walls()[0] > ROOM[0]
