"""LoRA by peft: what trains, in every form of the base, and that what was learned is what plays."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jamd.contract.errors import AdapterError
from model.adapters.base import base_hash
from model.adapters.format import Adapter, Manifest, write_adapter
from model.adapters.rack import FADE_STEPS, AdapterRack
from model.adapters.training import add_lora, describe, load_lora, lora_tensors, merge, target_modules
from model.conditioning import CONTROL_WIDTH, ROLL_WIDTH
from model.config import PlayerConfig
from model.generator.planner import Planner
from model.generator.player import Player
from tests.unit.model.adapters.rig import PLANNER, tiny_models

LARGE = PlayerConfig(
    width=128, layers=2, heads=2, feedforward=256, window=24, levels=2, codebook_size=32, latent=16, depth_width=32, style_width=12,
    style_tokens=2, cross_every=2,
)  # fmt: skip


def batch(levels: int, codes: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randint(0, codes, (2, 12, levels), generator=generator), torch.randn(2, 12, CONTROL_WIDTH, generator=generator),
        torch.zeros(2, 12, ROLL_WIDTH),
    )  # fmt: skip


def learn(player: Player) -> None:
    """Fifteen steps on one batch: the loss falls, and what does not train stays as it is."""
    frozen = {name: parameter.detach().clone() for name, parameter in player.named_parameters() if not parameter.requires_grad}
    optimiser = torch.optim.AdamW([parameter for parameter in player.parameters() if parameter.requires_grad], lr=1e-2)
    losses = []
    for _ in range(15):
        loss = player(*batch(2, 32)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.02
    assert all(torch.equal(parameter, frozen[name]) for name, parameter in player.named_parameters() if name in frozen)


@pytest.mark.parametrize("quantise", ["none", "nf4"])
def test_it_learns_and_the_base_stays(quantise: Any) -> None:
    torch.manual_seed(0)
    player = Player(LARGE)
    player.set_codebooks(torch.randn(2, 32, 16))
    count = add_lora(player, rank=4, alpha=8, dropout=0.0, quantise=quantise)
    # qkv and out of two blocks, query and out of one cross-attention
    assert count == 2 * 4 * ((128 + 384) + (128 + 128)) + 4 * 2 * (128 + 128)
    assert describe(player).startswith(f"{count:,} of ")
    learn(player)
    tensors = lora_tensors(player)
    assert len(tensors) == 12 and tensors["player.cross.0.query.lora_A"].shape == (4, 128)
    again = Player(LARGE)
    add_lora(again, rank=4, alpha=8, quantise=quantise)
    load_lora(again, tensors)
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in lora_tensors(again).items())
    with pytest.raises(AdapterError, match="not in the tensors"):
        load_lora(again, {name: tensor for name, tensor in tensors.items() if "cross" not in name})


def test_what_was_learned_is_what_plays(tmp_path: Path) -> None:
    """peft's own output in training against the rack's paths and against merged weights."""
    models = tiny_models(False)
    learned = copy.deepcopy(models.planner)
    add_lora(learned, rank=4, alpha=12, dropout=0.1, targets=("qkv", "out", "up", "down"))
    torch.manual_seed(2)
    for name, parameter in learned.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.2)
    tensors = lora_tensors(learned)
    manifest = Manifest(
        name="ann", created="2026-01-01T00:00:00+00:00", base="tiny", base_hash=base_hash(models), rank=4, alpha=12,
        targets=["qkv", "out", "up", "down"], networks=["planner"],
    )  # fmt: skip
    rack = AdapterRack(models)
    rack.load(write_adapter(tmp_path, Adapter(manifest, tensors)))
    x = torch.randn(1, 9, PLANNER.width)
    merged = Planner(PLANNER)
    merged.load_state_dict(models.planner.state_dict())
    merge(merged, tensors, 12 / 4)
    with torch.no_grad():
        theirs, base = learned.eval().transformer(x), models.planner.transformer(x)
        rack.use([("ann", 1.0)])
        rack.switch()
        for _ in range(FADE_STEPS):
            rack.advance()
        ours = models.planner.transformer(x)
        assert torch.allclose(ours, theirs, atol=1e-5) and torch.allclose(merged.transformer(x), theirs, atol=1e-5)
    assert not torch.allclose(base, theirs, atol=0.05) and np.isfinite(ours.numpy()).all()


def test_targets() -> None:
    player, planner = Player(LARGE), Planner(PLANNER)
    assert target_modules(player, ["up"]) == ["transformer.blocks.0.up", "transformer.blocks.1.up"]
    assert not [name for name in target_modules(planner, ["qkv", "out", "up", "down"]) if "heads" in name]
    assert len(target_modules(planner, ["qkv", "out", "up", "down"])) == 8
    for targets in ((), ("v",), ("qkv", "query")):
        with pytest.raises(AdapterError, match="targets"):
            add_lora(player, targets=targets)
    assert not any(parameter.requires_grad is False for parameter in player.parameters())  # untouched


def test_what_cannot_be_played_is_not_trained() -> None:
    # an untrained cross-attention has a way out of zeros
    for options, code in (({"dora": True}, "dora"), ({"rank": 33}, "rank"), ({"rank": 0}, "rank")):
        with pytest.raises(AdapterError) as caught:
            add_lora(Player(LARGE), **options)  # type: ignore[arg-type]
        assert caught.value.code == code
    player = Player(LARGE)
    add_lora(player)
    with pytest.raises(AdapterError) as caught:
        add_lora(player)
    assert caught.value.code == "state"


def test_without_peft_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(AdapterError, match=r"-m pip install 'jamd\[learn\]'"):
        add_lora(Player(LARGE))
