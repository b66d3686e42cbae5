"""Answers that are given are kept, whatever happens to the process or the file."""

from __future__ import annotations

import multiprocessing
import resource
from pathlib import Path

import pytest

from jamd.contract.errors import FailureError, UsageError
from jamd.listen.answers import append_answer, read_answers
from jamd.listen.sitting import Sitting
from jamd.listen.trials import balanced, check_listener, read_session, session_folders
from tests.unit.listen.rig import make_answer, make_session


def test_answers_come_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "answers.jsonl"
    assert read_answers(path) == ([], 0)
    given = [make_answer(1, "a"), make_answer(2, "b", ("base", "quillon")), make_answer(3, "skip")]
    for one in given:
        append_answer(path, one)
    assert read_answers(path) == (given, 0)
    assert [one.chosen.name if one.chosen else None for one in given] == ["quillon", "quillon", None]


def test_the_first_answer_to_a_trial_counts(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    for choice in ("b", "a"):
        append_answer(path, make_answer(1, choice))  # type: ignore[arg-type]
    assert [one.choice for one in read_answers(path)[0]] == ["b"]


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_line_that_was_cut_off_harms_no_other(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "answers.jsonl"
    append_answer(path, make_answer(1, "a"))
    whole = path.read_bytes()
    append_answer(path, make_answer(2, "b"))
    path.write_bytes(whole + path.read_bytes()[len(whole) :][:kept])
    expected = 2 if kept == -1 else 1  # without its end of line it is still whole
    assert len(read_answers(path)[0]) == expected
    append_answer(path, make_answer(3, "a"))
    found, damaged = read_answers(path)
    assert [one.trial for one in found] == ([1, 2, 3] if kept == -1 else [1, 3])
    assert damaged == (0 if kept == -1 else 1)


def _many(path: Path, listener: str) -> None:
    for trial in range(1, 51):
        append_answer(path, make_answer(trial, "a", session=listener, listener=listener))


def test_two_processes_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_many, args=(path, name)) for name in ("me", "eva")]
    for one in writers:
        one.start()
    for one in writers:
        one.join(120)
        assert one.exitcode == 0
    found, damaged = read_answers(path)
    assert (len(found), damaged) == (100, 0)


def _until_full(path: Path) -> None:
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
    with pytest.raises(FailureError, match="cannot be saved"):
        append_answer(path, make_answer(2, "b"))


def test_no_space_left_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    append_answer(path, make_answer(1, "a"))
    child = multiprocessing.get_context("spawn").Process(target=_until_full, args=(path,))
    child.start()
    child.join(120)
    assert child.exitcode == 0
    assert [one.trial for one in read_answers(path)[0]] == [1]
    assert read_answers(path)[1] == 0


def test_a_sitting_asks_each_trial_once_and_goes_on(tmp_path: Path) -> None:
    folder = make_session(tmp_path)
    times = iter([10.0, 14.5, 20.0])
    sitting = Sitting(folder, clock=lambda: next(times))
    assert not sitting.answer(1, "a")  # it has not been put yet
    assert sitting.next() == 1 and sitting.next() == 1
    assert not sitting.answer(2, "a")
    assert sitting.answer(1, "b")
    assert not sitting.answer(1, "a")
    again = Sitting(folder)
    assert (again.answered, again.next()) == (1, 2)
    saved = read_answers(folder.parent / "answers.jsonl")[0]
    assert [(one.trial, one.choice, one.seconds, one.order, one.trials) for one in saved] == [(1, "b", 4.5, ("quillon", "base"), 3)]
    for number in (2, 3):
        assert again.next() == number and again.answer(number, "skip")
    assert again.next() is None


def test_damaged_sessions_say_so(tmp_path: Path) -> None:
    folder = make_session(tmp_path)
    assert session_folders(folder.parent) == [folder]
    (folder / read_session(folder).trials[1].b).unlink()
    with pytest.raises(FailureError, match="missing"):
        Sitting(folder)
    (folder / "session.json").write_text("{")
    with pytest.raises(FailureError, match="cannot be read"):
        Sitting(folder)


@pytest.mark.parametrize("count", [1, 2, 9, 10, 101])
def test_order_is_balanced_and_random(count: int) -> None:
    import numpy as np

    drawn = [balanced(count, np.random.default_rng(seed)) for seed in range(40)]
    assert {abs(2 * int(one.sum()) - count) for one in drawn} == {count % 2}
    assert len({one.tobytes() for one in drawn}) > (1 if count <= 2 else 20)
    share = np.mean(drawn)
    assert 0.3 < share < 0.7
    assert np.array_equal(drawn[3], balanced(count, np.random.default_rng(3)))


def test_names_of_listeners() -> None:
    assert check_listener("eva-2") == "eva-2"
    for name in ("", "a b", "x" * 65, "a/b"):
        with pytest.raises(UsageError):
            check_listener(name)
