"""A session that is being answered: which trial comes next, and what was said. Any thread may ask and answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from jamd.listen.answers import FILE as ANSWERS
from jamd.listen.answers import Answer, Choice, append_answer, read_answers
from jamd.listen.trials import Session, now, read_session


class Sitting:
    """
    Args:
        folder: of the session; answers are beside it.
        clock: seconds, for how long answers take.

    Raises:
        FailureError: the session or its answers cannot be read.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self.session: Session = read_session(folder)
        self._answers = folder.parent / ANSWERS
        self._clock = clock
        self._lock = threading.Lock()
        self._done = {one.trial for one in read_answers(self._answers)[0] if one.session == self.session.id}
        self._began: tuple[int, float] | None = None
        """The trial that was put last, and when."""

    @property
    def count(self) -> int:
        return len(self.session.trials)

    @property
    def answered(self) -> int:
        return len(self._done)

    def next(self) -> int | None:
        """Number of the first trial without an answer, from 1, whose time runs from now on; None: all have one."""
        with self._lock:
            number = next((n for n in range(1, self.count + 1) if n not in self._done), None)
            if number is not None and (self._began is None or self._began[0] != number):
                self._began = (number, self._clock())
            return number

    def path(self, number: int, letter: str) -> Path | None:
        """The sound `a`, `b` or `x` of a trial."""
        name = self.session.trials[number - 1].file(letter)
        return None if name is None else self.folder / name

    def answer(self, number: int, choice: Choice) -> bool:
        """Save an answer. False: the trial is not the one that was put last, or has an answer.

        Raises:
            FailureError: it cannot be saved; the trial stays open.
        """
        with self._lock:
            if self._began is None or self._began[0] != number or number in self._done:
                return False
            session, trial = self.session, self.session.trials[number - 1]
            answer = Answer(
                time=now(), session=session.id, listener=session.listener, adapter=session.adapter, against=session.against, trial=number,
                trials=self.count, order=trial.order, choice=choice, seconds=round(self._clock() - self._began[1], 2),
            )  # fmt: skip
            append_answer(self._answers, answer)
            self._done.add(number)
            return True
