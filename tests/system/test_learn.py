"""`jamd learn` as a musician runs it: stopped in the middle, gone on with, judged, played; and what it refuses."""

from __future__ import annotations

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

from jamd.contract.units import SAMPLE_RATE
from model.adapters.format import read_adapter
from model.corpus.piece import make_piece
from model.corpus.render import render_mix
from model.learning.guards import Extent
from model.learning.learn import Order, learn
from model.learning.recipe import Recipe
from model.learning.training import Progress

PATIENCE_S = 240


@pytest.fixture(scope="module")
def playing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pieces of a piano alone, two minutes and a half in all."""
    folder = tmp_path_factory.mktemp("playing")
    for seed in range(4):
        piece = make_piece(40 + seed, tempo=120.0, bars=19, feel="swing", parts=(True, False, False, False), density=0.4)
        soundfile.write(folder / f"take{seed + 1}.flac", render_mix(piece), SAMPLE_RATE)
    return folder


def jamd(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jamd", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=os.environ | {"JAMD_HOME": str(home)},
    )


@pytest.mark.skipif("JAMD_SLOW" not in os.environ, reason="takes five minutes; asked for by JAMD_SLOW=1")
@pytest.mark.timeout(1200)
def test_stopped_gone_on_with_and_played(playing: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = [
        sys.executable,
        "-m",
        "jamd",
        "learn",
        str(playing),
        "--name",
        "ann",
        "--plays",
        "piano",
        "--minutes",
        "0.5",
        "--precision",
        "float32",
    ]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"JAMD_HOME": str(home)}
    )
    note, deadline = home / "learning" / "ann" / "progress.json", time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        if note.is_file() and json.loads(note.read_text())["phase"] == "player":
            break
        time.sleep(0.1)
    assert process.poll() is None, process.communicate()[1]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "the same command goes on from there" in errors.splitlines()[-1] and "Traceback" not in errors
    assert json.loads(note.read_text())["phase"] == "stopped"
    work = home / "learning" / "ann"
    assert (work / "player.safetensors").is_file() and (work / "material" / "material.txt").is_file()
    assert not (home / "adapters" / "ann").exists()

    told: list[Progress] = []
    recipe = Recipe(precision="float32", minutes=0.5)
    order = Order([playing], "ann", plays=("piano",))
    short = Extent(free_s=8.0, case_s=4.0, clips=1, clip_s=2.0, unharmed_s=1.0)
    begun = (work / "log.csv").read_text()
    learnt = learn(order, recipe, work, home / "adapters", home / "learning" / ".base", tell=told.append, extent=short)
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

    render = jamd(home, "render", "--out", str(tmp_path / "with.wav"), "--bars", "2", "--adapter", "ann", "--parts", "piano")
    plain = jamd(home, "render", "--out", str(tmp_path / "without.wav"), "--bars", "2", "--parts", "piano")
    assert render.returncode == plain.returncode == 0, render.stderr + plain.stderr
    one, other = (soundfile.read(tmp_path / f"{name}.wav")[0] for name in ("with", "without"))
    assert one.shape == other.shape and np.abs(one - other).max() > 0.01

    again = jamd(home, "learn", str(playing), "--name", "ann")
    assert again.returncode == 1 and "--replace" in again.stderr


@pytest.mark.skipif("JAMD_SLOW" not in os.environ, reason="takes minutes; asked for by JAMD_SLOW=1")
@pytest.mark.timeout(900)
def test_what_cannot_be_learnt_is_refused_in_a_line(playing: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    short = sorted(playing.iterdir())[0]
    for words, status, said in (
        ((str(short), "--name", "ann"), 2, "2 minutes are the least"),
        ((str(tmp_path / "nothing.wav"), "--name", "ann"), 2, "nothing.wav"),
        ((str(short), "--name", "../ann"), 1, "cannot be called"),
        ((str(short), "--name", "ann", "--base", "huge"), 1, "huge"),
        ((str(short), "--name", "ann", "--rank", "500"), 2, "500"),
        ((str(short), "--name", "ann", "--plays", "kazoo"), 2, "kazoo"),
    ):
        done = jamd(home, "learn", *words)
        assert done.returncode == status, (words, done.stderr)
        assert said in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr, done.stderr
    assert not (home / "adapters").exists()
