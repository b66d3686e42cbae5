"""An adapter's instruments: on disk, in the rack, and in what is heard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from jamd.contract.chart import parse_chart
from jamd.contract.clock import Clock
from jamd.contract.errors import AdapterError
from model.adapters.format import Adapter, read_adapter, write_adapter
from model.adapters.rack import AdapterRack
from model.generator.models import Models, load_models
from model.generator.performer import Performer
from model.generator.situation import Situation
from model.style.words import SOUNDS, programs_of, read_style
from tests.unit.model.adapters.rig import make_adapter
from tests.unit.model.adapters.test_adapter_room import use


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models("small")


def situation() -> Situation:
    return Situation(clock=Clock.started(0, 120.0, 4), charts=[(0, parse_chart("| Dm7 |"))])


def on(adapter: Adapter, **sounds: str) -> Adapter:
    return replace(adapter, manifest=msgspec.structs.replace(adapter.manifest, sounds=sounds))


def test_they_come_back_from_disk_and_what_is_no_instrument_does_not(models: Models, tmp_path: Path) -> None:
    adapter = make_adapter(models, "ann", 1)
    written = write_adapter(tmp_path, on(adapter, piano="vibes", drums="brushes"))
    assert read_adapter(written).manifest.sounds == {"piano": "vibes", "drums": "brushes"}
    for bad in ({"piano": "kazoo"}, {"kazoo": "grand"}, {"horn": "grand"}):
        with pytest.raises(AdapterError, match="there is no") as caught:
            write_adapter(tmp_path, on(adapter, **bad), replace=True)
        assert caught.value.code == "damaged"


def test_the_player_brings_the_instrument_unless_the_style_names_one(models: Models, tmp_path: Path) -> None:
    rack = AdapterRack(models)
    rack.load(write_adapter(tmp_path, on(make_adapter(models, "ann", 1), piano="vibes")))
    here = situation()
    performer = Performer(models, here, 0, seed=3)

    def told() -> dict[str, int]:
        return dict(performer.controls(0).programs)

    assert told()["piano"] == 0
    use(rack, [("ann", 1.0)])
    assert told() == programs_of(SOUNDS) | {"piano": 11}
    performer.block()
    assert performer._sounds["piano"] == "vibes"
    here.style = read_style("organ ballad")
    assert told()["piano"] == 16
    here.style = read_style("ballad")
    assert told()["piano"] == 11
    rack.strength("ann", 0.3)
    assert told()["piano"] == 0
    rack.strength("ann", 1.0)
    use(rack, [])
    assert models.own.sounds == {} and told()["piano"] == 0


def test_it_is_heard(models: Models, tmp_path: Path) -> None:
    """The same plan and codes on another instrument."""
    rack = AdapterRack(models)
    adapter = make_adapter(models, "ann", 1)
    rack.load(write_adapter(tmp_path / "one", adapter))
    other = replace(adapter, manifest=msgspec.structs.replace(adapter.manifest, name="vic"))
    rack.load(write_adapter(tmp_path / "two", on(other, piano="vibes")))
    heard = []
    for name in ("ann", "vic"):
        use(rack, [(name, 1.0)])
        performer = Performer(models, situation(), 0, seed=3)
        heard.append(np.concatenate([performer.block() for _ in range(150)]))
    use(rack, [])
    assert not np.array_equal(*heard) and np.abs(heard[0]).max() > 0.01
