"""A training beside a jam, and what it says on a terminal."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from jamd.cli import main
from jamd.contract.errors import FailureError
from jamd.trainer.manners import NICE, choose_device
from jamd.trainer.notes import Notes
from jamd.trainer.terminal import Bar, line
from model.learning.training import Progress

AUTOGROUP = Path("/proc/self/autogroup")


def test_it_steps_back_and_leaves_the_session_as_it_was() -> None:
    script = """
import os
from pathlib import Path
from jamd.trainer.manners import stepped_back
os.setsid()
group = Path("/proc/self/autogroup")
read = lambda: int(group.read_text().rsplit("nice", 1)[1]) if group.is_file() else 0
before = read()
with stepped_back():
    print(os.nice(0), read() - before)
print(read() - before)
"""
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True).stdout.split()
    assert int(out[0]) >= NICE
    assert int(out[1]) == (NICE if AUTOGROUP.is_file() else 0)
    assert out[2] == "0"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said_to_be_so() -> None:
    assert choose_device("auto", "small") == choose_device("cpu", "small") == "cpu"
    with pytest.raises(FailureError, match="no CUDA device"):
        choose_device("cuda", "small")


@pytest.mark.parametrize(("free_gb", "base", "fits"), [(139, "base", True), (6, "base", False), (6, "small", True), (1, "small", False)])
def test_a_full_gpu_is_left_to_the_jam(monkeypatch: pytest.MonkeyPatch, free_gb: float, base: str, fits: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (int(free_gb * 2**30), 150 * 2**30))
    assert choose_device("auto", base) == ("cuda" if fits else "cpu")
    if not fits:
        with pytest.raises(FailureError, match="too full"):
            choose_device("cuda", base)


def test_a_line_says_what_is_known() -> None:
    text = line(Progress("player", 0.5, step=40, loss=3.25, held_out=3.5, base=3.6, left_s=95.0))
    assert text.startswith("player    [############............]  50%")
    assert "step 40  loss 3.250" in text and "held out 3.500 (base 3.600)" in text and text.endswith("1:35 left at most")
    assert "nan" not in line(Progress("preparing", 0.0, "reading take1.flac"))


def test_in_a_file_it_is_a_line_now_and_then() -> None:
    out = io.StringIO()
    bar = Bar(out)
    for share in range(10):
        bar.show(Progress("player", share / 10))
    bar.show(Progress("planner", 0.0))
    bar.close()
    assert [text.split()[0] for text in out.getvalue().splitlines()] == ["player", "planner"]


def test_a_folder_that_cannot_be_written_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("JAMD_HOME", "/proc/nowhere")
    assert main(["learn", str(tmp_path), "--name", "ann"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("jamd: /proc/nowhere") and line.endswith("No such file or directory")


def test_notes_for_the_daemon_never_end_a_training(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "gone", "ann")
    notes.write(now=True, share=0.5)
    (tmp_path / "gone").mkdir()
    notes.write(now=True, text="again")
    assert json.loads(notes.path.read_text())["share"] == 0.5
