"""An adapter's colour: what its player's instrument and room are, as gains of the tones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from jamd.contract.errors import AdapterError
from model.adapters.format import LOUDEST, Adapter, read_adapter, write_adapter
from model.adapters.rack import FADE_STEPS, AdapterRack
from model.codec.compiled_tones import tones_weights
from model.codec.tones import Tones
from model.config import TonesConfig
from model.generator.models import Models
from model.layers.chamber import SOURCES
from model.layers.excitation import DIRECT
from tests.unit.model.adapters.rig import CODEC, make_adapter, tiny_models


@pytest.fixture
def models() -> Models:
    torch.manual_seed(4)
    tones = Tones(TonesConfig(latent=CODEC.latent, width=24, blocks=1, bands=10)).eval().requires_grad_(False)
    return replace(tiny_models(compiled=True), tones=tones, compiled_tones=tones_weights(tones))


def coloured(models: Models, name: str, seed: int, alpha: float = 8.0) -> Adapter:
    assert models.tones is not None
    vector = torch.randn(len(models.tones.colour), generator=torch.Generator().manual_seed(seed))
    return replace(make_adapter(models, name, seed, alpha=alpha), colour=vector)


def sounding(models: Models) -> np.ndarray:
    """What the music reads, the same by both ways of playing."""
    assert models.tones is not None and models.compiled_tones is not None
    np.testing.assert_array_equal(models.tones.colour.numpy(), models.compiled_tones.colour)
    return models.compiled_tones.colour.copy()


def settle(rack: AdapterRack) -> None:
    rack.switch()
    for _ in range(2 * FADE_STEPS):
        rack.advance()


def test_it_comes_with_the_adapter_by_its_strength_and_goes_with_it(models: Models, tmp_path: Path) -> None:
    ann, bo = coloured(models, "ann", 1), coloured(models, "bo", 2, alpha=3.0)
    plain = make_adapter(models, "plain", 3)
    rack = AdapterRack(models)
    for adapter in (ann, bo, plain):
        rack.load(write_adapter(tmp_path, adapter))
    assert ann.colour is not None and bo.colour is not None
    assert not sounding(models).any()
    for mix, expected in (
        ([("ann", 1.0)], ann.colour),
        ([("ann", 0.5), ("bo", 0.25)], 0.5 * ann.colour + 0.25 * bo.colour),
        ([("plain", 1.0)], 0 * ann.colour),
        ([("plain", 1.0), ("bo", 2.0)], 2 * bo.colour),
        ([], 0 * ann.colour),
    ):
        rack.use(mix)
        settle(rack)
        np.testing.assert_allclose(sounding(models), expected.numpy(), atol=1e-5)
    assert not sounding(models).any()  # exactly


def test_it_fades_in_steps(models: Models, tmp_path: Path) -> None:
    ann = coloured(models, "ann", 1)
    rack = AdapterRack(models)
    rack.load(write_adapter(tmp_path, ann))
    rack.use([("ann", 1.0)])
    rack.switch()
    assert ann.colour is not None
    for step in range(FADE_STEPS):
        rack.advance()
        np.testing.assert_allclose(sounding(models), ann.colour.numpy() * (step + 1) / FADE_STEPS, atol=1e-5)


def test_it_survives_the_file_and_bad_ones_are_refused(models: Models, tmp_path: Path) -> None:
    ann = coloured(models, "ann", 1)
    again = read_adapter(write_adapter(tmp_path, ann))
    assert ann.colour is not None and again.colour is not None and torch.equal(ann.colour, again.colour)
    for bad in (ann.colour * float("nan"), ann.colour.clone().index_fill(0, torch.tensor([3]), 2 * LOUDEST), ann.colour[None]):
        with pytest.raises(AdapterError, match="colour"):
            write_adapter(tmp_path, replace(ann, colour=bad), replace=True)
    assert torch.equal(read_adapter(tmp_path / "ann").colour, ann.colour)  # type: ignore[arg-type]


def test_one_for_other_tones_is_foreign(models: Models, tmp_path: Path) -> None:
    ann = coloured(models, "ann", 1)
    assert ann.colour is not None
    rack = AdapterRack(models)
    with pytest.raises(AdapterError) as caught:
        rack.load(write_adapter(tmp_path, replace(ann, colour=ann.colour[:-3])))
    assert caught.value.code == "foreign"


def test_one_of_fewer_sources_keeps_its_meaning(models: Models, tmp_path: Path) -> None:
    ann = coloured(models, "ann", 1)
    assert ann.colour is not None and models.tones is not None
    bands = models.tones.config.bands
    level, place, rest = torch.split(ann.colour, [SOURCES * bands, SOURCES * bands, 2 * bands + 1])
    rack = AdapterRack(models)
    rack.load(write_adapter(tmp_path, replace(ann, colour=torch.cat((level[: DIRECT * bands], place[: DIRECT * bands], rest)))))
    rack.use([("ann", 1.0)])
    settle(rack)
    told, untold = slice(0, DIRECT * bands), slice(DIRECT * bands, SOURCES * bands)
    heard_level, heard_place, heard_rest = np.split(sounding(models), [SOURCES * bands, 2 * SOURCES * bands])
    np.testing.assert_allclose(heard_level[told], level[told].numpy(), atol=1e-5)
    np.testing.assert_allclose(heard_place[told], place[told].numpy(), atol=1e-5)
    np.testing.assert_allclose(heard_rest, rest.numpy(), atol=1e-5)
    assert not heard_level[untold].any() and not heard_place[untold].any()


def test_without_tones_it_says_nothing(tmp_path: Path) -> None:
    bare = tiny_models(compiled=True)
    rack = AdapterRack(bare)
    rack.load(write_adapter(tmp_path, replace(make_adapter(bare, "ann", 1), colour=torch.ones(5))))
    rack.use([("ann", 1.0)])
    settle(rack)
