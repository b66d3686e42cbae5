"""Adapters with gains: the compiled kernels, the static PyTorch frame and merged weights play the same music; strength 0 is the base."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from model.adapters.format import MANIFEST, read_adapter
from model.adapters.rack import FADE_STEPS, AdapterRack
from model.adapters.training import merge
from model.generator.compiled_player import CompiledPlayer
from model.generator.events import ADVANCES, CONTEXT_WIDTH
from model.generator.frame import Frame
from model.generator.models import Models, load_models
from model.generator.planner import Planner, PlannerCore, Sampling
from model.generator.player import Player
from model.layers.compiled import step
from tests.parity.test_adapter_parity import begin, hidden, inputs, tiny_hash
from tests.unit.model.adapters.rig import PLANNER, PLAYER, tiny_models, write_random

MIXES = [[("cat", 1.0)], [("ann", 0.7), ("cat", 0.6), ("dee", 1.2)]]
"""One with gains, and a blend of it with one that has none and another that has."""


def rack_of(models: Models, root: Path) -> AdapterRack:
    rack = AdapterRack(models)
    for seed, (name, rank, dora) in enumerate((("ann", 4, False), ("cat", 4, True), ("dee", 8, True))):
        if not (root / name).exists():
            write_random(root, models, name, seed, rank=rank, alpha=1.5 * rank, dora=dora)
        rack.load(root / name)
    return rack


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("guidance", [1.0, 2.5])
def test_compiled_player_draws_the_codes_of_the_hooked_frame(tmp_path: Path, guidance: float, mix: list[tuple[str, float]]) -> None:
    ours, theirs = tiny_models(True), tiny_models(False)
    for models in (ours, theirs):
        begin(rack_of(models, tmp_path), mix)
    assert ours.compiled is not None
    compiled, frame = CompiledPlayer(ours.player, ours.compiled[0]), Frame(theirs.player, theirs.codec)
    frame.temperature.fill_(0.0)
    frame.guidance.fill_(guidance)
    controls, roll = inputs(60)
    for index in range(60):
        frame.controls.copy_(torch.from_numpy(controls[None, index : index + 1]))
        frame.roll.copy_(torch.from_numpy(roll[None, index : index + 1]))
        frame()
        drawn = compiled.step(controls[index : index + 1], roll[index : index + 1], np.random.default_rng(0), 0.0, 1.0, guidance)
        assert (drawn == frame.codes[0, 0].numpy()).all(), index


def test_compiled_planner_writes_the_events_of_the_network(tmp_path: Path) -> None:
    contexts = np.random.default_rng(0).random((200, ADVANCES, CONTEXT_WIDTH)).astype(np.float32)

    def events(core: PlannerCore) -> list[list[int]]:
        core.begin()
        out = [[0, 0, 0, -1, 0, 0]]
        for context in contexts:
            out.append(core.write(out[-1], context, Sampling(temperature=0.0)))
            core.read(out[-1], context[0])
        return out

    written = []
    for compiled in (True, False):
        models = tiny_models(compiled)
        begin(rack_of(models, tmp_path), MIXES[1])
        written.append(events(models.plan_core(1)))
    assert written[0] == written[1]


def test_the_path_is_merged_weights(tmp_path: Path) -> None:
    models = tiny_models(False)
    rack = rack_of(models, tmp_path)
    player, planner = Player(PLAYER).eval(), Planner(PLANNER).eval()
    player.load_state_dict(models.player.state_dict())
    planner.load_state_dict(models.planner.state_dict())
    x = torch.randn(2, 20, 64, generator=torch.Generator().manual_seed(0))
    memory = player.memory(None, 2)
    with torch.no_grad():
        base = models.player.transformer(x, memory)
        begin(rack, [("ann", 0.7), ("cat", 0.6)])
        for name, strength in (("cat", 0.6), ("ann", 0.7)):
            for network in (player, planner):
                merge(network, read_adapter(tmp_path / name).tensors, strength * 1.5, strength)
        merged = player.transformer(x, memory)
        assert torch.allclose(models.player.transformer(x, memory), merged, atol=2e-5)
        assert (base - merged).norm() > 0.2 * base.norm()
        assert torch.allclose(models.planner.transformer(x[..., :32]), planner.transformer(x[..., :32]), atol=2e-5)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_strength_zero_is_the_base_bit_for_bit(tmp_path: Path, guidance: float) -> None:
    models = tiny_models(True)
    assert models.compiled is not None
    base = hidden(CompiledPlayer(models.player, models.compiled[0]), 40, guidance)
    rack = rack_of(models, tmp_path)
    begin(rack, [("ann", 0.0), ("cat", 0.0), ("dee", 0.0)])
    assert np.array_equal(base, hidden(CompiledPlayer(models.player, models.compiled[0]), 40, guidance))
    distances = []
    for strength in (0.25, 0.5, 1.0):
        rack.strength("cat", strength)
        for _ in range(FADE_STEPS):
            rack.advance()
        distances.append(float(np.linalg.norm(hidden(CompiledPlayer(models.player, models.compiled[0]), 40, guidance) - base)))
    assert 0 < distances[0] < distances[1] < distances[2]
    begin(rack, [])
    assert np.array_equal(base, hidden(CompiledPlayer(models.player, models.compiled[0]), 40, guidance))


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_in_pytorch_strength_zero_is_exact_and_nothing_moves(tmp_path: Path, precision: str) -> None:
    models = tiny_models(False)
    write_random(tmp_path, models, "cat", 1, dora=True)
    if precision == "bf16":
        for parameter in models.player.parameters():
            parameter.data = parameter.data.bfloat16()
        models = Models("tiny", models.codec, models.planner, models.player, base="x")
        path = tmp_path / "cat" / MANIFEST
        path.write_text(path.read_text().replace(tiny_hash(), "x"))

    def play() -> list[torch.Tensor]:
        frame, out = Frame(models.player, models.codec), []
        frame.temperature.fill_(0.0)
        for controls, roll in zip(*inputs(20), strict=True):
            frame.controls.copy_(torch.from_numpy(controls)[None, None])
            frame.roll.copy_(torch.from_numpy(roll)[None, None])
            frame()
            out.append(torch.cat([frame.codes.flatten().float(), frame.keys[-1].flatten().float()]))
        return out

    base = play()
    rack = AdapterRack(models)
    rack.load(tmp_path / "cat")
    paths = models.player.transformer.paths
    addresses = [gains.live.data_ptr() for gains in paths.gains.values()]
    assert all(gains.live.dtype == torch.float32 for gains in paths.gains.values())
    begin(rack, [("cat", 1.0)])
    assert any(not torch.equal(a, b) for a, b in zip(base, play(), strict=True))
    begin(rack, [("cat", 0.0)])
    paths.on = True  # as a graph has it that was captured with paths
    assert all(torch.equal(a, b) for a, b in zip(base, play(), strict=True))
    begin(rack, [])
    assert all(torch.equal(a, b) for a, b in zip(base, play(), strict=True))
    assert addresses == [gains.live.data_ptr() for gains in paths.gains.values()]


def test_shipped_model_with_gains_is_near_its_network(tmp_path: Path) -> None:
    """int8 base and its gains against float32: as near as without an adapter."""
    ours, theirs = load_models(), load_models(compiled=False)
    write_random(tmp_path, ours, "cat", 1, rank=8, size=0.3, dora=True)
    distance = []
    for mix in ([], [("cat", 1.0)]):
        said = []
        for models in (ours, theirs):
            rack = AdapterRack(models)
            rack.load(tmp_path / "cat")
            begin(rack, mix)
            x = np.random.default_rng(1).standard_normal(models.player.config.width).astype(np.float32)
            if models.compiled is not None:
                compiled = CompiledPlayer(models.player, models.compiled[0])
                compiled.state.blocks.x[0] = x
                step(models.compiled[0].blocks, compiled.state.blocks, 1)
                said.append(compiled.state.blocks.normed[0].copy())
            else:
                with torch.no_grad():
                    said.append(models.player.transformer(torch.from_numpy(x)[None, None], models.player.memory(None))[0, 0].numpy())
        distance.append(float(np.linalg.norm(said[0] - said[1]) / np.linalg.norm(said[1])))
    assert distance[1] < max(2 * distance[0], 0.02), distance
