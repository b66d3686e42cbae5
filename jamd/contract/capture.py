"""The capture ring: what every port plays and hears, on its way from the audio thread to the recorder.

One producer, the compiled audio thread; one consumer, the recorder. Who writes what:

    samples      the audio thread, while ON is 1: row `n % size` holds the n-th sample of the take
    ON           the consumer: 1 from `start` to `stop`
    FIRST        the consumer writes the frame from which it wants samples; the audio thread, before its first row, the frame at
                 which it really begins, which is later if the wanted one has passed
    HEAD         samples written so far, never less within a take: the audio thread while ON is 1, after the rows; `start` sets it
                 to 0 while ON is 0
    GENERATION   the consumer: the number of takes that were started

The audio thread never waits for the consumer: it goes on over what was not read. `read` finds that out, reports it as lost and
gives silence of the same length, so that a file keeps its time.
"""

from __future__ import annotations

import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.layout import Word

LARGEST_BLOCK: Final = 8192
"""JACK's largest period: rows that may be in the writing beyond HEAD."""
CYCLE_S: Final = 0.3
"""Longer than any cycle of the audio thread."""


class CaptureRing:
    """The consumer's side of the ring.

    Args:
        header: the words, one of which is the daemon's frame; it moves at the end of every cycle of the audio thread.
        samples: float32 [frames, channels].
        block: rows that the producer writes at most before it moves HEAD.

    Raises:
        ValueError: the ring does not hold two blocks.
    """

    def __init__(
        self,
        header: NDArray[np.int64],
        samples: NDArray[np.float32],
        *,
        on: int = Word.CAPTURE_ON,
        first: int = Word.CAPTURE_FIRST,
        head: int = Word.CAPTURE_HEAD,
        generation: int = Word.CAPTURE_GENERATION,
        frame: int = Word.FRAME,
        block: int = LARGEST_BLOCK,
    ) -> None:
        if len(samples) < 2 * block:
            raise ValueError(f"a ring of {len(samples)} frames is too small for blocks of {block}")
        self._header = header
        self._samples = samples
        self._on, self._first, self._head, self._generation, self._frame = on, first, head, generation, frame
        self._block = block
        self._stopped_at: int | None = None

    @property
    def size(self) -> int:
        return len(self._samples)

    @property
    def channels(self) -> int:
        return int(self._samples.shape[1])

    @property
    def on(self) -> bool:
        return bool(self._header[self._on] == 1)

    @property
    def head(self) -> int:
        """Samples of this take that have been written."""
        return int(self._header[self._head])

    @property
    def first(self) -> int:
        """The daemon's frame of the take's first sample; only the wish for it while `head` is 0."""
        return int(self._header[self._first])

    @property
    def generation(self) -> int:
        return int(self._header[self._generation])

    def start(self, frame: int) -> None:
        """Begin a take at a frame of the daemon, or at once if that has passed.

        Raises:
            ValueError: one is running.
        """
        if self.on:
            raise ValueError("the capture is on already")
        self.settle()
        header = self._header
        header[self._head] = 0
        header[self._first] = frame
        header[self._generation] += 1
        header[self._on] = 1

    def stop(self) -> None:
        """End the take. The cycle that runs may still add its block; `settle` waits for that."""
        if not self.on:
            return
        self._header[self._on] = 0
        self._stopped_at = int(self._header[self._frame])

    def settle(self) -> bool:
        """After `stop`: wait until `head` is final. False if the time line stands still, where nothing is added either."""
        if self._stopped_at is None:
            return True
        deadline = time.monotonic() + CYCLE_S
        while int(self._header[self._frame]) == self._stopped_at:
            if time.monotonic() > deadline:
                self._stopped_at = None
                return False
            time.sleep(0.001)
        self._stopped_at = None
        return True

    def read(self, position: int, most: int | None = None) -> tuple[NDArray[np.float32], int]:
        """Samples from a position of the take on, at most `most`, and how many of them are lost.

        Returns:
            A copy, [n, channels], and the number of rows at its beginning that had been overwritten and are silence now.
        """
        head = self.head
        count = max(head - position, 0)
        if most is not None:
            count = min(count, most)
        out = np.zeros((count, self.channels), np.float32)
        lost = self._gone(head, position, count)
        at = (position + lost) % self.size
        straight = min(count - lost, self.size - at)
        out[lost : lost + straight] = self._samples[at : at + straight]
        out[lost + straight :] = self._samples[: count - lost - straight]
        lost = self._gone(self.head, position, count)  # the producer has gone on while we copied
        out[:lost] = 0.0
        return out, lost

    def _gone(self, head: int, position: int, count: int) -> int:
        """How many of `count` samples have been overwritten, or may be at this moment."""
        return min(max(head + self._block - self.size - position, 0), count)
