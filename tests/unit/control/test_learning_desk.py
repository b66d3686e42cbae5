"""What the daemon shows of trainings that run beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jamd import paths
from jamd.control.learning import POINTS, read_curves, read_note
from jamd.trainer.notes import Notes
from tests.unit.control.rig import Rig


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setenv("JAMD_HOME", str(tmp_path))
    rig = Rig()
    yield rig
    rig.close()


def training(name: str) -> Path:
    folder = paths.learning_folder() / name
    folder.mkdir(parents=True)
    return folder


def listed(rig: Rig) -> list[dict[str, Any]]:
    rig.session.learning._read_at = -1e9
    found: list[dict[str, Any]] = json.loads(rig.do("/learn/list"))
    return found


def test_what_a_training_notes_is_shown(rig: Rig) -> None:
    assert listed(rig) == []
    folder = training("petra")
    notes = Notes(folder, "petra")
    notes.write(now=True, phase="player", share=0.25, loss=3.5, base=float("nan"))
    (folder / "log.csv").write_text(
        "step,seconds,rate,name,value\n0,0,0.001,base_player,3.6\n22,60,0.001,valid_player,3.5\n44,120,0.001,valid_player,3.4\n"
    )
    (one,) = listed(rig)
    assert (one["name"], one["phase"], one["share"], one["loss"], one["base"]) == ("petra", "player", 0.25, 3.5, None)
    assert one["alive"] is True
    assert one["curves"]["valid_player"] == [[1.0, 2.0], [3.5, 3.4]]
    notes.write(now=True, phase="done")
    assert listed(rig)[0]["alive"] is False


def test_one_that_died_is_not_called_alive(rig: Rig) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    Notes(training("ann"), "ann").write(now=True, phase="player", pid=process.pid)
    Notes(training("bo"), "bo").write(now=True, phase="planner")
    assert [(one["name"], one["alive"]) for one in listed(rig)] == [("bo", True), ("ann", False)]


def test_old_ones_and_what_cannot_be_read_are_left_out(rig: Rig) -> None:
    Notes(training("old"), "old").write(now=True, phase="done")
    path = paths.learning_folder() / "old" / paths.PROGRESS
    path.write_text(json.dumps(json.loads(path.read_text()) | {"updated": 1000.0}))
    for name, text in (("torn", '{"name": "torn"'), ("empty", ""), ("list", "[1]"), ("strange", '{"pid": "x", "updated": null}')):
        (training(name) / paths.PROGRESS).write_text(text)
    Notes(training(".base"), "base").write(now=True, phase="replay")
    assert listed(rig) == []
    assert read_note(paths.learning_folder() / "nothing") == {}


def test_notes_are_not_written_more_often_than_anybody_looks(tmp_path: Path) -> None:
    notes = Notes(tmp_path, "ann")
    notes.write(phase="player", step=1)
    notes.write(phase="player", step=2)
    assert json.loads(notes.path.read_text())["step"] == 1
    notes.write(now=True)
    assert json.loads(notes.path.read_text())["step"] == 2
    assert os.listdir(tmp_path) == [paths.PROGRESS]


def test_long_curves_are_thinned_and_keep_their_ends(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,seconds,rate,name,value\n" + "".join(f"{i},{60 * i},0,loss,{i}\n" for i in range(1000)))
    minutes, values = read_curves(path)["loss"]
    assert len(minutes) == len(values) == POINTS
    assert (minutes[0], minutes[-1]) == (0, 999) and minutes == values
    path.write_text("step,seconds,rate,name,value\n1,2,3,loss,much\n")
    assert read_curves(path) == {}


def test_the_topic_has_it_too(rig: Rig) -> None:
    from jamd.control.subscribers import Subscribers

    sent: list[tuple[Any, ...]] = []
    Notes(training("petra"), "petra").write(now=True, phase="player")
    subscribers = Subscribers(rig.session, lambda *message: sent.append(message))
    subscribers.add(("127.0.0.1", 4000), "learn", None, None)
    _, address, text = sent[-1]
    assert address == "/learn" and json.loads(text)[0]["name"] == "petra"
