"""Answers in a file of JSON lines: each is appended in one write and on the disk before the next question."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final, Literal

import msgspec

from jamd.contract.errors import FailureError
from jamd.listen.trials import Side

FILE: Final = "answers.jsonl"
Choice = Literal["a", "b", "skip"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    time: str
    """ISO 8601."""
    session: str
    listener: str
    adapter: Side
    against: Side
    trial: int
    """From 1."""
    trials: int
    """How many the session has."""
    order: tuple[str, str]
    """Names of the sides that were A and B."""
    choice: Choice
    seconds: float
    """From the start of the trial to the answer."""

    @property
    def chosen(self) -> Side | None:
        """The side that was preferred; None: skipped."""
        if self.choice == "skip":
            return None
        return self.adapter if self.order["ab".index(self.choice)] == self.adapter.name else self.against


def append_answer(path: Path, answer: Answer) -> None:
    """Raises: FailureError: it cannot be written; answers that were there are whole."""
    line = msgspec.json.encode(answer) + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            size = os.fstat(fd).st_size
            if size and os.pread(fd, 1, size - 1) != b"\n":  # the last one was cut off
                line = b"\n" + line
            if os.write(fd, line) != len(line):
                os.ftruncate(fd, size)
                raise OSError(0, "no space left")
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise FailureError(f"the answer cannot be saved in {path}: {error.strerror}", code="file") from error


def read_answers(path: Path) -> tuple[list[Answer], int]:
    """Answers, the first one to each trial; and how many lines are damaged.

    Raises:
        FailureError: the file is there and cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise FailureError(f"cannot read {path}: {error.strerror}", code="file") from error
    found: dict[tuple[str, int], Answer] = {}
    damaged = 0
    for line in lines:
        try:
            answer = msgspec.json.decode(line, type=Answer)
        except (UnicodeDecodeError, msgspec.MsgspecError):
            damaged += bool(line.strip())
            continue
        found.setdefault((answer.session, answer.trial), answer)
    return list(found.values()), damaged
