"""`python -m model.corpus`: what it writes, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from jamd.contract.chart import parse_chart
from model.corpus import __main__ as command
from model.corpus.personas import PERSONAS
from model.corpus.piece import make_piece
from model.corpus.sources import VARIABLE

FILES = {"mix.wav", "notes.mid", "labels.npz", "about.json", "caption.txt", "picture.png"}


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["model.corpus", *arguments])
    command.main()


def test_writes_all_its_files(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "model.corpus", "--seed", "7", "--out", str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    piece = make_piece(7)
    assert done.stdout.startswith(f"{piece.feel} {piece.tempo:g} bpm")
    playing = {name for index, name in enumerate(("piano", "bass", "drums", "horn")) if (piece.notes["part"] == index).any()}
    assert {path.name for path in tmp_path.iterdir()} == FILES | {f"{name}.wav" for name in playing}
    about = json.loads((tmp_path / "about.json").read_text())
    assert (about["seed"], about["feel"], about["persona"]) == (7, piece.feel, None)
    assert parse_chart(about["chart"]) == piece.chart
    assert len((tmp_path / "caption.txt").read_text().strip()) >= 8
    mix, _ = soundfile.read(tmp_path / "mix.wav")
    assert len(mix) == round(piece.seconds * 48_000) and np.abs(mix).max() > 0.01
    with np.load(tmp_path / "labels.npz") as labels:
        assert {"chords", "chord_now", "density", "energy", "register", "parts"} <= set(labels)
    with Image.open(tmp_path / "picture.png") as image:
        assert image.size == (1600, 1000)


def test_several_seeds_led_by_a_persona(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr(command, "write_piece", lambda piece, out: drawn.append((piece.seed, piece.persona, out.name)))
    run(monkeypatch, "--seed", "5", "--count", "2", "--persona", "Petra Lisle", "--out", str(tmp_path))
    assert drawn == [(5, "Petra Lisle", "000000005"), (6, "Petra Lisle", "000000006")]


def test_without_matplotlib_all_but_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr(command, "make_piece", lambda seed, **given: make_piece(seed, chart=parse_chart("| C |"), tempo=150.0, bars=4))
    run(monkeypatch, "--out", str(tmp_path))
    assert FILES - {path.name for path in tmp_path.iterdir()} == {"picture.png"}
    assert "matplotlib" in capsys.readouterr().err


def test_lists_the_personas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    run(monkeypatch, "--personas")
    text = capsys.readouterr().out
    assert all(one.name in text for one in PERSONAS)
    assert text.count("held out") == sum(one.held_out for one in PERSONAS)


@pytest.mark.parametrize(
    ("arguments", "reason"), [(("--persona", "Nobody"), "Nobody"), (("--real",), VARIABLE), (("--count", "0"), "--count")]
)
def test_refuses(arguments: tuple[str, ...], reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(SystemExit):
        run(monkeypatch, *arguments)
    assert reason in capsys.readouterr().err
