"""Clips: attached, handed to the audio thread as pointers, stretched, let go only when no voice can read them.

Runs in the audio process' main thread, with a second thread for the stretching; the audio thread only reads the table of pointers. A
slot that sounds is never changed under it: what is new waits in NEXT until control's SLOT_SWAP, whose frame control knows best.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jamd.contract.errors import AudioError
from jamd.contract.layout import SlotLevel, SlotState, SlotWord
from jamd.contract.memory import AudioMemory, attach_shared, unlink_shared

KEEP_S = 1.0
"""How long memory stays after the audio thread has turned away from it."""


@dataclass
class _Copy:
    """Audio that the audio thread may read: shared memory of ours, or an array."""

    address: int
    frames: int
    block: SharedMemory | None = None
    array: NDArray[np.float32] | None = None
    free_at: float = 0.0


@dataclass
class _Clip:
    """A slot's clip as it was made, the copy that plays, the one that waits."""

    made: _Copy
    plays: _Copy
    waits: _Copy | None = None
    stretching: Future[NDArray[np.float32]] | None = None
    wanted: int = 0


@dataclass(frozen=True)
class Stretched:
    """A slot has a copy of so many frames; `error` says why not."""

    slot: int
    frames: int
    waits: bool
    error: str = ""


@dataclass
class ClipTable:
    """What the slots hold. The process that runs this owns the clips' memory from the moment it attaches."""

    memory: AudioMemory
    _clips: dict[int, _Clip] = field(default_factory=dict)
    _old: list[_Copy] = field(default_factory=list)
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "stretch"))

    def __post_init__(self) -> None:
        """Pointers of a process that was here before are worth nothing."""
        words = self.memory.arrays["slot_words"]
        words[:, [SlotWord.POINTER, SlotWord.NEXT_POINTER, SlotWord.TAIL_POINTER]] = 0
        words[:, SlotWord.STATE] = SlotState.EMPTY

    def _row(self, slot: int) -> NDArray[Any]:
        return self.memory.arrays["slot_words"][slot]  # type: ignore[no-any-return]

    def attach(self, slot: int, name: str, frames: int, loop: bool) -> bool:
        """Put a clip in a slot. True if it waits there, because another one sounds.

        Raises:
            AudioError: no such slot, or the memory is gone or too small.
        """
        if not 0 <= slot < self.memory.slots:
            raise AudioError(f"no slot {slot + 1}", code="slot")
        block = attach_shared(name)
        if block.size < frames * 8:
            block.close()
            raise AudioError(f"clip {name} is shorter than {frames} frames", code="slot")
        view = np.ndarray((frames, 2), np.float32, buffer=block.buf)
        copy = _Copy(view.ctypes.data, frames, block)
        del view
        row = self._row(slot)
        row[SlotWord.LOOP] = int(loop)
        before = self._clips.get(slot)
        if before is not None and row[SlotWord.STATE] in (SlotState.PLAYING, SlotState.STOPPING):
            self._drop_waiting(slot, before)
            if before.made is not before.plays:
                self._let_go(before.made)
            self._clips[slot] = _Clip(made=copy, plays=before.plays, waits=copy)
            self._offer(slot, copy)
            return True
        self.detach(slot)
        row[SlotWord.FRAMES] = frames
        row[SlotWord.POSITION] = 0
        row[SlotWord.POINTER] = copy.address
        row[SlotWord.STATE] = SlotState.LOADED
        self.memory.arrays["slot_levels"][slot, SlotLevel.RAMP] = 0.0
        self._clips[slot] = _Clip(made=copy, plays=copy)
        return False

    def _offer(self, slot: int, copy: _Copy) -> None:
        row = self._row(slot)
        row[SlotWord.NEXT_POINTER] = 0
        row[SlotWord.NEXT_FRAMES] = copy.frames
        row[SlotWord.NEXT_POINTER] = copy.address

    def _drop_waiting(self, slot: int, clip: _Clip) -> None:
        self._settle(slot, clip)
        if clip.waits is not None:
            self._row(slot)[SlotWord.NEXT_POINTER] = 0
            if clip.waits is not clip.made:
                self._let_go(clip.waits)
            clip.waits = None

    def _settle(self, slot: int, clip: _Clip) -> None:
        """See whether the audio thread has taken the waiting copy."""
        if clip.waits is not None and self._row(slot)[SlotWord.POINTER] == clip.waits.address:
            if clip.plays is not clip.made:
                self._let_go(clip.plays)
            clip.plays, clip.waits = clip.waits, None

    def stretch(self, slot: int, frames: int) -> None:
        """Begin to make a copy of another length; `ready` tells when it is there. Without a clip nothing happens."""
        clip = self._clips.get(slot)
        if clip is None:
            return
        from jamd.audio.stretch import stretch_loop

        made = clip.made
        held = made.block  # the memory stays as long as the view
        clip.wanted = frames
        if frames == made.frames:
            clip.stretching = None
            self._give(slot, clip, made)
            return
        assert held is not None
        audio = np.ndarray((made.frames, 2), np.float32, buffer=held.buf).copy()
        clip.stretching = self._worker.submit(stretch_loop, audio, frames)

    def _give(self, slot: int, clip: _Clip, copy: _Copy) -> bool:
        """Have a copy played: at once if nothing sounds, else it waits. True if it waits."""
        self._settle(slot, clip)
        if clip.waits is not None and clip.waits is not copy:
            self._drop_waiting(slot, clip)
        clip.waits = copy
        row = self._row(slot)
        if row[SlotWord.STATE] in (SlotState.PLAYING, SlotState.STOPPING):
            self._offer(slot, copy)
            return True
        row[SlotWord.NEXT_POINTER] = 0
        row[SlotWord.FRAMES] = min(int(row[SlotWord.FRAMES]), copy.frames)  # a launch in between must not read beyond either
        row[SlotWord.POINTER] = copy.address
        row[SlotWord.FRAMES] = copy.frames
        self._settle(slot, clip)
        return False

    def ready(self) -> list[Stretched]:
        """The copies that have been finished since the last call."""
        out = []
        for slot, clip in self._clips.items():
            if clip.wanted == clip.made.frames and clip.stretching is None:
                out.append(Stretched(slot, clip.wanted, bool(self._row(slot)[SlotWord.NEXT_POINTER] != 0)))
                clip.wanted = 0
            if clip.stretching is None or not clip.stretching.done():
                continue
            future, clip.stretching = clip.stretching, None
            try:
                array = np.ascontiguousarray(future.result(), np.float32)
            except Exception as error:  # a library's fault must not end the music
                out.append(Stretched(slot, clip.wanted, False, f"{type(error).__name__}: {error}"))
                continue
            copy = _Copy(array.ctypes.data, len(array), array=array)
            out.append(Stretched(slot, len(array), self._give(slot, clip, copy)))
        return out

    def detach(self, slot: int) -> None:
        """Empty a slot; its memory is freed when the audio thread has long turned away."""
        row = self._row(slot)
        row[SlotWord.STATE] = SlotState.EMPTY
        row[SlotWord.NEXT_POINTER] = 0
        row[SlotWord.POINTER] = 0
        clip = self._clips.pop(slot, None)
        if clip is None:
            return
        for copy in {id(one): one for one in (clip.made, clip.plays, clip.waits) if one is not None}.values():
            self._let_go(copy)

    def _let_go(self, copy: _Copy) -> None:
        copy.free_at = time.monotonic() + KEEP_S
        self._old.append(copy)

    def tidy(self, everything: bool = False) -> None:
        """Free what is due."""
        now = time.monotonic()
        for slot, clip in list(self._clips.items()):
            self._settle(slot, clip)
            if everything:
                self.detach(slot)
        if everything:
            self._worker.shutdown(wait=False, cancel_futures=True)
        for copy in list(self._old):
            if everything or copy.free_at <= now:
                self._old.remove(copy)
                if copy.block is not None:
                    copy.block.close()
                    unlink_shared(copy.block.name)
