"""The terminal over a real pipe and a real pseudo-terminal, with an output that is a clock: no sound, but sounds take their time."""

from __future__ import annotations

import os
import pty
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from jamd.contract.errors import AudioError
from jamd.listen.answers import read_answers
from jamd.listen.output import PROGRAMS, ProgramPlayer
from jamd.listen.sitting import Sitting
from jamd.listen.terminal import PAUSE, Lines, Terminal
from tests.conftest import wait_until
from tests.unit.listen.rig import make_session


class Counter:
    """Sounds last until they have been looked at ten times; keeps how loud each was."""

    name, remark = "counter", ""

    def __init__(self, gone_after: int = 1000) -> None:
        self.heard: list[float] = []
        self.frames: list[int] = []
        self.gone_after, self._left, self.closed = gone_after, 0, False

    def play(self, sound: NDArray[np.float32]) -> None:
        if len(self.heard) >= self.gone_after:
            raise AudioError("the JACK server went away")
        self.heard.append(round(float(np.abs(sound).max()), 2))
        self.frames.append(len(sound))
        self._left = 10

    def stop(self) -> None:
        self._left = 0

    @property
    def playing(self) -> bool:
        self._left = max(self._left - 1, 0)
        return self._left > 0

    def close(self) -> None:
        self.closed = True


def run(sitting: Sitting, typed: bytes, output: Counter | None = None) -> tuple[bool, str]:
    """Type everything at once, then end the input."""
    read, write = os.pipe()
    os.write(write, typed)
    os.close(write)
    said: list[str] = []
    done = Terminal(sitting, output, read, said.append).run()
    os.close(read)
    return done, "".join(said)


def choices(folder: Path) -> list[str]:
    return [one.choice for one in read_answers(folder.parent / "answers.jsonl")[0]]


def test_answers_of_all_kinds(tmp_path: Path) -> None:
    folder = make_session(tmp_path)
    done, said = run(Sitting(folder), b"a\n  B \ns\n")
    assert done and choices(folder) == ["a", "b", "skip"]
    assert all(f"Trial {n} of 3" in said for n in (1, 2, 3))
    assert "quillon" not in said.replace(str(folder), "")


def test_without_output_the_files_are_named(tmp_path: Path) -> None:
    folder = make_session(tmp_path)
    sitting = Sitting(folder)
    _, said = run(sitting, b"q\n")
    for letter, name in (("x", "the player"), ("a", "A"), ("b", "B")):
        assert f"{name}: {sitting.path(1, letter)}" in said


@pytest.mark.parametrize(
    ("typed", "kept"), [(b"a\nq\na\na\n", ["a"]), (b"a\n", ["a"]), (b"", []), (b"a\nb", ["a", "b"]), (b"\n\n??\n\xff\n", [])]
)
def test_quitting_and_the_end_of_input_keep_what_there_is(tmp_path: Path, typed: bytes, kept: list[str]) -> None:
    folder = make_session(tmp_path)
    done, _ = run(Sitting(folder), typed)
    assert (done, choices(folder)) == (False, kept)
    done, _ = run(Sitting(folder), b"s\n" * 3)
    assert done and len(choices(folder)) == 3


def on_a_terminal(sitting: Sitting, output: Counter) -> tuple[int, threading.Thread, list[str]]:
    own, other = pty.openpty()
    said: list[str] = []
    terminal = Terminal(sitting, output, other, said.append)
    thread = threading.Thread(target=terminal.run, daemon=True)
    thread.start()
    return own, thread, said


def test_player_then_a_then_b_and_each_again(tmp_path: Path) -> None:
    """The sounds of the rig are 0.05 (the player), 0.1 (A) and 0.2 (B) loud."""
    folder = make_session(tmp_path, count=1)
    output = Counter()
    own, thread, said = on_a_terminal(Sitting(folder), output)
    wait_until(lambda: len(output.heard) == 3 and said[-1].endswith("> "), 30, "all three")
    assert output.heard == [0.05, 0.1, 0.2]
    assert output.frames == [14_400 + PAUSE] * 3
    for key, level in ((b"1", 0.1), (b"2", 0.2), (b"x", 0.05), (b"r", 0.05)):
        before = len(output.heard)
        os.write(own, key + b"\n")
        wait_until(lambda before=before: len(output.heard) == before + 1, 30, "it again")
        assert output.heard[-1] == level
    os.write(own, b"b\n")
    thread.join(30)
    assert not thread.is_alive() and choices(folder) == ["b"]
    os.close(own)


def test_no_recording_of_the_player(tmp_path: Path) -> None:
    folder = make_session(tmp_path, count=1, x=False)
    output = Counter()
    own, thread, said = on_a_terminal(Sitting(folder), output)
    wait_until(lambda: len(output.heard) == 2, 30, "A and B")
    os.write(own, b"x\n")
    wait_until(lambda: "".join(said).count("save and quit") == 2, 30, "the help")
    os.write(own, b"q\n")
    thread.join(30)
    assert output.heard == [0.1, 0.2] and choices(folder) == []
    os.close(own)


def test_a_server_that_goes_away_loses_nothing(tmp_path: Path) -> None:
    folder = make_session(tmp_path, count=2)
    output = Counter(gone_after=2)
    own, thread, said = on_a_terminal(Sitting(folder), output)
    wait_until(lambda: "went away" in "".join(said) and "B: " in "".join(said), 30, "the news")
    os.write(own, b"a\nb\n")
    thread.join(30)
    assert not thread.is_alive() and output.closed and choices(folder) == ["a", "b"]
    os.close(own)


def test_lines_that_come_in_pieces() -> None:
    read, write = os.pipe()
    lines = Lines(read)
    assert lines.get(0.0) is None
    os.write(write, b"a")
    assert lines.get(0.0) is None
    os.write(write, b" \nB\nq")
    assert (lines.get(0.0), lines.get(0.0), lines.get(0.0)) == ("a", "b", None)
    os.close(write)
    assert lines.get(None) == "q"
    with pytest.raises(EOFError):
        lines.get(None)
    os.close(read)


def test_programs_that_cannot_play_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No sound server can be reached from an empty folder; one that is not installed is named, too."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PIPEWIRE_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/none")
    for name in PROGRAMS[:2]:
        with pytest.raises(AudioError, match=f"{name} (is not installed|cannot play here)"):
            ProgramPlayer(name)
