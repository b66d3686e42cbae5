"""Rings in shared memory, each with exactly one producer and one consumer.

A record is written before the head moves past it; x86 and the interpreter keep that order, and the audio thread fences.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jamd.contract.layout import AudioOp

SPARE = 8
"""Places of the ring of commands that are kept free for a panic."""
FOREVER = 1 << 62
FADE = 96
"""Frames of the fade-in after a skip (2 ms)."""
# header words, as in memory.Word
_FRAME, _EPOCH, _BEGIN, _WRITTEN, _END, _COMMAND_HEAD, _COMMAND_TAIL = 1, 2, 3, 4, 5, 6, 7


class StreamRing:
    """The jam's time line: the sample of absolute frame f lies at f modulo the size. Engine writes, the audio thread reads.

    What is written too late is never heard: time goes on.
    """

    def __init__(self, header: NDArray[np.int64], samples: NDArray[np.float32]) -> None:
        self._header = header
        self._samples = samples
        self._fade_in = False

    @property
    def size(self) -> int:
        return len(self._samples)

    @property
    def running(self) -> bool:
        """A run has begun and its end has not been played."""
        return bool(self._header[_BEGIN] < FOREVER and self._header[_FRAME] < self._header[_END])

    @property
    def written(self) -> int:
        """The frame up to which the run is written."""
        return int(self._header[_WRITTEN])

    @property
    def played(self) -> int:
        """The frame that the audio thread plays next."""
        return int(self._header[_FRAME])

    def begin(self, frame: int) -> None:
        """Start a run at an absolute frame; what was written before no longer counts."""
        h = self._header
        self._fade_in = False
        h[_BEGIN] = FOREVER
        h[_END] = FOREVER
        h[_WRITTEN] = frame
        h[_EPOCH] += 1
        h[_BEGIN] = frame

    def end(self, frame: int) -> None:
        """Nothing sounds from this frame on."""
        self._header[_END] = frame

    def resume(self, frame: int) -> None:
        """Go on in the same run at a frame at or after its end: silence until there, and no end in sight."""
        if frame > self.written:
            self.skip_to(frame)
        self._fade_in = False
        self._header[_WRITTEN] = frame
        self._header[_END] = FOREVER

    def write(self, block: NDArray[np.float32]) -> None:
        """Append. Shape: [frames, 2], at most half the ring's size.

        Raises:
            ValueError: the block does not fit.
        """
        count = len(block)
        if block.ndim != 2 or block.shape[1] != 2 or count > self.size // 2:
            raise ValueError(f"a block is [frames, 2] with at most {self.size // 2} frames, not {block.shape}")
        if self._fade_in and count:
            self._fade_in = False
            ramp = np.ones((count, 1), np.float32)
            length = min(FADE, count)
            ramp[:length, 0] = np.arange(length, dtype=np.float32) / FADE
            block = block * ramp
        at = self.written % self.size
        first = min(count, self.size - at)
        self._samples[at : at + first] = block[:first]
        self._samples[: count - first] = block[first:]
        self._header[_WRITTEN] += count

    def late(self) -> int:
        """Frames by which the writing lies behind the playing; 0 if none."""
        return max(self.played - self.written, 0)

    def skip_to(self, frame: int) -> None:
        """Go on writing at a later frame; what lies between is silence, and the next block fades in."""
        self._fade_in = True
        at, end = self.written, min(frame, self.written + self.size, self.played + self.size)
        for place in range(at, end, self.size // 2):
            stop = min(place + self.size // 2, end)
            index = np.arange(place, stop) % self.size
            self._samples[index] = 0.0
        self._header[_WRITTEN] = max(frame, self.written)


class CommandRing:
    """Commands of control to the audio thread, each with the frame at which it takes effect."""

    def __init__(self, header: NDArray[np.int64], words: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        self._header = header
        self._words = words
        self._values = values

    def push(self, op: int, frame: int, index: int = 0, value: float = 0.0) -> bool:
        """Queue a command; a frame that has passed means at once. False if the ring is full: the last places are for what calls off."""
        head = int(self._header[_COMMAND_HEAD])
        room = len(self._values) - (0 if op in (AudioOp.PANIC, AudioOp.CANCEL) else SPARE)
        if head - int(self._header[_COMMAND_TAIL]) >= room:
            return False
        place = head % len(self._values)
        self._words[place] = (frame, int(op), index)
        self._values[place] = value
        self._header[_COMMAND_HEAD] = head + 1
        return True


class MidiRing:
    """Short MIDI messages with their frames. A record is (frame, bytes packed: length, then up to 7 bytes)."""

    def __init__(self, header: NDArray[np.int64], records: NDArray[np.int64], head: int, tail: int) -> None:
        self._header = header
        self._records: NDArray[Any] = records
        self._head = int(head)
        self._tail = int(tail)

    def push(self, frame: int, message: bytes) -> bool:
        """Queue a message of up to 7 bytes. False if the ring is full or the message too long."""
        head = int(self._header[self._head])
        if len(message) > 7 or head - int(self._header[self._tail]) >= len(self._records):
            return False
        packed = len(message)
        for index, byte in enumerate(message):
            packed |= byte << (8 * (index + 1))
        self._records[head % len(self._records)] = (frame, packed if packed < 1 << 63 else packed - (1 << 64))
        self._header[self._head] = head + 1
        return True

    def pop(self) -> tuple[int, bytes] | None:
        """The oldest message, or None."""
        tail = int(self._header[self._tail])
        if tail == int(self._header[self._head]):
            return None
        frame, packed = (int(x) for x in self._records[tail % len(self._records)])
        self._header[self._tail] = tail + 1
        packed &= (1 << 64) - 1
        length = packed & 0xFF
        return frame, bytes((packed >> (8 * (index + 1))) & 0xFF for index in range(min(length, 7)))
