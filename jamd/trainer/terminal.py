"""The progress of a training on a terminal; in a file or a pipe, a line now and then."""

from __future__ import annotations

import math
import shutil
import time
from typing import TextIO

from model.learning.training import Progress

_WIDTH = 24
_EVERY_S = 15.0


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def line(progress: Progress) -> str:
    """All that is known, in a line."""
    full = round(progress.share * _WIDTH)
    words = [f"{progress.phase:9} [{'#' * full}{'.' * (_WIDTH - full)}] {progress.share:4.0%}"]
    if math.isfinite(progress.loss):
        words.append(f"step {progress.step}  loss {progress.loss:.3f}")
    if math.isfinite(progress.held_out):
        words.append(f"held out {progress.held_out:.3f} (base {progress.base:.3f})")
    if math.isfinite(progress.left_s) and not progress.text:
        words.append(f"{clock(progress.left_s)} left at most")
    return "  ".join([*words, progress.text]).rstrip()


class Bar:
    """One line that changes, or many where nobody looks."""

    def __init__(self, out: TextIO) -> None:
        self.out, self.live = out, out.isatty()
        self._phase, self._last = "", -math.inf

    def show(self, progress: Progress) -> None:
        text = line(progress)
        if self.live:
            if self._phase not in ("", progress.phase):
                self.out.write("\n")
            self.out.write("\r\x1b[K" + text[: shutil.get_terminal_size().columns - 1])
        elif progress.phase != self._phase or time.monotonic() - self._last >= _EVERY_S:
            self._last = time.monotonic()
            self.out.write(text + "\n")
        self._phase = progress.phase
        self.out.flush()

    def close(self) -> None:
        if self.live and self._phase:
            self.out.write("\n")
            self.out.flush()
