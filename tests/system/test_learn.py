"""`jamd learn` as a musician runs it: stopped in the middle, gone on with, judged, played; and what it refuses."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors import safe_open

from jamd.cli import main
from jamd.contract.units import SAMPLE_RATE
from model.adapters.format import read_adapter
from model.corpus.piece import make_piece
from model.corpus.render import render_mix
from model.learning import auditions, colour
from model.learning.guards import Extent
from model.learning.learn import PLAYER_SHARE, Order, learn
from model.learning.recipe import Recipe
from model.learning.training import Progress
from model.learning.trials import CASES

PATIENCE_S = 500
"""It steps back behind all else: seconds where nothing else runs."""
SHORT = Extent(free_s=2.0, cases=CASES[1:2], draws=1, case_s=2.0, clips=1, clip_s=1.0, unharmed_s=0.5)


@pytest.fixture(scope="module")
def playing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pieces of a piano alone, 40 s in all."""
    folder = tmp_path_factory.mktemp("playing")
    for seed in range(3):
        piece = make_piece(40 + seed, tempo=120.0, bars=6, feel="swing", parts=(True, False, False, False), density=0.4)
        soundfile.write(folder / f"take{seed + 1}.flac", render_mix(piece), SAMPLE_RATE)
    return folder


@pytest.mark.timeout(900)
def test_stopped_gone_on_with_and_played(
    playing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Less playing than is asked for, eight more seconds of training, and short auditions and checks; else as it is."""
    home = tmp_path / "home"
    command = ["learn", str(playing), "--name", "ann", "--plays", "piano", "--minutes", "1", "--precision", "float32", "--force"]
    process = subprocess.Popen(
        [sys.executable, "-m", "jamd", *command],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"JAMD_HOME": str(home)},
        start_new_session=True,  # a training puts its session behind all others, and these tests are of this one
    )  # fmt: skip
    note, deadline = home / "learning" / "ann" / "progress.json", time.monotonic() + PATIENCE_S
    phase = ""
    while time.monotonic() < deadline and process.poll() is None and phase != "player":
        phase = json.loads(note.read_text())["phase"] if note.is_file() else ""
        time.sleep(0.1)
    if process.poll() is not None or phase != "player":
        process.kill()
        pytest.fail(f"in {phase!r}, not in the player's training: {process.communicate()[1]}")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "the same command goes on from there" in errors.splitlines()[-1] and "Traceback" not in errors
    assert json.loads(note.read_text())["phase"] == "stopped"
    work = home / "learning" / "ann"
    assert (work / "player.safetensors").is_file() and (work / "material" / "material.txt").is_file()
    assert not (home / "adapters" / "ann").exists()

    told: list[Progress] = []
    with safe_open(str(work / "player.safetensors"), framework="np") as file:
        trained = json.loads((file.metadata() or {})["jamd"])["seconds"]
    recipe = Recipe(precision="float32", minutes=(trained + 8.0) / PLAYER_SHARE / 60)
    order = Order([playing], "ann", plays=("piano",), force=True)
    for module, name, less in ((auditions, "_BARS", 1), (colour, "SECONDS", 20.0), (colour, "CHECKED_S", 8.0), (colour, "STEPS", 40)):
        monkeypatch.setattr(module, name, less)
    begun = (work / "log.csv").read_text()
    learnt = learn(order, recipe, work, home / "adapters", home / "learning" / ".base", tell=told.append, extent=SHORT)
    assert (work / "log.csv").read_text().startswith(begun)
    assert {"player", "checking", "done"} <= {progress.phase for progress in told}
    adapter = read_adapter(learnt.adapter)
    manifest = adapter.manifest
    assert manifest.scores["player_held_out"] < manifest.scores["player_base"]
    assert manifest.guards["unharmed"].ok and manifest.guards["unharmed"].value == 0.0
    assert {"held_out", "memorising", "energy", "chart", "tempo"} <= set(manifest.guards)
    if adapter.colour is not None:  # it is left out where it comes nearer in level alone
        assert manifest.scores["tones_held_out"] < manifest.scores["tones_base"]
    page = learnt.report.read_text()
    assert "ann" in page and "<svg" in page
    assert len(list((work / "auditions").glob("*.flac"))) >= 2

    monkeypatch.setenv("JAMD_HOME", str(home))
    for name, more in (("with", ("--adapter", "ann")), ("without", ())):
        assert main(["render", "--out", str(tmp_path / f"{name}.wav"), "--bars", "1", "--parts", "piano", *more]) == 0, capsys.readouterr()
    one, other = (soundfile.read(tmp_path / f"{name}.wav")[0] for name in ("with", "without"))
    assert one.shape == other.shape and np.abs(one - other).max() > 0.01

    capsys.readouterr()
    assert main(["learn", str(playing), "--name", "ann"]) == 1
    assert "--replace" in capsys.readouterr().err


def test_what_cannot_be_learnt_is_refused_in_a_line(
    playing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("JAMD_HOME", str(home))
    monkeypatch.setattr("jamd.trainer.run.stepped_back", contextlib.nullcontext)  # it would put this process behind all others
    short = sorted(playing.iterdir())[0]
    for words, status, said in (
        ((str(short), "--name", "ann"), 2, "2 minutes are the least"),
        ((str(tmp_path / "nothing.wav"), "--name", "ann"), 2, "nothing.wav"),
        ((str(short), "--name", "../ann"), 1, "cannot be called"),
        ((str(short), "--name", "ann", "--base", "huge"), 1, "huge"),
        ((str(short), "--name", "ann", "--rank", "500"), 2, "500"),
        ((str(short), "--name", "ann", "--plays", "kazoo"), 2, "kazoo"),
    ):
        try:
            found = main(["learn", *words])
        except SystemExit as end:  # argparse's own
            found = int(end.code or 0)
        errors = capsys.readouterr().err
        assert found == status, (words, errors)
        assert said in errors.splitlines()[-1] and "Traceback" not in errors, errors
    assert not (home / "adapters").exists()
