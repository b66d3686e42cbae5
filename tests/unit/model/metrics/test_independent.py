"""The measures by command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from model.corpus.piece import make_piece
from model.corpus.render import write_midi
from model.metrics import fad, independent

RATE = 48_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of eight pieces with their notes and two seconds of noise."""
    folder = tmp_path_factory.mktemp("store")
    rng = np.random.default_rng(0)
    for seed in range(8):
        piece = make_piece(seed, bars=16, parts=[True, True, True, True])
        own = folder / f"{seed:09d}"
        own.mkdir()
        np.save(own / "notes.npy", piece.notes)
        np.save(own / "mix.npy", rng.integers(-3000, 3000, (2 * RATE, 2)).astype(np.int16))
        (own / "about.json").write_text(json.dumps({"tempo": piece.tempo}))
    return folder


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.mid"
    write_midi(make_piece(5, bars=16, parts=[True, True, True, True]).notes, path, 120.0)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> dict[str, Any]:
    assert independent.main([str(item) for item in arguments]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_a_written_plan_is_read_again(plan: Path) -> None:
    wanted, found = make_piece(5, bars=16, parts=[True, True, True, True]).notes, independent.read_plan(plan)
    assert abs(len(found) - len(wanted)) <= 0.02 * len(wanted)
    assert set(np.unique(found["part"])) == set(np.unique(wanted["part"]))
    horn = [np.sort(notes["beat"][notes["part"] == 3]) for notes in (wanted, found)]
    assert np.abs(horn[0] - horn[1]).max() < 1 / 480


def test_a_training_piece_is_a_copy(plan: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "copying", plan, "--store", store, "--held-out", 3)
    assert found["training_pieces"] == 5 and found["held_out_pieces"] == 3
    assert found["intervals"]["share"] > 0.9 and found["intervals"]["rank"] == 1.0
    assert max(found["intervals"]["floor_notes"]) < found["intervals"]["notes"]


def test_form(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "form", plan, "--beats-per-bar", 4)
    assert set(found["likeness"]) == {"all", "piano", "bass", "drums", "horn"}
    assert found["phrases"]["horn"]["phrases"] >= 1


def test_endurance(plan: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "take.wav", np.random.default_rng(0).normal(0, 0.05, (2 * RATE, 2)), RATE)
    found = run(capsys, "endurance", tmp_path / "take.wav", "--tempo", 120, "--plan", plan, "--store", store)
    assert len(found["loudness"]) == 1 and len(found["normal"]) == 2 and found["planned_per_beat"][0] > 0


def test_fad_of_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    monkeypatch.setattr(fad, "embed", lambda audio, rate: rng.standard_normal((20, 3)) + float(audio.mean()))
    for name, level in (("one", 0.0), ("two", 0.5)):
        (tmp_path / name).mkdir()
        for number in range(4):
            soundfile.write(tmp_path / name / f"{number}.wav", np.full((100, 2), level), RATE)
    found = run(capsys, "fad", tmp_path / "one", tmp_path / "two")
    assert found["fad"] == pytest.approx(0.75, abs=0.4) and found["floor_of_halves"] < found["fad"]


@pytest.mark.parametrize("arguments", [("form", "none.mid"), ("endurance", "none.wav", "--tempo", "120"), ("fad", "none", "none"),
                                       ("copying", "none.mid", "--store", "none")])  # fmt: skip
def test_what_is_missing_is_said(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert independent.main(arguments) != 0
    assert "none" in capsys.readouterr().err
