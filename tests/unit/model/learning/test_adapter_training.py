"""Training of low-rank paths on small networks: it learns, ends early, and goes on as if it had not been interrupted."""

from __future__ import annotations

import json
import resource
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from jamd.contract.errors import FailureError, UsageError
from model.adapters.training import load_lora
from model.conditioning import CONTROL_WIDTH
from model.config import PlannerConfig, PlayerConfig
from model.corpus.notes import NOTE_DTYPE
from model.generator.events import CONTEXT_WIDTH
from model.generator.planner import Planner
from model.generator.player import HISTORY, Player
from model.learning.examples import Example
from model.learning.learn import _begin
from model.learning.lessons import PlannerLesson, PlayerLesson, planner_pieces
from model.learning.prepare import Prepared
from model.learning.recipe import Recipe
from model.learning.training import Interrupted, Progress, Trainer

STEPS = 60
PLAYER = PlayerConfig(
    width=32,
    layers=2,
    heads=2,
    feedforward=48,
    window=24,
    levels=2,
    codebook_size=8,
    latent=8,
    depth_width=16,
    style_tokens=2,
    cross_every=2,
)
PLANNER = PlannerConfig(width=32, layers=2, heads=2, feedforward=48, context=96, style_width=512)
RECIPE = Recipe(
    rank=4, alpha=8.0, dropout=0.0, precision="float32", rate=2e-2, batch=2, accumulate=1, rounds=12.0, replay=0.0, minutes=60.0
)


def _with(**values: object) -> Recipe:
    return replace(RECIPE, **values)  # type: ignore[arg-type]


def make_example(folder: Path, seed: int, held_out: bool) -> Example:
    """A clip that goes up the codes one by one, which no untrained network expects."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    codes = (np.arange(STEPS)[:, None] + rng.integers(8) + np.array([0, 3])) % 8
    np.save(folder / "codes.npy", codes.astype(np.int16))
    np.save(folder / "before.npy", np.full((HISTORY, 2), -1, np.int16))
    np.save(folder / "controls.npy", np.zeros((STEPS, CONTROL_WIDTH), np.float32))
    np.save(folder / "styles.npy", np.zeros((0, 512), np.float32))
    notes = np.zeros(160, NOTE_DTYPE)
    notes["pitch"], notes["velocity"], notes["length"] = np.tile([60, 64], 80), 40, 0.1
    notes["beat"] = np.arange(160) // 2 + np.tile([0.0, 0.125], 80)
    np.savez(folder / "planner.npz", notes=notes, contexts=np.zeros((81, CONTEXT_WIDTH), np.float32))
    about = {"held_out": held_out, "tempo": 120.0, "parts": ["piano"], "file": folder.name, "start_s": 0.0, "bar_s": 0.0, "per_bar": 4}
    (folder / "about.json").write_text(json.dumps(about))
    return Example(folder)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("material")
    examples = [make_example(folder / str(seed), seed, seed >= 4) for seed in range(6)]
    return Prepared(folder, examples, np.zeros(512, np.float32), 8.0, 8.0, 8.0, "data")


def player() -> Player:
    torch.manual_seed(5)
    network = Player(PLAYER).eval().requires_grad_(False)
    network.set_codebooks(torch.randn(2, 8, 8))
    return network


def trainer(folder: Path, prepared: Prepared, recipe: Recipe = RECIPE, stop_at: int = 1 << 30, tell=lambda progress: None) -> Trainer:  # type: ignore[no-untyped-def]
    lesson = PlayerLesson(player(), prepared, [], recipe)
    out = Trainer(lesson, recipe, folder, recipe.minutes, tell, lambda: out.memory.step >= stop_at)
    return out


def test_it_learns_what_is_held_out_and_leaves_the_base_alone(tmp_path: Path, prepared: Prepared) -> None:
    told: list[Progress] = []
    one = trainer(tmp_path, prepared, tell=told.append)
    before = {name: p.clone() for name, p in one.lesson.network.named_parameters() if "lora_" not in name}
    fitted = one.run()
    assert fitted.held_out < 0.7 * fitted.base
    assert fitted.parameters == sum(tensor.numel() for tensor in fitted.tensors.values())
    for name, parameter in one.lesson.network.named_parameters():
        if "lora_" not in name:
            assert torch.equal(parameter, before[name])
    assert told[-1].phase == "player" and told[-1].base == fitted.base
    # what comes out is what was best, put into a network anew
    fresh = PlayerLesson(player(), prepared, [], RECIPE)
    Trainer(fresh, RECIPE, tmp_path / "other", 1.0, lambda progress: None)
    load_lora(fresh.network, fitted.tensors)
    fresh.network.eval()
    assert fresh.held_out() == pytest.approx(fitted.held_out, abs=1e-5)
    names = {line.split(",")[3] for line in (tmp_path / "log.csv").read_text().splitlines()[1:]}
    assert names == {"base_player", "player_loss", "valid_player"}


@pytest.mark.parametrize(("units", "precision", "expected"), [
    (True, "nf4", torch.bfloat16), (True, "float32", torch.float32), (False, "nf4", torch.float32),
])  # fmt: skip
def test_products_are_in_bf16_where_the_machine_has_units_for_it(
    tmp_path: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch, units: bool, precision: str, expected: torch.dtype
) -> None:
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: units)
    one = trainer(tmp_path, prepared, _with(precision=precision), stop_at=1)
    seen = []
    one.lesson.network.transformer.blocks[0].register_forward_hook(lambda block, inputs, output: seen.append(block.up(inputs[0]).dtype))
    with pytest.raises(Interrupted):
        one.run()
    assert seen and set(seen) == {expected}


def test_an_interrupted_training_ends_with_the_same_numbers(tmp_path: Path, prepared: Prepared) -> None:
    whole = trainer(tmp_path / "whole", prepared).run()
    with pytest.raises(Interrupted):
        trainer(tmp_path / "cut", prepared, stop_at=23).run()
    assert (tmp_path / "cut" / "player.safetensors").is_file()
    with pytest.raises(Interrupted):
        trainer(tmp_path / "cut", prepared, stop_at=49).run()
    rest = trainer(tmp_path / "cut", prepared).run()
    assert (rest.step, rest.steps, rest.held_out) == (whole.step, whole.steps, whole.held_out)
    assert all(torch.equal(rest.tensors[name], tensor) for name, tensor in whole.tensors.items())


def test_dora_learns_too_and_goes_on_as_if_it_had_not_been_interrupted(tmp_path: Path, prepared: Prepared) -> None:
    recipe = _with(dora=True, dropout=0.1, precision="nf4", targets="both")

    def one(folder: Path, stop_at: int = 1 << 30) -> Trainer:
        network = player()
        network.transformer.cross["0"].out.weight.data.normal_(std=0.1)  # type: ignore[union-attr]
        lesson = PlayerLesson(network, prepared, [], recipe)
        out = Trainer(lesson, recipe, folder, 60.0, lambda progress: None, lambda: out.memory.step >= stop_at)
        return out

    whole = one(tmp_path / "whole").run()
    assert whole.held_out < 0.7 * whole.base
    assert whole.parameters == sum(tensor.numel() for tensor in whole.tensors.values())
    gains = [tensor for name, tensor in whole.tensors.items() if name.endswith(".gain")]
    assert len(gains) == 10 and max(float((gain - 1).abs().max()) for gain in gains) > 0.02
    with pytest.raises(Interrupted):
        one(tmp_path / "cut", stop_at=23).run()
    rest = one(tmp_path / "cut").run()
    assert rest.held_out == whole.held_out
    assert all(torch.equal(rest.tensors[name], tensor) for name, tensor in whole.tensors.items())
    fresh = one(tmp_path / "other").lesson
    load_lora(fresh.network, whole.tensors)
    fresh.network.eval()
    assert fresh.held_out() == pytest.approx(whole.held_out, abs=1e-3), "of float32, and of bf16 where the machine has it"


def test_a_finished_training_is_not_done_again(tmp_path: Path, prepared: Prepared) -> None:
    first = trainer(tmp_path, prepared).run()
    again = trainer(tmp_path, prepared)
    again._step = lambda: pytest.fail("it trains again")  # type: ignore[method-assign]
    assert again.run().held_out == first.held_out


def test_another_order_does_not_go_on_with_the_state_of_this_one(tmp_path: Path, prepared: Prepared) -> None:
    with pytest.raises(Interrupted):
        trainer(tmp_path, prepared, stop_at=20).run()
    one = trainer(tmp_path, prepared)
    one.signature = "another"
    one._restore()
    assert one.memory.step == 0


def test_a_damaged_state_begins_anew(tmp_path: Path, prepared: Prepared) -> None:
    (tmp_path / "player.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0garbage!")
    assert trainer(tmp_path, prepared).run().steps > 0


def test_it_ends_when_held_out_playing_gains_nothing(tmp_path: Path, prepared: Prepared) -> None:
    fitted = trainer(tmp_path, prepared, _with(rate=1e-12, patience=2)).run()
    assert "no gain" in fitted.ended
    assert fitted.steps < RECIPE.rounds * 100


def test_time_up_keeps_the_best(tmp_path: Path, prepared: Prepared) -> None:
    fitted = trainer(tmp_path, prepared, _with(minutes=1e-6)).run()
    assert fitted.ended == "time up" and fitted.steps == 1


def test_checkpointing_and_accumulation_change_no_gradient(tmp_path: Path, prepared: Prepared) -> None:
    grads = []
    for recipe in (_with(accumulate=1), _with(checkpointing=True)):
        one = trainer(tmp_path / str(len(grads)), prepared, recipe)
        one.lesson.network.train()
        loss = one.lesson.loss(np.random.default_rng(3), 2)
        loss.backward()
        grads.append([p.grad.clone() for p in one.trained.values() if p.grad is not None])
    assert len(grads[0]) == len(grads[1]) > 0
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*grads, strict=True))


def test_full_fine_tuning_trains_every_number(tmp_path: Path, prepared: Prepared) -> None:
    recipe = _with(full=True, rate=5e-2)
    one = trainer(tmp_path, prepared, recipe)
    fitted = one.run()
    assert fitted.parameters == sum(p.numel() for p in one.lesson.network.parameters())
    assert fitted.held_out < fitted.base
    assert set(fitted.tensors) == set(one.lesson.network.state_dict())


def test_the_planner_learns_its_notes(tmp_path: Path, prepared: Prepared) -> None:
    torch.manual_seed(6)
    network = Planner(PLANNER).eval().requires_grad_(False)
    lesson = PlannerLesson(network, prepared, [], RECIPE)
    assert len(lesson.pieces) == 4
    fitted = Trainer(lesson, _with(rounds=40.0), tmp_path, 60.0, lambda progress: None).run()
    assert fitted.held_out < 0.8 * fitted.base
    assert all(name.startswith("planner.") for name in fitted.tensors)


def test_too_few_notes_teach_the_planner_nothing(prepared: Prepared) -> None:
    few = Prepared(prepared.folder, prepared.examples[:2] + prepared.held_out, prepared.style, 1.0, 1.0, 1.0, "data")
    assert planner_pieces(few) == []


@pytest.mark.parametrize(
    "values",
    [
        {"rank": 0},
        {"rank": 4000},
        {"targets": "all"},
        {"networks": ("drummer",)},
        {"batch": 3, "accumulate": 2},
        {"full": True, "dora": True},
    ],
)
def test_recipes_that_cannot_be_trained_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        _with(**values)


def test_a_training_whose_time_was_up_goes_on_with_more(tmp_path: Path, prepared: Prepared) -> None:
    assert trainer(tmp_path, prepared, _with(minutes=1e-6)).run().steps == 1
    assert trainer(tmp_path, prepared, _with(minutes=1e-6)).run().steps == 1
    more = trainer(tmp_path, prepared).run()
    assert more.steps > 1 and more.ended != "time up"


def test_a_full_disk_is_said_in_a_line_and_the_state_before_stays(tmp_path: Path, prepared: Prepared) -> None:
    with pytest.raises(Interrupted):
        trainer(tmp_path, prepared, stop_at=20).run()
    kept = (tmp_path / "player.safetensors").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(FailureError, match=r"player\.safetensors cannot be written") as caught:
            trainer(tmp_path, prepared).run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "player.safetensors").read_bytes() == kept
    assert trainer(tmp_path, prepared).run().steps > 20


def test_orders_tried_in_turn_keep_what_each_has_done(tmp_path: Path) -> None:
    """To and fro between two options: each goes on with its own state, log and auditions."""

    def state() -> tuple[str, list[str]]:
        return (tmp_path / "player.safetensors").read_text(), sorted(path.name for path in (tmp_path / "auditions").iterdir())

    done: dict[str, list[str]] = {}
    for turn, signature in enumerate(("one", "two", "one", "two", "three", "one")):
        _begin(tmp_path, signature)
        if signature in done:
            assert state() == (signature, done[signature])
        else:
            assert not (tmp_path / "player.safetensors").exists() and not (tmp_path / "auditions").exists()
            (tmp_path / "player.safetensors").write_text(signature)
            (tmp_path / "auditions").mkdir()
        (tmp_path / "auditions" / f"{turn}.flac").touch()
        done[signature] = [*done.get(signature, []), f"{turn}.flac"]
