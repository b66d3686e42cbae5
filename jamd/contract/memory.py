"""The shared memory between control, engine and the audio thread.

One segment, made and removed by the supervisor. Who may write what:

    header       each word has one writer: the audio thread, but for the heads of the rings and the stream's writer words
    commands     control writes records and the head, the audio thread the tail
    midi_in      the audio thread writes records and the head, control the tail; midi_out the other way round
    slots        control's launches go through commands; clip pointers are written by the audio process' main thread
    stream       engine writes samples, then `written`; the audio thread reads and never writes

Every ring has exactly one producer and one consumer. A record is written before its head moves. Frames are absolute on the
daemon's time line: the number of frames that the audio process has played since its start.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jamd.contract.errors import AudioError
from jamd.contract.layout import (
    CAPTURE_CHANNELS,
    CAPTURE_FRAMES,
    CLICKS,
    COMMANDS,
    FLOAT_WORDS,
    FOREVER,
    HEADER_WORDS,
    MAGIC,
    MIDI_EVENTS,
    PEAKS,
    PENDING,
    SLOT_FLOATS,
    SLOT_WORDS,
    Level,
    SlotLevel,
    SlotState,
    SlotWord,
    Word,
)
from jamd.contract.ring import CommandRing, MidiRing, StreamRing
from jamd.contract.units import SAMPLE_RATE


@dataclass(frozen=True)
class AudioStats:
    """Counters since the start; peaks since the last reading."""

    xruns: int
    callbacks: int
    late_cycles: int
    underruns: int
    underrun_frames: int
    fault: int
    peak_left: float
    peak_right: float
    peaks: dict[str, tuple[float, float]]
    """Of jam, slots and input."""
    limiter_reduction_db: float
    max_callback_us: int
    queue_frames: int


@dataclass(frozen=True)
class SlotView:
    state: SlotState
    position: int
    frames: int
    launches: int
    started: int
    gain: float
    next_frames: int = 0
    """Length of a copy that waits to take over; 0: none does."""


def _layout(slots: int, stream_frames: int) -> dict[str, tuple[int, tuple[int, ...], Any]]:
    """Name to (offset in bytes, shape, type); every array begins on 64 bytes."""
    fields: list[tuple[str, tuple[int, ...], Any]] = [
        ("header", (HEADER_WORDS,), np.int64),
        ("levels", (FLOAT_WORDS,), np.float64),
        ("command_words", (COMMANDS, 3), np.int64),
        ("command_values", (COMMANDS,), np.float64),
        ("pending_words", (PENDING, 3), np.int64),
        ("pending_values", (PENDING,), np.float64),
        ("midi_in", (MIDI_EVENTS, 2), np.int64),
        ("midi_out", (MIDI_EVENTS, 2), np.int64),
        ("slot_words", (slots, SLOT_WORDS), np.int64),
        ("slot_levels", (slots, SLOT_FLOATS), np.float64),
        ("stream", (stream_frames, 2), np.float32),
        ("capture", (CAPTURE_FRAMES, CAPTURE_CHANNELS), np.float32),
    ]
    out, offset = {}, 0
    for name, shape, kind in fields:
        out[name] = (offset, shape, kind)
        offset += -(-int(np.prod(shape)) * np.dtype(kind).itemsize // 64) * 64
    out["size"] = (offset, (), np.int64)
    return out


class AudioMemory:
    """Views of the segment. Make it with `create` or `attach`."""

    def __init__(self, block: SharedMemory, slots: int, stream_frames: int) -> None:
        self._block: SharedMemory | None = block
        self.name = block.name
        self.arrays: dict[str, NDArray[Any]] = {
            name: np.ndarray(shape, kind, buffer=block.buf, offset=offset)
            for name, (offset, shape, kind) in _layout(slots, stream_frames).items()
            if name != "size"
        }
        self.header: NDArray[np.int64] = self.arrays["header"]
        self.levels: NDArray[np.float64] = self.arrays["levels"]
        self.stream = StreamRing(self.header, self.arrays["stream"])
        self.commands = CommandRing(self.header, self.arrays["command_words"], self.arrays["command_values"])
        self.midi = MidiRing(self.header, self.arrays["midi_in"], Word.MIDI_IN_HEAD, Word.MIDI_IN_TAIL)
        self.midi_out = MidiRing(self.header, self.arrays["midi_out"], Word.MIDI_OUT_HEAD, Word.MIDI_OUT_TAIL)

    @classmethod
    def create(cls, name: str, *, slots: int = 64 + CLICKS, stream_frames: int = 1 << 17) -> AudioMemory:
        """Make the segment, the last `CLICKS` slots being the metronome's. Its creator has to `unlink` it."""
        size = _layout(slots, stream_frames)["size"][0]
        memory = cls(SharedMemory(name=name, create=True, size=size), slots, stream_frames)
        memory.header[Word.STREAM_SIZE] = stream_frames
        memory.header[Word.SLOTS] = slots
        memory.header[Word.STREAM_BEGIN] = memory.header[Word.STREAM_END] = FOREVER
        memory.header[Word.LOOP_FRAMES] = 48_000
        memory.levels[Level.MASTER_GAIN] = memory.levels[Level.MASTER_TARGET] = 1.0
        memory.levels[Level.LIMITER] = memory.levels[Level.LIMITER_LOWEST] = 1.0
        memory.levels[Level.JAM_RAMP] = 240.0
        memory.arrays["slot_levels"][:, SlotLevel.GAIN] = 1.0
        memory.arrays["slot_levels"][:, SlotLevel.NOW] = 1.0
        memory.header[Word.MAGIC] = MAGIC
        return memory

    @classmethod
    def attach(cls, name: str) -> AudioMemory:
        """Views of a segment that another process made.

        Raises:
            AudioError: it is gone, or of another version.
        """
        block = attach_shared(name)
        head = np.ndarray((HEADER_WORDS,), np.int64, buffer=block.buf)
        magic, slots, frames = int(head[Word.MAGIC]), int(head[Word.SLOTS]), int(head[Word.STREAM_SIZE])
        del head
        if magic != MAGIC:
            block.close()
            raise AudioError(f"shared memory {name} is of another version")
        return cls(block, slots, frames)

    @property
    def frame(self) -> int:
        """Frames played since the audio process began."""
        return int(self.header[Word.FRAME])

    @property
    def slots(self) -> int:
        return int(self.header[Word.SLOTS])

    def slot(self, index: int) -> SlotView:
        row = self.arrays["slot_words"][index]
        waits = int(row[SlotWord.NEXT_FRAMES]) if row[SlotWord.NEXT_POINTER] else 0
        return SlotView(SlotState(int(row[SlotWord.STATE])), int(row[SlotWord.POSITION]), int(row[SlotWord.FRAMES]),
                        int(row[SlotWord.LAUNCHES]), int(row[SlotWord.STARTED]),
                        float(self.arrays["slot_levels"][index, SlotLevel.GAIN]), waits)  # fmt: skip

    def frame_of_us(self, microseconds: float) -> float:
        """The frame of the time line at a time of JACK's clock (CLOCK_MONOTONIC_RAW).

        An offline output has the same clock. Exact to a frame or two where JACK's clock is: its cycles are counted, not timed.
        """
        header = self.header
        while True:
            generation = int(header[Word.CYCLE_GENERATION])
            frame, at = int(header[Word.CYCLE_FRAME]), int(header[Word.CYCLE_US])
            if generation % 2 == 0 and generation == int(header[Word.CYCLE_GENERATION]):
                return frame + (microseconds - at) * SAMPLE_RATE / 1e6

    @property
    def stats(self) -> AudioStats:
        """A snapshot; reading it starts new peaks."""
        h, f = self.header, self.levels
        lowest = max(float(f[Level.LIMITER_LOWEST]), 1e-6)
        out = AudioStats(
            xruns=int(h[Word.XRUNS]), callbacks=int(h[Word.CALLBACKS]), late_cycles=int(h[Word.LATE_CYCLES]),
            underruns=int(h[Word.UNDERRUNS]), underrun_frames=int(h[Word.UNDERRUN_FRAMES]), fault=int(h[Word.FAULT]),
            peak_left=float(f[Level.PEAK_LEFT]), peak_right=float(f[Level.PEAK_RIGHT]),
            peaks={name: (float(f[at]), float(f[at + 1])) for name, at in PEAKS.items()},
            limiter_reduction_db=float(-20 * np.log10(lowest)), max_callback_us=int(h[Word.MAX_CALLBACK_US]),
            queue_frames=max(self.stream.written - self.frame, 0) if self.stream.running else 0,
        )  # fmt: skip
        f[Level.PEAK_LEFT] = f[Level.PEAK_RIGHT] = 0.0
        for at in PEAKS.values():
            f[at] = f[at + 1] = 0.0
        f[Level.LIMITER_LOWEST] = 1.0
        return out

    def close(self) -> None:
        """Let go of the views. The segment stays."""
        if self._block is None:
            return
        self.arrays.clear()
        for name in ("header", "levels", "stream", "commands", "midi", "midi_out"):
            if hasattr(self, name):
                delattr(self, name)
        try:
            self._block.close()
        except BufferError:  # a view lives on somewhere; the mapping goes with the process
            pass
        self._block = None

    def unlink(self) -> None:
        """Remove the segment. Only its creator does that."""
        unlink_shared(self.name)


def share_audio(audio: NDArray[np.float32], name: str) -> None:
    """Put audio into new shared memory, which from now on belongs to whoever plays it: they `unlink_shared` it. Shape: [frames, 2]."""
    block = SharedMemory(name=name, create=True, size=audio.nbytes)
    np.ndarray(audio.shape, np.float32, buffer=block.buf)[:] = audio
    _disown(block)
    block.close()


def attach_shared(name: str) -> SharedMemory:
    """Attach to shared memory that another process owns.

    Raises:
        AudioError: there is none of that name.
    """
    try:
        block = SharedMemory(name=name)
    except FileNotFoundError as error:
        raise AudioError(f"shared memory {name} is gone") from error
    _disown(block)
    return block


def unlink_shared(name: str) -> None:
    """Remove shared memory, if it is there: whoever still has it attached keeps it."""
    try:
        block = attach_shared(name)
    except AudioError:
        return
    block.close()
    resource_tracker.register(block._name, "shared_memory")  # type: ignore[attr-defined]
    with suppress(FileNotFoundError):
        block.unlink()


def _disown(block: SharedMemory) -> None:
    """Python 3.11 would remove it when this process ends; so the tracker is told to forget it."""
    resource_tracker.unregister(block._name, "shared_memory")  # type: ignore[attr-defined]
