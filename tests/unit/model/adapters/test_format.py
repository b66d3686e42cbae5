"""Adapters on disk: what is written is read; everything else is refused for a reason with a stable word."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from safetensors.torch import save_file

from jamd.contract.errors import AdapterError
from model.adapters.base import base_hash, check_fit
from model.adapters.format import MANIFEST, TENSORS, Adapter, Guard, list_adapters, read_adapter, write_adapter
from model.adapters.peft_folder import import_peft
from model.adapters.rack import AdapterRack
from model.checkpoint import file_hash, save_weights
from model.generator.models import Models
from tests.unit.model.adapters.rig import make_adapter, random_tensors, tiny_models, write_random


@pytest.fixture(scope="module")
def models() -> Models:
    return tiny_models(False)


def refused(folder: Path, code: str, match: str | None = None) -> None:
    with pytest.raises(AdapterError, match=match) as caught:
        read_adapter(folder)
    assert caught.value.code == code, caught.value
    assert "\n" not in str(caught.value)


def change(folder: Path, **values: Any) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def rewrite(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Other tensors, with a manifest that was written for them."""
    save_file(tensors, str(folder / TENSORS))
    change(folder, tensors_hash=file_hash(folder / TENSORS))


def test_round_trip(models: Models, tmp_path: Path) -> None:
    adapter = make_adapter(models, "ann", 1)
    guards = {"memorising": Guard(True, 0.4, 2.0), "better": Guard(False, 1.1, 1.0)}
    adapter = Adapter(
        msgspec.structs.replace(adapter.manifest, scores={"fad": 3.5}, guards=guards, training={"steps": 40, "device": "cpu"}),
        {name: tensor.bfloat16() if "lora_A" in name else tensor for name, tensor in adapter.tensors.items()}, adapter.style,
    )  # fmt: skip
    folder = write_adapter(tmp_path / "deep" / "root", adapter)
    again = read_adapter(folder)
    assert msgspec.structs.replace(again.manifest, tensors_hash="") == adapter.manifest and not again.manifest.accepted
    assert again.tensors.keys() == adapter.tensors.keys()
    assert all(torch.equal(again.tensors[name], tensor) for name, tensor in adapter.tensors.items())
    assert adapter.style is not None and again.style is not None and torch.equal(again.style, adapter.style)
    assert "player.blocks.2.qkv" in again.parts and "player.cross.0.query" in again.parts and "planner.blocks.1.down" in again.parts
    check_fit(again, models)


def test_nothing_is_overwritten_unless_asked_and_nothing_is_left_behind(models: Models, tmp_path: Path) -> None:
    write_random(tmp_path, models, "ann", 1)
    with pytest.raises(AdapterError) as caught:
        write_random(tmp_path, models, "ann", 2)
    assert caught.value.code == "exists"
    write_adapter(tmp_path, make_adapter(models, "ann", 2), replace=True)
    assert torch.equal(
        read_adapter(tmp_path / "ann").tensors["player.blocks.0.qkv.lora_A"], random_tensors(models, 2)["player.blocks.0.qkv.lora_A"]
    )
    bad = make_adapter(models, "bad", 1)
    bad.tensors["player.blocks.0.qkv.lora_A"][0, 0] = float("nan")
    with pytest.raises(AdapterError):
        write_adapter(tmp_path, bad)
    assert [path.name for path in tmp_path.iterdir()] == ["ann"]


@pytest.mark.parametrize("name", ["../up", "base", "", "a b", ".hidden", "x" * 65, "a/b"])
def test_names_that_are_no_folders(models: Models, tmp_path: Path, name: str) -> None:
    with pytest.raises(AdapterError) as caught:
        write_random(tmp_path, models, name, 1)
    assert caught.value.code == "name"


def test_missing(models: Models, tmp_path: Path) -> None:
    refused(tmp_path / "nobody", "missing")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "missing", MANIFEST)
    (write_random(tmp_path, models, "ann", 1) / TENSORS).unlink()
    refused(tmp_path / "ann", "missing", TENSORS)


def test_every_cut_and_every_turned_bit_is_seen(models: Models, tmp_path: Path) -> None:
    folder = write_random(tmp_path, models, "ann", 1)
    whole = (folder / TENSORS).read_bytes()
    for length in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        (folder / TENSORS).write_bytes(whole[:length])
        refused(folder, "damaged")
    for place in (3, 20, len(whole) // 2, len(whole) - 1):
        (folder / TENSORS).write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        refused(folder, "damaged")
    (folder / TENSORS).write_bytes(whole)
    read_adapter(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"name": "ann"}', "\xff", '{"version": 1}'])
def test_manifests_that_are_none(models: Models, tmp_path: Path, text: str) -> None:
    folder = write_random(tmp_path, models, "ann", 1)
    (folder / MANIFEST).write_bytes(text.encode("latin-1"))
    refused(folder, "damaged")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"surprise": 1}, "damaged"), ({"rank": "4"}, "damaged"), ({"rank": 5}, "damaged"), ({"rank": 33}, "oversized"),
        ({"rank": 0}, "oversized"),
        ({"targets": ["gaussian"]}, "damaged"), ({"targets": ["qkv"]}, "damaged"),
        ({"networks": ["player"]}, "damaged"), ({"name": "bo"}, "damaged"),
        ({"name": "../x"}, "name"), ({"version": 2}, "version"), ({"tensors_hash": ""}, "damaged"),
    ],
)  # fmt: skip
def test_manifests_that_lie(models: Models, tmp_path: Path, values: dict[str, Any], code: str) -> None:
    folder = write_random(tmp_path, models, "ann", 1)
    change(folder, **values)
    refused(folder, code)


def test_tensors_that_are_none_of_ours(models: Models, tmp_path: Path) -> None:
    folder = write_random(tmp_path, models, "ann", 1)
    good = random_tensors(models, 1)
    first = "player.blocks.0.qkv.lora_A"
    for other in (
        good | {"player.head.hidden.lora_A": torch.zeros(4, 64)},
        good | {"player.blocks.0.qkv.weight": torch.zeros(4, 64)},
        {name: tensor for name, tensor in good.items() if name != first},
        good | {first: torch.full((4, 64), float("inf"))},
        good | {first: torch.zeros(4, 64, dtype=torch.int64)},
        good | {first: torch.zeros(4, 64, dtype=torch.float64)},
        good | {first: torch.zeros(3, 64)},
        good | {"style": torch.zeros(3)},
        {},
    ):
        rewrite(folder, dict(other))
        refused(folder, "damaged")


def test_oversized(models: Models, tmp_path: Path) -> None:
    folder = write_random(tmp_path, models, "ann", 1)
    with (folder / TENSORS).open("r+b") as file:
        file.truncate((64 << 20) + 1)
    refused(folder, "oversized", "64 MB")


@pytest.mark.parametrize("name", ["adapter_model.bin", "x.pt", "weights.PTH", "a.pkl"])
def test_pickles_are_refused_unread(models: Models, tmp_path: Path, name: str) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "boom",))

    folder = write_random(tmp_path, models, "ann", 1)
    (folder / name).write_bytes(pickle.dumps(Bomb()))
    refused(folder, "pickle")
    (folder / name).unlink()
    (folder / TENSORS).write_bytes(pickle.dumps(Bomb()))  # under the right name too
    refused(folder, "damaged")
    assert not (tmp_path / "boom").exists()


def test_foreign(models: Models, tmp_path: Path) -> None:
    folder = write_random(tmp_path, tiny_models(False, seed=4), "ann", 1)
    with pytest.raises(AdapterError, match="another base") as caught:
        check_fit(read_adapter(folder), models)
    assert caught.value.code == "foreign"
    change(folder, base_hash=base_hash(models))
    check_fit(read_adapter(folder), models)  # the same sizes
    rewrite(
        folder,
        random_tensors(models, 1) | {"player.blocks.9.qkv.lora_A": torch.zeros(4, 64), "player.blocks.9.qkv.lora_B": torch.zeros(192, 4)},
    )
    with pytest.raises(AdapterError, match=r"player\.blocks\.9\.qkv") as caught:
        check_fit(read_adapter(folder), models)
    assert caught.value.code == "foreign"


def test_the_hash_of_a_base_is_that_of_its_files(models: Models, tmp_path: Path) -> None:
    for kind in ("player", "planner"):
        save_weights(tmp_path / f"tiny-{kind}.safetensors", getattr(models, kind), kind, {}, dtype=torch.float32)
    assert base_hash(tmp_path) == base_hash(models) == base_hash({"player": models.player, "planner": models.planner})
    assert base_hash(models) != base_hash(tiny_models(False, seed=4))
    with pytest.raises(AdapterError) as caught:
        base_hash(tmp_path / "nowhere")
    assert caught.value.code == "missing"


def test_a_list_names_the_bad_ones_too(models: Models, tmp_path: Path) -> None:
    assert list_adapters(tmp_path / "nowhere") == []
    write_random(tmp_path, models, "bo", 1)
    write_random(tmp_path, models, "ann", 1)
    (tmp_path / "cat").mkdir()
    (tmp_path / ".half-written").mkdir()
    found = list_adapters(tmp_path)
    assert [item.folder.name for item in found] == ["ann", "bo", "cat"]
    assert found[0].manifest is not None and found[0].error is None
    assert found[2].manifest is None and found[2].error is not None and found[2].error.code == "missing"


# --- plain folders of peft -------------------------------------------------------------------------------------------------


def peft_folder(root: Path, tensors: dict[str, torch.Tensor], **config: Any) -> Path:
    root.mkdir(parents=True)
    save_file(tensors, str(root / "adapter_model.safetensors"))
    (root / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none"} | config))
    return root


def plain(models: Models, network: str) -> dict[str, torch.Tensor]:
    """As `peft.PeftModel.save_pretrained` calls them."""
    tensors = random_tensors(models, 1, networks=(network,))
    return {f"base_model.model.transformer.{name.removeprefix(network + '.')}.weight": tensor for name, tensor in tensors.items()}


def test_a_folder_that_peft_wrote_is_imported(models: Models, tmp_path: Path) -> None:
    import peft

    from model.adapters.training import target_modules
    from model.generator.player import Player
    from tests.unit.model.adapters.rig import PLAYER

    wrapped = peft.get_peft_model(
        Player(PLAYER),
        peft.LoraConfig(r=4, lora_alpha=8, target_modules=target_modules(models.player, ["qkv", "out"]), init_lora_weights=False),
    )
    wrapped.save_pretrained(str(tmp_path / "theirs"))
    adapter = import_peft(tmp_path / "theirs", models, "mine")
    assert adapter.manifest.networks == ["player"] and adapter.manifest.origin == "imported" and adapter.manifest.alpha == 8
    weight = wrapped.base_model.model.transformer.blocks[1].out.lora_B["default"].weight
    assert torch.equal(adapter.tensors["player.blocks.1.out.lora_B"], weight.detach())
    assert read_adapter(write_adapter(tmp_path, adapter)).parts == adapter.parts


def test_the_network_of_an_imported_folder_is_found_by_its_sizes(models: Models, tmp_path: Path) -> None:
    adapter = import_peft(peft_folder(tmp_path / "p", plain(models, "planner"), use_rslora=True), models)
    assert adapter.manifest.networks == ["planner"] and adapter.manifest.alpha == 16.0


@pytest.mark.parametrize(
    "config",
    [
        {"use_dora": True, "lora_bias": True},
        {"peft_type": "LOHA"},
        {"bias": "all"},
        {"rank_pattern": {"qkv": 2}},
        {"modules_to_save": ["head"]},
    ],
)
def test_what_is_no_plain_lora_is_not_imported(models: Models, tmp_path: Path, config: dict[str, Any]) -> None:
    with pytest.raises(AdapterError) as caught:
        import_peft(peft_folder(tmp_path / "x", plain(models, "player"), **config), models)
    assert caught.value.code == "unfit"


def test_folders_that_do_not_fit(models: Models, tmp_path: Path) -> None:
    tensors = plain(models, "player")
    for index, (other, code) in enumerate((
        ({"base_model.model.layers.0.q_proj.lora_A.weight": torch.zeros(4, 64)}, "unfit"),
        ({name: torch.zeros(4, 4) for name in tensors}, "unfit"),
        (dict(list(tensors.items())[1:]), "damaged"),
        ({name: tensor[:2] if "lora_A" in name else tensor[:, :2].contiguous() for name, tensor in tensors.items()}, "damaged"),
    )):  # fmt: skip
        with pytest.raises(AdapterError) as caught:
            import_peft(peft_folder(tmp_path / f"x{index}", other), models)
        assert caught.value.code == code
    (tmp_path / "x0" / "adapter_model.bin").write_bytes(b"")
    with pytest.raises(AdapterError) as caught:
        import_peft(tmp_path / "x0", models)
    assert caught.value.code == "pickle"


def test_a_bad_file_leaves_the_rack_as_it_was(tmp_path: Path) -> None:
    models = tiny_models(True)
    rack = AdapterRack(models)
    folder = write_random(tmp_path, models, "ann", 1)
    rack.load(folder)
    (folder / TENSORS).write_bytes(b"no")
    with pytest.raises(AdapterError):
        rack.load(folder)
    entry = rack.entries()["ann"]
    assert entry.state == "ready" and "damaged" in entry.error
    rack.use([("ann", 1.0)])  # what was read before still plays
    rack.switch()
