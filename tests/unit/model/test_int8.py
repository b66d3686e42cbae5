"""Layers with int8 weights stand in for their originals."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from model.config import PlayerConfig
from model.generator.player import Player
from model.layers.int8 import Int8Linear, available, to_int8


@pytest.mark.parametrize(("inputs", "outputs"), [(384, 1152), (112, 384), (1102, 96), (64, 2048)])
@pytest.mark.parametrize("bias", [True, False])
def test_result_is_near_the_original(inputs: int, outputs: int, bias: bool) -> None:
    if not available():
        pytest.skip("this build of PyTorch has no int8 kernel")
    torch.manual_seed(0)
    linear = nn.Linear(inputs, outputs, bias=bias)
    x = torch.randn(2, 3, inputs)
    with torch.no_grad():
        want = linear(x)
        got = Int8Linear(linear)(x)
    assert got.shape == want.shape
    assert float((got - want).norm() / want.norm()) < 0.02


def test_player_with_int8_weights_scores_the_same() -> None:
    torch.manual_seed(0)
    config = PlayerConfig(width=128, layers=2, heads=2, feedforward=256, window=32, levels=3, codebook_size=64, latent=32,
                          depth_width=64)  # fmt: skip
    player = Player(config).eval().requires_grad_(False)
    player.set_codebooks(torch.randn(3, 64, 32))
    codes = torch.randint(0, 64, (1, 20, 3))
    controls = torch.randn(1, 20, player.controls.in_features)
    roll = torch.rand(1, 20, player.roll.in_features)
    before = player(codes, controls, roll)
    changed = to_int8(player)
    assert changed >= 10 or not available()
    after = player(codes, controls, roll)
    assert float((after - before).abs().mean()) < 0.05 * float(before.mean())
