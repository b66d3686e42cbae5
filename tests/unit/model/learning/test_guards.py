"""An adapter is judged on playing of its own: bad ones are found out, and the base is what it was."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from jamd.contract.errors import AdapterError
from jamd.contract.units import FRAME_RATE, SAMPLE_RATE
from model.adapters.format import Adapter, Guard, Manifest, read_adapter, write_adapter
from model.adapters.rack import AdapterRack
from model.adapters.training import TARGETS, add_lora, lora_tensors
from model.corpus.notes import make_notes
from model.corpus.piece import make_piece
from model.generator.events import encode
from model.generator.models import Models, load_models
from model.learning import guards
from model.learning.examples import Example
from model.learning.guards import Extent, Losses, _worst, check_adapter
from model.learning.learn import keeping_order, turned_down
from model.learning.losses import held_out_losses, player_loss
from model.learning.memorising import longest_copy, notes_guard, sound_guard
from model.learning.prepare import Prepared, prepare
from model.learning.training import Fitted
from model.learning.trials import CASES, FORM, Take, play, write_on
from model.learning.verdict import ABOUT, failed, measured
from model.training.planner import PlannerPiece, contexts_of
from tests.unit.model.adapters.rig import random_tensors
from tests.unit.model.learning.files import write as write_sound

SHORT = Extent(free_s=4.0, cases=CASES[1:2], draws=1, case_s=2.5, clips=1, clip_s=1.0, unharmed_s=0.5)
LONGER = replace(SHORT, cases=CASES[:3], case_s=4.0)
"""So long that a wild band does not meet the chart by chance."""
SHORTEST = Extent(free_s=1.0, cases=(), clips=0, unharmed_s=0.5)


def no_tick() -> None:
    pass


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models("small")


@pytest.fixture(scope="module")
def prepared(models: Models, band: tuple[object, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """44 s of a trio: a clip to learn from, one kept free, one held out."""
    folder = tmp_path_factory.mktemp("playing")
    return prepare([write_sound(folder / "band.flac", band[1])], models, folder / "made", force=True)


def write(models: Models, root: Path, name: str, tensors: dict[str, Tensor], rank: int) -> Path:
    manifest = Manifest(
        name=name, created="2026-01-01T00:00:00+00:00", base=models.name, base_hash=models.base, rank=rank, alpha=2.0 * rank,
        targets=sorted({key.split(".")[3] for key in tensors}), networks=sorted({key.split(".")[0] for key in tensors}),
    )  # fmt: skip
    return write_adapter(root, Adapter(manifest, tensors))


def adapter_of(models: Models, root: Path, name: str, size: float, networks: tuple[str, ...] = ("player",)) -> Path:
    """Random, of about `size` times what the base's matrices do."""
    return write(models, root, name, random_tensors(models, 5, 4, size, networks, ("qkv", "out")), 4)


# --- losses on held-out playing


def test_held_out_losses_are_those_of_the_clips_and_the_same_every_time(prepared: Prepared, models: Models) -> None:
    models.player.train()
    found = held_out_losses(models.player, models.planner, prepared)
    assert models.player.training
    models.player.eval()
    assert found == held_out_losses(models.player, models.planner, prepared)
    assert set(found) == {"player"}  # a band has no notes for the planner
    example, total = prepared.held_out[0], 0.0
    assert len(prepared.held_out) == 1
    edges = np.linspace(0, example.steps, -(-example.steps // models.player.config.window) + 1).round().astype(int)
    for start, end in pairwise(edges.tolist()):
        codes, controls, plan, before, _ = example.draw(np.random.default_rng(0), end - start, start)
        style = example.styles[int((start + end) / 2 / example.steps * len(example.styles))]
        with torch.no_grad():
            loss = player_loss(models.player, [(codes, controls, plan, before, style)], "cpu")
        assert loss.shape == (models.player.config.levels,)
        total += float(loss.mean()) * (end - start)
    assert found["player"] == pytest.approx(total / example.steps, rel=1e-4)


# --- whole checks


def test_an_adapter_that_learnt_nothing_is_no_better_than_the_base_and_harms_nothing(
    prepared: Prepared, models: Models, tmp_path: Path
) -> None:
    before = play(models, FORM, 0.5, 9, no_tick)
    told: list[tuple[str, float]] = []
    found = check_adapter(
        models, adapter_of(models, tmp_path, "nobody", 0.0), prepared, progress=lambda what, share: told.append((what, share)), extent=SHORT
    )
    assert not found["held_out"].ok and found["held_out"].value == 1.0
    assert all(guard.ok for name, guard in found.items() if name != "held_out"), found
    assert found["chart"].value == 1.0 and found["unharmed"] == Guard(True, 0.0, 0.0)
    assert set(found) <= set(ABOUT)
    assert json.loads(json.dumps([(guard.value, guard.limit) for guard in found.values()], allow_nan=False))
    shares = [share for _, share in told]
    assert shares == sorted(shares) and 0.0 <= shares[0] < 0.1 and shares[-1] == 1.0
    assert np.array_equal(play(models, FORM, 0.5, 9, no_tick).audio, before.audio)


def test_an_adapter_gone_wild_is_found_out_and_leaves_the_base_alone(prepared: Prepared, models: Models, tmp_path: Path) -> None:
    found = check_adapter(models, adapter_of(models, tmp_path, "wild", 300.0, ("player", "planner")), prepared, extent=LONGER)
    assert not found["held_out"].ok and found["held_out"].value > 1.1
    assert not found["chart"].ok and found["chart"].value < 0.9
    assert not all(found[name].ok for name in ("energy", "silence", "tempo", "grid"))
    assert found["memorising"].ok and found["unharmed"].ok
    assert any("chord" in sentence for sentence in failed(found))


def test_without_held_out_clips_nothing_is_known_and_a_rack_that_leaks_is_noticed(
    prepared: Prepared, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(AdapterRack, "strength", lambda self, name, value: None)  # it stays where it is
        found = check_adapter(
            models, adapter_of(models, tmp_path, "leak", 1.0), replace(prepared, examples=prepared.training), extent=SHORTEST
        )
    assert not found["unharmed"].ok and found["unharmed"].value > 0.0
    assert not found["held_out"].ok and "no clip was held out" in measured("held_out", found["held_out"])


def test_an_adapter_of_another_base_is_refused(prepared: Prepared, models: Models, tmp_path: Path) -> None:
    folder = adapter_of(replace(models, base="0" * 64), tmp_path, "foreign", 0.1)
    with pytest.raises(AdapterError, match="another base"):
        check_adapter(models, folder, prepared, extent=SHORTEST)


def test_a_ratio_below_one_is_better(models: Models, tmp_path: Path) -> None:
    adapter = read_adapter(adapter_of(models, tmp_path, "both", 0.1, ("player", "planner")))
    found = guards._held_out(Losses({"player": 4.0, "planner": 8.0}, {"player": 3.9, "planner": 8.4}), adapter)
    assert found == {"held_out": Guard(True, pytest.approx(0.975), 1.0), "held_out_plan": Guard(False, pytest.approx(1.05), 1.0)}


# --- copying


def test_the_longest_copy_is_found_through_mistakes_and_not_in_held_tones() -> None:
    rng = np.random.default_rng(3)
    clips = [rng.integers(2048, size=900) for _ in range(3)]
    played = rng.integers(2048, size=600)
    assert longest_copy(played, clips) < 3
    played[100:300] = clips[1][450:650]
    assert longest_copy(played, clips) == pytest.approx(200, abs=2)
    played[200:205] = (played[200:205] + 1) % 2048
    assert longest_copy(played, clips) == pytest.approx(190, abs=2)
    held = np.full(600, 7)
    assert longest_copy(held, [held]) == 1
    assert longest_copy(played[:0], clips) == 0.0 and longest_copy(played, []) == 0.0


def test_the_limit_of_copying_rises_with_what_others_share() -> None:
    rng = np.random.default_rng(4)
    clip, loop = rng.integers(2048, size=900), rng.integers(2048, size=150)
    copied = rng.integers(2048, size=600)
    copied[50:200] = clip[300:450]
    found = sound_guard([copied], [rng.integers(2048, size=600)], [clip])
    assert not found.ok and found.limit == 1.0 and found.value == pytest.approx(150 / FRAME_RATE, abs=0.03)
    clip[:150] = loop  # a drum loop, say, that the base and other recordings have too
    copied[50:200] = loop
    assert sound_guard([copied], [np.concatenate([rng.integers(2048, size=40), loop])], [clip]).ok


def line(pitches: np.ndarray) -> np.ndarray:
    return make_notes([(3, int(pitch), 80.0, index / 2, 0.5) for index, pitch in enumerate(pitches)], 120.0)


def test_lines_of_the_clips_are_found_in_plans_in_any_key() -> None:
    rng = np.random.default_rng(5)
    known, other = 60 + rng.integers(-9, 9, 64), 60 + rng.integers(-9, 9, 64)
    assert notes_guard([line(known)], [], []) is None
    found = notes_guard([line(np.concatenate([other[:20], known[10:40] + 2]))], [line(other)], [line(known)])
    assert found is not None and not found.ok and found.value == pytest.approx(29, abs=3) and found.limit == 20
    found = notes_guard([line(other)], [line(other)], [line(known)])
    assert found is not None and found.ok and found.value < 8


def test_a_clip_that_is_known_by_heart_is_found_out(prepared: Prepared, models: Models, tmp_path: Path) -> None:
    whole = prepared.training[0]
    clip = Example(whole.folder)  # its first two seconds
    clip.__dict__.update(codes=whole.codes[:150], controls=whole.controls[:150], styles=whole.styles, notes=None, before=whole.before)
    item = clip.draw(np.random.default_rng(0), clip.steps, 0)
    player = load_models("small", compiled=False).player
    torch.manual_seed(1)
    add_lora(player, 32, 64.0, 0.0, TARGETS)
    trained = [parameter for parameter in player.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, 5e-3)
    for _ in range(38):
        loss = player_loss(player, [(*item[:4], clip.styles[0])], "cpu").mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
    tensors = lora_tensors(player)
    folder = write(models, tmp_path, "parrot", tensors, 32)
    alone = replace(prepared, examples=[clip, *prepared.held_out])
    found = check_adapter(models, folder, alone, Losses({"player": 4.0}, {"player": 3.9}), extent=replace(SHORTEST, clips=1, clip_s=1.4))
    assert not found["memorising"].ok and found["memorising"].value > 1.1 and found["memorising"].limit == 1.0
    assert found["held_out"].ok and "plays back" in " ".join(failed(found))


def test_notes_are_written_on_from_a_place_in_a_clip(models: Models) -> None:
    made = make_piece(19, tempo=100.0, bars=12, feel="swing", parts=(True, False, False, False), density=0.5)
    events, beats = encode(made.notes)
    piece = PlannerPiece(events, np.minimum(beats, 48), contexts_of(made))
    start = len(events) // 2
    written = write_on(models, piece, start, 1)
    assert len(written) > 8 and set(written["part"]) == {0}
    assert beats[start - 1] <= written["beat"].min() < beats[start - 1] + 8 and 40 < written["beat"].max() < 48
    assert np.array_equal(written, write_on(models, piece, start, 1))


# --- energy


def take(audio: np.ndarray) -> Take:
    return Take(FORM, np.repeat(audio[:, None], 2, axis=1).astype(np.float32), make_notes([], 120.0), np.zeros(1, np.int64))


def test_playing_that_dies_away_or_stops_fails() -> None:
    noise = np.random.default_rng(6).normal(size=20 * SAMPLE_RATE) * 0.1
    even = take(noise)
    assert all(guard.ok for guard in guards._energy(even, even).values())
    fading = guards._energy(even, take(noise * np.geomspace(1, 0.1, len(noise))))
    assert not fading["energy"].ok and fading["energy"].value > 8 and fading["silence"].ok
    soft = guards._energy(even, take(noise * 0.25))
    assert not soft["energy"].ok and soft["energy"].value == pytest.approx(12, abs=0.5)
    gap = noise.copy()
    gap[8 * SAMPLE_RATE : 11 * SAMPLE_RATE] = 0.0
    stopped = guards._energy(even, take(gap))
    assert stopped["energy"].ok and not stopped["silence"].ok and stopped["silence"].value == pytest.approx(3, abs=0.1)
    nothing = guards._energy(even, take(noise * 0))
    assert not nothing["energy"].ok and not nothing["silence"].ok and np.isfinite(nothing["energy"].value)


def test_a_case_is_judged_by_the_median_of_its_takes() -> None:
    takes = [
        Take(case, np.zeros((1, 2), np.float32), make_notes([], case.tempo), np.zeros((1, 4), np.int64)) for case in (FORM, *CASES[:2] * 3)
    ]
    assert _worst(takes, [0.1, 2.7, 0.2, 0.1, 0.3, 0.4, 0.1]) == 0.4, "one loose take of three is chance"
    assert _worst(takes, [0.1, 2.7, 0.2, 1.9, 0.3, 0.4, 0.1]) == 1.9
    assert _worst(takes, [3.0, 0.1, 0.2, 0.1, 0.3, 0.4, 0.1]) == 3.0


def test_what_was_learnt_is_turned_down_in_proportion() -> None:
    draw = torch.Generator().manual_seed(3)
    tensors = {name: torch.randn(shape, generator=draw) for name, shape in (("a.lora_A", (2, 5)), ("a.lora_B", (7, 2)), ("a.gain", (7,)))}
    lower = turned_down(Fitted("planner", tensors, 1, 1.0, 0.5, 1, 1, 1.0, "all rounds done"), 0.75)
    whole = tensors["a.lora_B"] @ tensors["a.lora_A"]
    torch.testing.assert_close(lower.tensors["a.lora_B"] @ lower.tensors["a.lora_A"], 0.75 * whole)
    torch.testing.assert_close(lower.tensors["a.gain"] - 1, 0.75 * (tensors["a.gain"] - 1))
    assert "0.75" in lower.ended


@pytest.mark.parametrize("held_out", [True, False])
@pytest.mark.parametrize(("keeps", "kept"), [(1.0, 1.0), (0.8, 0.75), (0.6, 0.5), (0.3, 1.0)])
def test_as_much_of_the_plan_is_kept_as_keeps_chart_and_time(keeps: float, kept: float, held_out: bool) -> None:
    player, planner = (Fitted(name, {f"{name}.lora_B": torch.ones(2)}, 1, 4.0, 3.0, 1, 1, 1.0, "done") for name in ("player", "planner"))

    def check(fitted: list[Fitted]) -> dict[str, Guard]:
        share = float(fitted[1].tensors["planner.lora_B"][0])
        order = {name: Guard(name != "tempo" or share <= keeps, 1.0, 1.0) for name in ("chart", "tempo", "grid")}
        return order | ({"held_out_plan": Guard(True, 1 - share / 4, 1.0)} if held_out else {})

    fitted, found = keeping_order([player, planner], check)
    assert fitted[0] is player and float(fitted[1].tensors["planner.lora_B"][0]) == kept
    assert found["tempo"].ok == (keeps != 0.3)
    assert fitted[1].held_out == pytest.approx(4.0 * (1 - kept / 4) if held_out else 3.0)
