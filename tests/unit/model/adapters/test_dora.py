"""DoRA: gains of rows are learnt, kept, imported and refused, and what was learnt is what plays, alone and blended."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from jamd.contract.errors import AdapterError
from model.adapters.base import base_hash, check_fit
from model.adapters.format import LARGEST_GAIN, Adapter, Manifest, read_adapter, write_adapter
from model.adapters.peft_folder import import_peft
from model.adapters.rack import FADE_STEPS, AdapterRack
from model.adapters.training import add_lora, load_lora, lora_tensors, merge, target_modules
from model.generator.planner import Planner
from model.generator.player import Player
from model.layers.nf4 import round_to_nf4
from tests.unit.model.adapters.rig import PLANNER, live, make_adapter, same, tiny_models
from tests.unit.model.adapters.test_lora_training import LARGE, batch, learn


def large_player() -> Player:
    torch.manual_seed(0)
    player = Player(LARGE)
    player.set_codebooks(torch.randn(2, 32, 16))
    player.transformer.cross["0"].out.weight.data.normal_(std=0.05)  # type: ignore[union-attr]
    return player


def moved(network: Any, seed: int = 2) -> Any:
    """As after a long training: paths and magnitudes far from where they began."""
    torch.manual_seed(seed)
    for name, parameter in network.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.2)
        elif "magnitude" in name:
            parameter.data *= 1 + 0.3 * torch.randn_like(parameter)
    return network.eval()


@pytest.mark.parametrize("base", ["float32", "rounded", "nf4"])
def test_it_learns_and_the_base_stays(base: str) -> None:
    def fresh() -> Player:
        player = large_player()
        if base == "rounded":
            round_to_nf4(player)
        return player

    player = fresh()
    quantise: Any = "nf4" if base == "nf4" else "none"
    count = add_lora(player, rank=4, alpha=8, dropout=0.1, quantise=quantise, dora=True)
    rows = 2 * (384 + 128) + 2 * 128
    assert count == 2 * 4 * ((128 + 384) + (128 + 128)) + 4 * 2 * (128 + 128) + rows
    tensors = lora_tensors(player)
    assert len(tensors) == 18 and all(torch.allclose(tensors[name], torch.ones(1), atol=1e-5) for name in tensors if name.endswith(".gain"))
    learn(player)
    tensors = lora_tensors(player)
    assert (tensors["player.blocks.0.qkv.gain"] - 1).abs().max() > 0.01
    again = fresh()
    add_lora(again, rank=4, alpha=8, quantise=quantise, dora=True)
    load_lora(again, tensors)
    for name, tensor in lora_tensors(again).items():
        assert torch.allclose(tensor, tensors[name], atol=1e-5), name
    with torch.no_grad():
        assert torch.allclose(again.eval()(*batch(2, 32)), player.eval()(*batch(2, 32)), atol=1e-4)
    with pytest.raises(AdapterError, match="gain is not in the tensors"):
        load_lora(again, {name: tensor for name, tensor in tensors.items() if "gain" not in name})


def test_what_was_learned_is_what_plays(tmp_path: Path) -> None:
    """peft's own output in training against the rack's paths and against merged weights; then half of it, beside LoRA."""
    models = tiny_models(False)
    learned = copy.deepcopy(models.planner)
    add_lora(learned, rank=4, alpha=12, dropout=0.1, targets=("qkv", "out", "up", "down"), dora=True)
    moved(learned)
    tensors = lora_tensors(learned)
    manifest = Manifest(
        name="ann", created="2026-01-01T00:00:00+00:00", base="tiny", base_hash=base_hash(models), rank=4, alpha=12,
        targets=["qkv", "out", "up", "down"], networks=["planner"], dora=True,
    )  # fmt: skip
    other = make_adapter(models, "bo", 5, rank=6, networks=("planner",))
    rack = AdapterRack(models)
    for adapter in (Adapter(manifest, tensors), other):
        rack.load(write_adapter(tmp_path, adapter))

    def merged(*adapters: tuple[dict[str, torch.Tensor], float, float]) -> torch.Tensor:
        network = Planner(PLANNER)
        network.load_state_dict(models.planner.state_dict())
        for changes, scale, strength in adapters:
            merge(network, changes, scale * strength, strength)
        return network.transformer(x)

    x = torch.randn(1, 9, PLANNER.width)
    with torch.no_grad():
        theirs, base = learned.transformer(x), models.planner.transformer(x)
        rack.use_now([("ann", 1.0)])
        ours = models.planner.transformer(x)
        assert torch.allclose(ours, theirs, atol=1e-5) and torch.allclose(merged((tensors, 3.0, 1.0)), theirs, atol=1e-5)
        assert not torch.allclose(base, theirs, atol=0.05)
        rack.use_now([("bo", 1.3), ("ann", 0.5)])
        assert torch.allclose(models.planner.transformer(x), merged((tensors, 3.0, 0.5), (other.tensors, 1.0, 1.3)), atol=1e-5)
        rack.use_now([])
        assert torch.equal(models.planner.transformer(x), base)


# --- in the rack


def test_gains_fade_in_steps_and_go_without_a_trace(tmp_path: Path) -> None:
    models = tiny_models(True)
    base = live(models)
    rack = AdapterRack(models)
    ann, bo = (make_adapter(models, name, seed, alpha=8, dora=True) for seed, name in enumerate(("ann", "bo")))
    for adapter in (ann, bo, make_adapter(models, "plain", 7)):
        rack.load(write_adapter(tmp_path, adapter))
    gain = [np.stack([one.tensors[f"player.blocks.{index}.qkv.gain"].numpy() for index in range(3)]) for one in (ann, bo)]
    rack.use([("ann", 0.5)])
    rack.switch()
    for step in range(1, FADE_STEPS + 1):
        rack.advance()
        np.testing.assert_allclose(live(models)[0], base[0] * (1 + 0.5 * step / FADE_STEPS * (gain[0] - 1)), rtol=1e-5)
    rack.use_now([("plain", 1.0), ("ann", 0.5), ("bo", 2.0)])
    np.testing.assert_allclose(live(models)[0], base[0] * (1 + 0.5 * (gain[0] - 1) + 2 * (gain[1] - 1)), rtol=1e-4, atol=1e-6)
    rack.strength("ann", 0.0)
    rack.strength("bo", 0.0)
    rack.settle()
    assert same(live(models), base)
    rack.use_now([("bo", 1.0)])
    assert not same(live(models), base)
    rack.use_now([("plain", 1.0)])
    assert same(live(models), base)
    rack.use_now([("bo", 1.0)])
    AdapterRack(models)  # another one begins with the base
    assert same(live(models), base)


def test_memory_of_gains_is_counted(tmp_path: Path) -> None:
    models = tiny_models(True)
    rack = AdapterRack(models)
    for name, dora in (("ann", True), ("bo", False)):
        rack.load(write_adapter(tmp_path, make_adapter(models, name, 1, dora=dora)))
    entries = rack.entries()
    assert entries["ann"].nbytes - entries["bo"].nbytes == sum(scale.nbytes for scale in live(models))


# --- on disk


def test_round_trip(tmp_path: Path) -> None:
    models = tiny_models(False)
    adapter = make_adapter(models, "ann", 1, dora=True)
    again = read_adapter(write_adapter(tmp_path, adapter))
    assert again.manifest.dora and again.tensors.keys() == adapter.tensors.keys() and again.parts == adapter.parts
    assert all(torch.equal(again.tensors[name], tensor) for name, tensor in adapter.tensors.items())
    check_fit(again, models)
    assert not read_adapter(write_adapter(tmp_path, make_adapter(models, "bo", 1))).manifest.dora


def test_gains_that_are_none(tmp_path: Path) -> None:
    models = tiny_models(False)
    adapter = make_adapter(models, "ann", 1, dora=True)
    name, plain = "player.blocks.1.qkv.gain", make_adapter(models, "ann", 1)
    good = adapter.tensors[name]
    one_less = {key: tensor for key, tensor in adapter.tensors.items() if key != name}
    for bad, match in (
        (replace(adapter, tensors=adapter.tensors | {name: good[:-1]}), "191 gains for 192 rows"),
        (replace(adapter, tensors=adapter.tensors | {name: good[:, None].contiguous()}), "not a row"),
        (replace(adapter, tensors=adapter.tensors | {name: good.double()}), "not a row"),
        (replace(adapter, tensors=adapter.tensors | {name: good * float("nan")}), "not finite"),
        (replace(adapter, tensors=adapter.tensors | {name: good * 2 * LARGEST_GAIN}), "beyond"),
        (replace(adapter, tensors=one_less), "no gains"),
        (replace(adapter, tensors=one_less | {"player.head.hidden.gain": good}), "unknown"),
        (replace(adapter, manifest=plain.manifest), "knows nothing"),
        (replace(plain, manifest=adapter.manifest), "no gains"),
        (replace(adapter, tensors={key: tensor for key, tensor in adapter.tensors.items() if not key.endswith("1.qkv.lora_A")}), "only"),
    ):
        with pytest.raises(AdapterError, match=match) as caught:
            write_adapter(tmp_path, bad)
        assert caught.value.code == "damaged"
    longer = {"player.blocks.1.qkv.gain": torch.ones(200), "player.blocks.1.qkv.lora_B": torch.zeros(200, 4)}
    foreign = read_adapter(write_adapter(tmp_path, replace(adapter, tensors=adapter.tensors | longer)))
    with pytest.raises(AdapterError, match=r"player\.blocks\.1\.qkv has not 200 rows") as caught:
        check_fit(foreign, models)
    assert caught.value.code == "foreign"


def test_a_folder_that_peft_wrote_is_imported_and_plays(tmp_path: Path) -> None:
    import peft

    models = tiny_models(False)
    wrapped = peft.get_peft_model(
        copy.deepcopy(models.player),
        peft.LoraConfig(r=4, lora_alpha=8, target_modules=target_modules(models.player, ["qkv", "out"]), use_dora=True),
    )
    moved(wrapped).save_pretrained(str(tmp_path / "theirs"))
    x = torch.randn(1, 9, 64)
    with torch.no_grad():
        theirs = wrapped.base_model.model.transformer(x, models.player.memory(None))
    adapter = import_peft(tmp_path / "theirs", models, "mine")
    assert adapter.manifest.dora and adapter.manifest.networks == ["player"] and adapter.manifest.origin == "imported"
    rack = AdapterRack(models)
    rack.load(write_adapter(tmp_path, adapter))
    rack.use_now([("mine", 1.0)])
    with torch.no_grad():
        assert torch.allclose(models.player.transformer(x, models.player.memory(None)), theirs, atol=1e-5)
    path = tmp_path / "theirs" / "adapter_model.safetensors"
    whole = load_file(str(path))
    name = next(name for name in whole if "magnitude" in name)
    for other, code in (
        ({key: tensor for key, tensor in whole.items() if key != name}, "damaged"),
        (whole | {name: whole[name][:-1].contiguous()}, "unfit"),
        (whole | {name: whole[name] * float("inf")}, "damaged"),
        ({key: tensor for key, tensor in whole.items() if key != name.replace("magnitude_vector", "A.weight")}, "damaged"),
    ):
        save_file(other, str(path))
        with pytest.raises(AdapterError) as caught:
            import_peft(tmp_path / "theirs", models, "mine")
        assert caught.value.code == code


def test_a_manifest_from_before_says_no_dora() -> None:
    raw = msgspec.json.encode(make_adapter(tiny_models(False), "ann", 1).manifest)
    old = {key: value for key, value in msgspec.json.decode(raw).items() if key != "dora"}
    assert not msgspec.json.decode(msgspec.json.encode(old), type=Manifest).dora
