"""A session on a plain terminal: a line is an answer, at any time; the end of the input is `q`."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from jamd.contract.errors import AudioError, FailureError
from jamd.contract.units import SAMPLE_RATE
from jamd.listen.answers import Choice
from jamd.listen.output import Output
from jamd.listen.sitting import Sitting

PAUSE: Final = SAMPLE_RATE // 2
"""Frames of silence after each sound."""
NAMES: Final = {"x": "the player", "a": "A", "b": "B"}
HEAR: Final = {"1": "a", "2": "b", "x": "x", "r": "x"}
CHOOSE: Final[dict[str, Choice]] = {"a": "a", "b": "b", "s": "skip"}
HELP: Final = "a or b: this one matches the player better; 1 or 2: hear A or B again; x: hear the player; s: skip; q: save and quit"


class Lines:
    """Lines of a file descriptor, waited for no longer than asked."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._buffer = b""
        self._ended = False

    def get(self, seconds: float | None) -> str | None:
        """The next line; None: none came in time.

        Raises:
            EOFError: there are no more.
        """
        while b"\n" not in self._buffer and not self._ended:
            if not select.select([self._fd], [], [], seconds)[0]:
                return None
            try:
                data = os.read(self._fd, 4096)
            except OSError:  # a terminal that is gone
                data = b""
            self._buffer += data
            self._ended = not data
        if not self._buffer:
            raise EOFError
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode(errors="replace").strip().lower()


class Terminal:
    """
    Args:
        sitting: the session.
        output: None: the listener plays the files.
        fd: of the input.
        say: prints text as it is.
    """

    def __init__(self, sitting: Sitting, output: Output | None, fd: int, say: Callable[[str], None]) -> None:
        self.sitting, self.output, self._lines, self._say = sitting, output, Lines(fd), say

    def run(self) -> bool:
        """True when every trial has an answer; False: to be gone on with.

        Raises:
            FailureError: an answer cannot be saved, or a sound not be read.
        """
        self._say(f"{HELP} (and Enter)\n")
        while (number := self.sitting.next()) is not None:
            try:
                choice = self._ask(number)
            except EOFError:
                choice = None
            self._silence()
            if choice is None:
                return False
            self.sitting.answer(number, choice)
        return True

    def close(self) -> None:
        """Let go of the output."""
        if self.output is not None:
            self.output.close()
            self.output = None

    def _ask(self, number: int) -> Choice | None:
        """One trial; None: the listener quits."""
        waiting = self._begin(number)
        while True:
            waiting = self._play(number, waiting)
            busy = bool(waiting) or (self.output is not None and self.output.playing)
            word = self._lines.get(0.05 if busy else None)
            if word is None:
                continue
            if word in CHOOSE:
                return CHOOSE[word]
            if word == "q":
                return None
            if word in HEAR and self.sitting.path(number, HEAR[word]) is not None:
                self._silence()
                if self.output is None:
                    self._show(number)
                else:
                    waiting = [HEAR[word]]
            else:
                self._say(f"{HELP}\n> " if word else "> ")

    def _begin(self, number: int) -> list[str]:
        """Put the question; returns what is to be heard."""
        self._say(f"Trial {number} of {self.sitting.count}: ")
        if self.output is None:
            self._show(number)
            return []
        return [letter for letter in NAMES if self.sitting.path(number, letter) is not None]

    def _show(self, number: int) -> None:
        paths = {letter: self.sitting.path(number, letter) for letter in NAMES}
        self._say("".join(f"\n  {NAMES[letter]}: {path}" for letter, path in paths.items() if path is not None) + "\n> ")

    def _play(self, number: int, waiting: list[str]) -> list[str]:
        """Go on to the next sound when the last one has ended; returns what is still to be heard."""
        if not waiting or self.output is None or self.output.playing:
            return waiting
        path = self.sitting.path(number, waiting[0])
        assert path is not None
        self._say(f"{NAMES[waiting[0]]}{'  ' if waiting[1:] else chr(10) + '> '}")
        try:
            self.output.play(np.concatenate([_read(path), np.zeros((PAUSE, 2), np.float32)]))
        except AudioError as error:
            self._lose(error)
            self._show(number)
            return []
        return waiting[1:]

    def _silence(self) -> None:
        if self.output is not None:
            try:
                self.output.stop()
            except AudioError as error:
                self._lose(error)

    def _lose(self, error: AudioError) -> None:
        self.close()
        self._say(f"\n{error}; play the files yourself, or q and `--resume --web`\n")


def _read(path: Path) -> NDArray[np.float32]:
    """Raises: FailureError: it cannot be read."""
    try:
        return np.asarray(soundfile.read(path, dtype="float32", always_2d=True)[0])
    except (OSError, soundfile.SoundFileError) as error:
        raise FailureError(f"cannot read {path}: {error}", code="file") from error
