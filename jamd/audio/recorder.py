"""The recorder: a thread that carries the capture ring to files, the mix and a stereo file for each stem.

The audio thread only fills the ring (11 s long) and never waits: whatever the disk does, the music does not notice. All files of a
take begin at the same frame of the daemon and have the same length, silence included. See `sound_files` for what a killed process leaves.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from jamd.audio.sound_files import FlacFile, Format, GrowingFile, WavFile, to_24_bit
from jamd.contract.capture import CaptureRing
from jamd.contract.errors import AudioError
from jamd.contract.units import SAMPLE_RATE

Stem = Literal["mix", "jam", "slots", "input"]
Event = Literal["started", "stopped", "lost", "failed"]
OnEvent = Callable[[Event, str, int], None]
"""Called in the recorder's thread with kind, a line for people, and frames:
started, the daemon's frame of the first sample; stopped and failed, the length of the files; lost, how many are silence."""

CHANNELS: Final[dict[Stem, int]] = {"mix": 0, "jam": 2, "slots": 4, "input": 6}
"""Left channel of each in the ring."""
BLOCK: Final = 4096
"""Frames a write: 85 ms, and a block of FLAC."""
KEEP_FREE: Final = 200_000_000
POLL_S: Final = 0.05
CHECK_S: Final = 1.0


class TakeFiles:
    """The open files of a take, in a folder that is made if it is not there.

    Raises:
        OSError: a file exists or cannot be made, or too little space is left; what was made for the others is gone again.
    """

    def __init__(self, folder: Path, stems: Sequence[Stem], kind: Format, keep_free: int) -> None:
        self._folder = folder
        self._keep_free = keep_free
        self._files: list[tuple[GrowingFile, int]] = []
        self._made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._check_space(os.statvfs(folder))
            for stem in stems:
                path = folder / f"{stem}.{kind}"
                self._files.append((WavFile(path) if kind == "wav" else FlacFile(path), CHANNELS[stem]))
        except OSError:
            self.close()
            raise

    def write(self, samples: NDArray[np.float32]) -> None:
        """Append to all. Shape: [frames, channels of the ring]."""
        numbers = to_24_bit(samples)
        for file, channel in self._files:
            try:
                file.write(numbers[:, channel : channel + 2])
            except OSError as error:
                error.filename = str(file.path)
                raise

    def check(self) -> None:
        """
        Raises:
            OSError: a file has been removed, or too little space is left on the disk.
        """
        for file, _ in self._files:
            if os.fstat(file.fd).st_nlink == 0:
                raise FileNotFoundError(errno.ENOENT, "the file has been removed", str(file.path))
        self._check_space(os.fstatvfs(self._files[0][0].fd))

    def _check_space(self, disk: os.statvfs_result) -> None:
        free = disk.f_bavail * disk.f_frsize
        if free < self._keep_free:
            text = f"only {free / 1e6:.0f} MB are left on the disk, and {self._keep_free / 1e6:.0f} MB are kept free"
            raise OSError(errno.ENOSPC, text, str(self._folder))

    def finish(self) -> None:
        """All that was written is in the files."""
        for file, _ in self._files:
            try:
                file.finish()
            except OSError as error:
                error.filename = str(file.path)
                raise

    def cut(self) -> int:
        """All files get the longest length that all of them have; returns it."""
        kept = min(file.safe for file, _ in self._files)
        for file, _ in self._files:
            with suppress(OSError):  # then it stays as long as it is
                file.cut(kept)
        return kept

    def close(self) -> None:
        """Let go of the files; those without any sample are removed: FLAC cannot say that it is empty."""
        for file, _ in self._files:
            if file.safe == 0 and os.fstat(file.fd).st_nlink > 0:
                file.path.unlink(missing_ok=True)
            file.close()
        if self._made:
            with suppress(OSError):  # it holds something, as it should
                self._folder.rmdir()


@dataclass
class _Take:
    folder: Path
    stems: tuple[Stem, ...]
    kind: Format
    until: int | None = None
    """Frame of the daemon at which it ends; None: not known yet."""
    stop: bool = False
    """End at once."""
    position: int = 0
    started: bool = False
    lost: int = 0
    """Frames whose loss nobody has been told of."""
    checked: float = field(default_factory=time.monotonic)


class Recorder:
    """One take at a time.

    Args:
        ring: whose only consumer this is.
        on_event: what happens, told in the recorder's thread; what it raises is ignored. A take ends with `stopped` or `failed`.
        keep_free: bytes of the disk that a recording leaves alone; when fewer are left, it ends.
    """

    def __init__(self, ring: CaptureRing, on_event: OnEvent, *, keep_free: int = KEEP_FREE) -> None:
        self._ring = ring
        self._on_event = on_event
        self._keep_free = keep_free
        self._take: _Take | None = None
        self._closed = False
        self._changed = threading.Condition()
        ring.stop()  # what an audio process that died may have left on
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def recording(self) -> bool:
        return self._take is not None

    def start(self, folder: Path, stems: Sequence[Stem], kind: Format, frame: int) -> None:
        """Record `mix` and these stems from a frame of the daemon on, or at once if that has passed. Returns before the files are open.

        Nothing is overwritten: a file that exists makes the take fail.

        Raises:
            AudioError: code `record`: a take is running, or an argument is wrong.
        """
        unknown = [stem for stem in stems if stem not in CHANNELS]
        if unknown:
            raise AudioError(f"no stem {unknown[0]!r}: there are {', '.join(CHANNELS)}", code="record")
        if kind not in get_args(Format):
            raise AudioError(f"no format {kind!r}: there are {', '.join(get_args(Format))}", code="record")
        with self._changed:
            if self._closed:
                raise AudioError("the recorder is closed", code="record")
            if self._take is not None:
                raise AudioError(f"a recording to {self._take.folder} is running", code="record")
            self._ring.start(frame)
            self._take = _Take(folder, tuple(stem for stem in CHANNELS if stem == "mix" or stem in stems), kind)
            self._changed.notify()

    def stop(self, frame: int | None = None) -> None:
        """End the take before a frame of the daemon, or at once. Returns before the files are closed: an event says so."""
        with self._changed:
            take = self._take
            if take is not None and not take.stop:
                take.until, take.stop = frame, frame is None
                self._changed.notify()

    def close(self, timeout_s: float = 10.0) -> None:
        """End the take at once and the thread with it."""
        with self._changed:
            self._closed = True
            if self._take is not None:
                self._take.stop = True
            self._changed.notify()
        self._thread.join(timeout_s)

    # --- the thread -----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._take is not None or self._closed)
                take = self._take
            if take is None:
                return
            try:
                event, text, frames = self._record(take)
            except Exception as error:  # a fault of ours must not end the thread
                event, text, frames = "failed", f"the recording stopped: {type(error).__name__}: {error}", take.position
            self._ring.stop()
            self._ring.settle()
            with self._changed:
                self._take = None
            self._tell(event, text, frames)

    def _tell(self, event: Event, text: str, frames: int) -> None:
        with suppress(Exception):  # whoever listened has gone; the recording goes on
            self._on_event(event, text, frames)

    def _record(self, take: _Take) -> tuple[Event, str, int]:
        """A whole take; its last event."""
        try:
            files = TakeFiles(take.folder, take.stems, take.kind, self._keep_free)
        except OSError as error:
            return "failed", f"cannot record: {_words(error)}", 0
        try:
            while self._step(take, files):
                pass
            files.finish()
        except OSError as error:
            kept = files.cut()
            return "failed", f"the recording stopped: {_words(error)}; what is left of it is {kept / SAMPLE_RATE:.1f} s long", kept
        finally:
            files.close()
            self._report_loss(take)
        if not take.position:
            return "stopped", "nothing was recorded", 0
        return "stopped", f"recorded {take.position / SAMPLE_RATE:.1f} s to {take.folder}", take.position

    def _step(self, take: _Take, files: TakeFiles) -> bool:
        """Write a block if there is one, else wait a little. False: the take is at its end."""
        ring = self._ring
        head = ring.head
        if head > 0 and not take.started:
            take.started = True
            self._tell("started", f"recording to {take.folder}", ring.first)
        until = take.until
        over = take.stop or (until is not None and ring.first + head >= until)
        if over and ring.on:
            ring.stop()
            ring.settle()
            head = ring.head
        end = head if until is None else min(head, max(until - ring.first, 0))
        waiting = end - take.position
        if waiting >= BLOCK or (over and waiting > 0):
            samples, lost = ring.read(take.position, min(waiting, BLOCK))
            files.write(samples)
            take.position += len(samples)
            take.lost += lost
        elif over:
            return False
        else:
            with self._changed:
                self._changed.wait(POLL_S)
        now = time.monotonic()
        if now - take.checked >= CHECK_S:
            take.checked = now
            files.check()
            self._report_loss(take)
        return True

    def _report_loss(self, take: _Take) -> None:
        if take.lost:
            lost, take.lost = take.lost, 0
            self._tell("lost", f"the disk was too slow: {lost / SAMPLE_RATE:.2f} s of the recording are silence", lost)


def _words(error: OSError) -> str:
    text = error.strerror or str(error)
    return f"{error.filename}: {text}" if error.filename else text
