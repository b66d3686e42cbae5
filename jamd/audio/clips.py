"""Clips in shared memory: attached, handed to the audio thread as pointers, let go only when no voice can read them.

Runs in the audio process' main thread; the audio thread only reads the table of pointers.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from jamd.contract.errors import AudioError
from jamd.contract.memory import AudioMemory, SlotState, SlotWord, attach_shared


@dataclass
class _Held:
    block: SharedMemory
    free_at: float | None = None


class ClipTable:
    """What the slots hold. The process that runs this owns the clips' memory from the moment it attaches."""

    def __init__(self, memory: AudioMemory) -> None:
        self._words = memory.arrays["slot_words"]
        self._levels = memory.arrays["slot_levels"]
        self._held: dict[int, _Held] = {}
        self._old: list[_Held] = []

    def attach(self, slot: int, name: str, frames: int, loop: bool) -> None:
        """Put a clip in a slot. A clip that plays there goes on unheard for a moment, then its memory is freed.

        Raises:
            AudioError: no such slot, or the memory is gone or too small.
        """
        if not 0 <= slot < len(self._words):
            raise AudioError(f"no slot {slot + 1}", code="slot")
        block = attach_shared(name)
        if block.size < frames * 8:
            block.close()
            raise AudioError(f"clip {name} is shorter than {frames} frames", code="slot")
        self.detach(slot)
        view = np.ndarray((frames, 2), np.float32, buffer=block.buf)
        address = view.ctypes.data
        del view
        row = self._words[slot]
        row[SlotWord.FRAMES] = frames
        row[SlotWord.LOOP] = int(loop)
        row[SlotWord.POSITION] = 0
        row[SlotWord.POINTER] = address
        row[SlotWord.STATE] = SlotState.LOADED
        self._levels[slot, 1] = 0.0
        self._held[slot] = _Held(block)

    def detach(self, slot: int) -> None:
        """Empty a slot; its memory is freed a second later, when the audio thread has long turned away."""
        row = self._words[slot]
        row[SlotWord.STATE] = SlotState.EMPTY
        row[SlotWord.POINTER] = 0
        held = self._held.pop(slot, None)
        if held is not None:
            held.free_at = time.monotonic() + 1.0
            self._old.append(held)

    def tidy(self, everything: bool = False) -> None:
        """Free what is due."""
        now = time.monotonic()
        if everything:
            for slot in list(self._held):
                self.detach(slot)
        for held in list(self._old):
            if everything or (held.free_at is not None and held.free_at <= now):
                self._old.remove(held)
                held.block.close()
                resource_tracker.register(held.block._name, "shared_memory")  # type: ignore[attr-defined]
                try:
                    held.block.unlink()
                except FileNotFoundError:
                    pass
