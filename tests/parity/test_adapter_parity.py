"""Adapters, paths and gains: compiled kernels, static PyTorch frame and merged weights play the same; strength 0 is the base."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from jamd.contract.errors import AdapterError
from model.adapters.base import base_hash
from model.adapters.format import MANIFEST, read_adapter
from model.adapters.rack import FADE_STEPS, AdapterRack
from model.adapters.training import merge
from model.conditioning import CONTROL_WIDTH, ROLL_WIDTH
from model.config import PLAYER as PRESETS
from model.generator.compiled_planner import CompiledPlannerCore
from model.generator.compiled_player import CompiledPlayer
from model.generator.events import ADVANCES, CONTEXT_WIDTH
from model.generator.frame import Frame
from model.generator.models import Models, load_models, random_models
from model.generator.planner import Planner, PlannerCore, Sampling
from model.generator.player import Player
from model.layers.compiled import step
from tests.unit.model.adapters.rig import PLANNER, PLAYER, tiny_models, write_random

Mix = list[tuple[str, float]]
MIXES: list[Mix] = [[("ann", 0.7), ("bo", 1.2)], [("cat", 1.0)], [("ann", 0.7), ("cat", 0.6), ("dee", 1.2)]]
"""Paths alone; one with gains; a blend of paths alone with two that have gains."""
RACK = {"ann": {"rank": 4}, "bo": {"rank": 8}, "cat": {"rank": 4, "dora": True}, "dee": {"rank": 8, "dora": True}}


def inputs(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    controls = rng.standard_normal((count, CONTROL_WIDTH)).astype(np.float32)
    roll = rng.random((count, ROLL_WIDTH)) * (rng.random((count, ROLL_WIDTH)) < 0.03)
    return controls, roll.astype(np.float32)


def begin(rack: AdapterRack, mix: Mix) -> None:
    """A set, faded in before anything sounds."""
    rack.use(mix)
    rack.switch()
    for _ in range(FADE_STEPS):
        rack.advance()
    assert not rack.fading


def rack_of(models: Models, root: Path) -> AdapterRack:
    rack = AdapterRack(models)
    for seed, (name, options) in enumerate(RACK.items()):
        if not (root / name).exists():
            write_random(root, models, name, seed, alpha=1.5 * options["rank"], **options)
        rack.load(root / name)
    return rack


def hidden(voice: CompiledPlayer, count: int, guidance: float) -> np.ndarray:
    """What the transformer says in each step, with the same given codes."""
    controls, roll = inputs(count)
    voice.set_guided(guidance != 1.0)
    out = []
    for index in range(count):
        voice.feed(np.full((1, 3), index % 64), controls[index : index + 1], roll[index : index + 1])
        out.append(voice.state.blocks.normed[: voice.rows].copy())
    return np.array(out)


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("guidance", [1.0, 2.5])
def test_compiled_player_draws_the_codes_of_the_hooked_frame(tmp_path: Path, guidance: float, mix: Mix) -> None:
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


@pytest.mark.parametrize("mix", [*MIXES[:2], [("cat", 0.6), ("ann", 0.7)]])
def test_the_path_is_merged_weights(tmp_path: Path, mix: Mix) -> None:
    """In float, over whole sequences, through both networks. Of a blend the one with gains is merged first: they are of the base's rows."""
    models = tiny_models(False)
    rack = rack_of(models, tmp_path)
    player, planner = Player(PLAYER).eval(), Planner(PLANNER).eval()
    player.load_state_dict(models.player.state_dict())
    planner.load_state_dict(models.planner.state_dict())
    x = torch.randn(2, 20, 64, generator=torch.Generator().manual_seed(0))
    memory = player.memory(None, 2)
    with torch.no_grad():
        base = models.player.transformer(x, memory)
        begin(rack, mix)
        for name, strength in mix:
            for network in (player, planner):
                merge(network, read_adapter(tmp_path / name).tensors, strength * 1.5, strength)
        merged = player.transformer(x, memory)
        assert torch.allclose(models.player.transformer(x, memory), merged, atol=2e-5)
        assert (base - merged).norm() > 0.2 * base.norm()
        assert torch.allclose(models.planner.transformer(x[..., :32]), planner.transformer(x[..., :32]), atol=2e-5)


@pytest.mark.parametrize("mix", [MIXES[0], MIXES[2]])
def test_compiled_planner_writes_the_events_of_the_network(tmp_path: Path, mix: Mix) -> None:
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
        plain = events(models.plan_core(1))
        begin(rack_of(models, tmp_path), mix)
        written.append(events(models.plan_core(1)))
        assert plain != written[-1]
    assert written[0] == written[1]


@pytest.mark.parametrize("name", ["bo", "cat"])
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_strength_zero_is_the_base_bit_for_bit(tmp_path: Path, guidance: float, name: str) -> None:
    models = tiny_models(True)
    assert models.compiled is not None
    base = hidden(CompiledPlayer(models.player, models.compiled[0]), 40, guidance)
    rack = rack_of(models, tmp_path)
    begin(rack, [("ann", 0.0), (name, 0.0), ("dee", 0.0)])
    assert np.array_equal(base, hidden(CompiledPlayer(models.player, models.compiled[0]), 40, guidance))
    distances = []
    for strength in (0.25, 0.5, 1.0):
        rack.strength(name, strength)
        for _ in range(FADE_STEPS):
            rack.advance()
        distances.append(float(np.linalg.norm(hidden(CompiledPlayer(models.player, models.compiled[0]), 40, guidance) - base)))
    assert 0 < distances[0] < distances[1] < distances[2]
    begin(rack, [])
    assert np.array_equal(base, hidden(CompiledPlayer(models.player, models.compiled[0]), 40, guidance))


def test_after_a_swap_and_back_the_same_state_goes_on_as_the_base(tmp_path: Path) -> None:
    """Streams of both networks that lived through adapters, once they have gone, against fresh streams that take over their state."""
    models = tiny_models(True)
    assert models.compiled is not None and models.compiled_planner is not None
    rack = rack_of(models, tmp_path)
    voice = CompiledPlayer(models.player, models.compiled[0])
    for mix in ([("ann", 1.0)], [("bo", 0.5), ("ann", 1.0)], [("bo", 0.5), ("cat", 1.0)], []):
        rack.use(mix)
        rack.switch()
        for _ in range(10):
            rack.advance()
            hidden(voice, 1, 1.0)
    clean = tiny_models(True)
    assert clean.compiled is not None
    fresh = CompiledPlayer(clean.player, clean.compiled[0])
    for name in ("keys", "values", "key_scale", "value_scale", "place"):
        getattr(fresh.state.blocks, name)[:] = getattr(voice.state.blocks, name)
    fresh.state.history[:] = voice.state.history
    assert np.array_equal(hidden(voice, 30, 1.0), hidden(fresh, 30, 1.0))


@pytest.mark.parametrize("dora", [False, True])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_in_pytorch_strength_zero_is_exact_and_nothing_moves(tmp_path: Path, precision: str, dora: bool) -> None:
    """The hooks' tensors keep their addresses through swaps, so that a CUDA graph holds; gains stay in float32."""
    models = tiny_models(False)
    write_random(tmp_path, models, "ann", 1, dora=dora)
    if precision == "bf16":
        whole = models
        for parameter in models.player.parameters():
            parameter.data = parameter.data.bfloat16()
        models = Models("tiny", whole.codec, whole.planner, whole.player, base="x")

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
    if precision == "bf16":  # the hash of whole weights is not to be had from rounded ones
        path = tmp_path / "ann" / MANIFEST
        path.write_text(path.read_text().replace(tiny_hash(), "x"))
    rack.load(tmp_path / "ann")
    paths = models.player.transformer.paths

    def addresses() -> list[int]:
        tensors = [tensor for low in paths.low.values() for tensor in low]
        return [tensor.data_ptr() for tensor in (*tensors, *(gains.live for gains in paths.gains.values()))]

    begun = addresses()
    assert all(gains.live.dtype == torch.float32 for gains in paths.gains.values())
    begin(rack, [("ann", 1.0)])
    assert paths.on
    assert any(not torch.equal(a, b) for a, b in zip(base, play(), strict=True))
    begin(rack, [("ann", 0.0)])
    assert not paths.on
    paths.on = True  # as a graph has it that was captured with paths
    assert all(torch.equal(a, b) for a, b in zip(base, play(), strict=True))
    begin(rack, [])
    assert all(torch.equal(a, b) for a, b in zip(base, play(), strict=True))
    assert addresses() == begun


def test_nf4_layers_have_the_paths_too(tmp_path: Path) -> None:
    models = random_models("small", precision="nf4", player=replace(PRESETS["small"], layers=2))
    with pytest.raises(AdapterError, match="rounded"):
        base_hash(models)
    models = replace(models, base="untrained")
    write_random(tmp_path, models, "ann", 1, networks=("player",))

    def keys() -> torch.Tensor:
        frame = Frame(models.player, models.codec)
        frame.given.fill_(3)
        for _ in range(3):
            frame()
        return frame.keys[-1][:, :, :3].clone()

    keys()  # bitsandbytes lays out its weights for some processors at the first call
    base = keys()
    rack = AdapterRack(models)
    rack.load(tmp_path / "ann")
    begin(rack, [("ann", 1.0)])
    assert not torch.equal(keys(), base)
    begin(rack, [])
    assert torch.equal(keys(), base)


def tiny_hash() -> str:
    return base_hash(tiny_models(False))


@pytest.mark.parametrize("dora", [False, True])
def test_shipped_model_with_an_adapter_is_near_its_network(tmp_path: Path, dora: bool) -> None:
    """int8 base and float path against float32 of both: as near as without an adapter."""
    ours, theirs = load_models(), load_models(compiled=False)
    write_random(tmp_path, ours, "ann", 1, rank=8, size=0.3, dora=dora)
    assert ours.base == theirs.base
    distance = []
    for mix in ([], [("ann", 1.0)]):
        said = []
        for models in (ours, theirs):
            rack = AdapterRack(models)
            rack.load(tmp_path / "ann")
            begin(rack, mix)
            if models.compiled is not None:
                compiled = CompiledPlayer(models.player, models.compiled[0])
                compiled.state.blocks.x[0] = np.random.default_rng(1).standard_normal(models.player.config.width)
                step(models.compiled[0].blocks, compiled.state.blocks, 1)
                said.append(compiled.state.blocks.normed[0].copy())
            else:
                x = torch.from_numpy(np.random.default_rng(1).standard_normal(models.player.config.width).astype(np.float32))
                with torch.no_grad():
                    said.append(models.player.transformer(x[None, None], models.player.memory(None))[0, 0].numpy())
        distance.append(float(np.linalg.norm(said[0] - said[1]) / np.linalg.norm(said[1])))
    assert distance[1] < max(2 * distance[0], 0.02), distance


def test_cores_that_exist_follow(tmp_path: Path) -> None:
    models = tiny_models(True)
    rack, core = rack_of(models, tmp_path), models.plan_core(1)
    assert isinstance(core, CompiledPlannerCore)
    context = np.ones((ADVANCES, CONTEXT_WIDTH), np.float32)

    def heard() -> np.ndarray:
        core.rewind(0)
        core.begin()
        core.read([0, 0, 0, 60, 0, 0], context[0])
        return core.state.blocks.normed.copy()

    base = heard()
    begin(rack, [("bo", 1.0)])
    assert not np.array_equal(base, heard())
    begin(rack, [])
    assert np.array_equal(base, heard())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("early", [False, True])
def test_graphs_follow_the_rack(tmp_path: Path, early: bool) -> None:
    """A stream with its two graphs, made before or after the rack, against plain calls on the CPU."""
    models, plain = tiny_models(False), tiny_models(False)
    models.codec.to("cuda")
    models.player.to("cuda")
    if early:
        models.prepare(1)
    racks = [rack_of(models, tmp_path), rack_of(plain, tmp_path)]
    frames = [models.frames.pop() if early else Frame(models.player, models.codec), Frame(plain.player, plain.codec)]
    given = torch.randint(0, 64, (60, 3), generator=torch.Generator().manual_seed(1))
    graphs = [frames[0]._call.graph, frames[0]._adapted.graph]  # type: ignore[union-attr]
    assert all(graphs)
    controls, roll = inputs(60)
    for index in range(60):
        for rack, frame in zip(racks, frames, strict=True):
            if index % 20 == 5:
                rack.use([("ann", 0.8), ("bo", 0.5)] if index // 20 != 1 else [])
                rack.switch()
            rack.advance()
            frame.controls.copy_(torch.from_numpy(controls[None, index : index + 1]))
            frame.roll.copy_(torch.from_numpy(roll[None, index : index + 1]))
            frame.given.copy_(given[index])
            frame()
        assert torch.allclose(frames[0].keys[-1].cpu(), frames[1].keys[-1], atol=1e-3), index
    assert [frames[0]._call.graph, frames[0]._adapted.graph] == graphs  # type: ignore[union-attr]
