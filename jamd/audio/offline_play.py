"""The compiled mixer for the offline outputs."""

from __future__ import annotations

import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bridges.offline import Play
from jamd.audio.kernel import mix
from jamd.contract.layout import Word
from jamd.contract.memory import AudioMemory

MAX_BLOCK: Final = 8192


def player(memory: AudioMemory) -> Play:
    """A function that fills [6, frames] and moves the time line on."""
    a = memory.arrays
    nothing = np.zeros(MAX_BLOCK, np.float32)

    header = a["header"]

    def play(buffer: NDArray[np.float32]) -> None:
        """At most `MAX_BLOCK` frames."""
        header[Word.CYCLE_GENERATION] += 1
        header[Word.CYCLE_FRAME] = header[Word.FRAME]
        header[Word.CYCLE_US] = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) // 1000
        header[Word.CYCLE_GENERATION] += 1
        mix(
            buffer.shape[1], a["header"], a["levels"], a["command_words"], a["command_values"], a["pending_words"],
            a["pending_values"], a["slot_words"], a["slot_levels"], a["stream"], a["capture"], buffer[0], buffer[1], buffer[2],
            buffer[3], buffer[4], buffer[5], nothing, nothing,
        )  # fmt: skip
        header[Word.CALLBACKS] += 1

    play(np.zeros((6, 1), np.float32))  # compile before time counts
    return play
