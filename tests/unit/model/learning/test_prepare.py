"""A folder of recordings becomes what the player's and the planner's trainings read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from jamd.contract.errors import UsageError
from jamd.contract.units import SAMPLE_RATE
from model.conditioning import CONTROL_WIDTH, ROLL_WIDTH
from model.corpus.piece import Piece
from model.generator.models import Models, load_models
from model.learning.listening import Ear
from model.learning.material import gather
from model.learning.prepare import Prepared, _name, load_prepared, prepare
from model.learning.recordings import Audio
from model.learning.told import Told
from tests.unit.model.learning.files import opened, write

Rendered = tuple[Piece, Audio]


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models("small", compiled=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, band: Rendered, solo: Rendered) -> Path:
    out = tmp_path_factory.mktemp("given")
    write(out / "band.mp3", band[1], 44_100)
    write(out / "solo.flac", solo[1])
    return out


@pytest.fixture(scope="module")
def prepared(folder: Path, models: Models, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare([folder], models, tmp_path_factory.mktemp("made"), force=True)


def test_examples_hold_what_the_player_reads(prepared: Prepared, models: Models) -> None:
    assert prepared.training and prepared.held_out
    rng = np.random.default_rng(0)
    for example in prepared.examples:
        codes, controls, plan, before, style = example.draw(rng, 256)
        assert codes.shape == (256, 8) and codes.min() >= 0 and codes.max() < 2048
        assert controls.shape == (256, CONTROL_WIDTH) and plan.shape == (256, ROLL_WIDTH)
        assert before.shape == (3, 8) and style.shape == (512,)
        assert np.linalg.norm(style) == pytest.approx(1.0, abs=1e-3)
        assert example.controls.shape[0] == example.steps
        with pytest.raises(ValueError, match="crop"):
            example.draw(rng, example.steps + 1)
    assert np.linalg.norm(prepared.style) == pytest.approx(1.0, abs=1e-3)


def test_codes_are_those_of_the_clip_and_go_on_from_the_one_before(prepared: Prepared, models: Models) -> None:
    """The decoded codes sound like the recording; the first crop of a clip inside a file knows the codes before it."""
    example = next(e for e in prepared.examples if e.about["start_s"] > 5 and e.about["file"].endswith("flac"))
    import soundfile

    whole, _ = soundfile.read(example.about["file"], dtype="float32")
    begin = round(example.about["start_s"] * SAMPLE_RATE)
    true = whole[begin : begin + 4 * SAMPLE_RATE].mean(axis=1)
    sound = models.codec.decode(torch.from_numpy(example.codes[: 75 * 5].astype(np.int64))[None])[0].mean(dim=0).numpy()
    # decoding is one step late
    assert np.corrcoef(sound[640 : 640 + len(true)], true)[0, 1] > 0.8
    assert (example.before >= 0).all()
    assert np.array_equal(example.draw(np.random.default_rng(0), 64, 0)[3], example.before)
    assert np.array_equal(example.draw(np.random.default_rng(0), 64, 10)[3], example.codes[7:10])


def test_the_player_learns_from_them(prepared: Prepared, models: Models) -> None:
    """Codes and controls mean to the network what they meant in its training: its loss is far below that of shuffled codes."""
    player, rng = models.player, np.random.default_rng(1)
    items = [example.draw(rng, 200) for example in prepared.training]
    levels = player.config.levels
    codes, controls, plan, before, style = (torch.from_numpy(np.stack(column)) for column in zip(*items, strict=True))
    first = player.vectors(before[..., :levels].clamp(min=0)).sum(dim=-2) * (before[..., :1] >= 0)
    with torch.no_grad():
        told = float(player(codes[..., :levels], controls, plan, first, style).mean())
        shuffled = codes[:, torch.randperm(200, generator=torch.Generator().manual_seed(0))]
        mixed = float(player(shuffled[..., :levels], controls, plan, first, style).mean())
    assert told < mixed - 0.3


def test_the_report_says_what_was_done(prepared: Prepared) -> None:
    text = prepared.report.read_text()
    assert "held out" in text and "Used" in text and "bpm" in text and prepared.data_hash in text
    assert "band.mp3" in text and "solo.flac" in text and "plan:" in text


def test_what_is_done_is_not_done_again(prepared: Prepared, folder: Path, models: Models) -> None:
    times = {path: path.stat().st_mtime_ns for path in prepared.folder.rglob("*.npy")}
    told: list[str] = []
    again = prepare([folder], models, prepared.folder, force=True, progress=lambda what, share: told.append(what))
    assert told == [] and [e.folder for e in again.examples] == [e.folder for e in prepared.examples]
    with pytest.raises(UsageError, match="--force"):
        prepare([folder], models, prepared.folder)
    # an interruption: the last clip and the list are missing
    (prepared.folder / "prepared.json").unlink()
    assert load_prepared(prepared.folder) is None
    last = prepared.examples[-1].folder
    (last / "about.json").unlink()
    prepare([folder], models, prepared.folder, force=True)
    for path, time in times.items():
        if path.parent.parent.name == "clips":
            assert (path.stat().st_mtime_ns == time) == (path.parent != last)


def test_a_solo_has_a_plan_and_a_band_has_none(prepared: Prepared, solo: Rendered) -> None:
    solos = [e for e in prepared.examples if e.about["piece"] == "solo.flac"]
    planned = [e for e in solos if e.notes is not None]
    assert len(planned) >= len(solos) / 2
    hits = total = found = 0
    for example in planned:
        notes = example.notes
        assert notes is not None and (notes["part"] == 0).all()
        true = solo[0].notes
        true = true[(true["start"] >= example.about["start_s"]) & (true["start"] < example.about["end_s"])]
        start = true["start"] - example.about["start_s"]
        hits += sum(bool(((np.abs(start - n["start"]) < 0.05) & (true["pitch"] == n["pitch"])).any()) for n in notes)
        found, total = found + len(notes), total + len(true)
        assert example.roll(0, 100)[:, -1].all()
    assert 2 * hits / (found + total) > 0.65
    bands = [e for e in prepared.examples if e.about["piece"] == "band.mp3"]
    assert bands and all(e.notes is None and not e.roll(0, 50).any() for e in bands)
    assert all(e.planner_piece() is None for e in bands)


def test_planner_events_where_chords_and_bars_are_sure(tmp_path: Path, solo: Rendered, models: Models) -> None:
    """With what is heard made sure, a solo clip becomes events that the planner's own crop takes."""
    from dataclasses import replace

    from model.learning.clips import Clip
    from model.learning.examples import Example, write_example
    from model.training.planner import crop

    recording = opened(write(tmp_path / "solo.flac", solo[1]))
    heard = Ear(solo[1], SAMPLE_RATE).hear(0.0, 15.0)
    sure = tuple(replace(s, heard=replace(s.heard, root_sure=1.0, sure=1.0)) for s in heard.chords)
    heard = replace(heard, chords=sure, bars_sure=1.0, on_beat=1.0, tempo_sure=1.0, steady=1.0)
    assert heard.solo == "piano"
    (tmp_path / "clip").mkdir()
    write_example(Clip(recording, 0.0, 15.0, 1.0, (0.0, 0.0), "solo", heard), tmp_path / "clip", models.codec, models.style)
    piece = Example(tmp_path / "clip").planner_piece()
    assert piece is not None and len(piece.events) == len(piece.beats) > 10
    assert json.loads((tmp_path / "clip" / "about.json").read_text())["planner"] is True
    events, contexts, style = crop(piece, np.random.default_rng(0), 64)
    loss = models.planner(torch.from_numpy(events)[None], torch.from_numpy(contexts)[None], torch.from_numpy(style)[None])
    assert torch.isfinite(loss).all()


def test_without_an_ear_for_notes_there_is_no_plan(folder: Path, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from model.metrics import transcribe

    monkeypatch.setattr(transcribe, "available", lambda: False)
    made = prepare([folder / "solo.flac"], models, tmp_path / "made", force=True, style="warm ballad piano")
    assert all(example.notes is None for example in made.examples)
    assert "onnxruntime is not installed" in made.report.read_text()
    assert np.linalg.norm(made.style) == pytest.approx(1.0, abs=1e-3)


def test_what_the_musician_says_that_plays_is_believed(models: Models, band: Rendered, tmp_path: Path) -> None:
    path = write(tmp_path / "band.flac", band[1])
    heard = prepare([path], models, tmp_path / "heard", force=True)
    said = prepare([path], models, tmp_path / "said", force=True, plays=("piano",))
    assert all(example.about["parts"] == ["piano"] for example in said.examples)
    assert any(example.about["parts"] != ["piano"] for example in heard.examples)


def test_a_clip_is_made_anew_when_anything_told_of_it_changes(tmp_path: Path, solo: Rendered, models: Models) -> None:
    path = write(tmp_path / "solo.flac", solo[1])
    names = []
    for swing in (0.5, 0.7, 0.5):
        told = {path.resolve(): Told(solo[0].tempo, solo[0].chart, swing=swing, starts_s=0.0)}
        names.append([_name(clip, models) for clip in gather([path], force=True, plays=("piano",), told=told).clips])
    assert names[0] == names[2] and not set(names[0]) & set(names[1])
