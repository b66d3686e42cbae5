"""Files that can be opened at any moment while they grow: stereo, 24 bit, WAV (RF64 above 4 GB) or FLAC.

A block is written first and then, in one write, the header that counts it: a process that is killed leaves a whole file. For WAV the
header is ours. libsndfile writes FLAC's number of samples only at the end, and takes a file without it to be endless; so it is set
here after every block, to what has left the encoder. A FLAC file cannot be opened before its first block is there (0.2 s).
"""

from __future__ import annotations

import errno
import os
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from jamd.contract.units import SAMPLE_RATE

Format = Literal["wav", "flac"]
FULL_SCALE: Final = 1 << 23
_FRAME: Final = 6
"""Bytes of a frame in WAV."""
_WAV: Final = struct.Struct("<4sI4s4sIQQQI4sIHHIIHH4sI")
_LIMIT: Final = 0xFFFF_FFFF
_TOTAL: Final = 18
"""Place in a FLAC file of the 8 bytes that end with 36 bits for the number of samples; 16 bytes of MD5 follow."""


def to_24_bit(samples: NDArray[np.float32]) -> NDArray[np.int32]:
    """Rounded to 24 bit: -2**23 to 2**23 - 1. Clipped beyond full scale; what is no number is silence."""
    scaled = np.rint(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0) * np.float32(FULL_SCALE))
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int32)


class GrowingFile(Protocol):
    """A file that is being recorded."""

    path: Path
    fd: int
    safe: int
    """Frames that are in the file and in its header."""

    def write(self, samples: NDArray[np.int32]) -> None:
        """Append 24-bit numbers, [frames, 2].

        Raises:
            OSError: they cannot be written; the file keeps what it had.
        """

    def finish(self) -> None:
        """All that was written is in the file; no more is to come but `close`, or `cut`.

        Raises:
            OSError: the last part of it cannot be written.
        """

    def cut(self, frames: int) -> None:
        """Only the first frames stay: at most `safe`, in FLAC whole blocks. Needs no space. No more is to come but `close`."""

    def close(self) -> None:
        """Let go of the file as it is."""


def _create(path: Path) -> int:
    """A new file; an existing one is an error."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)


def wav_header(frames: int) -> bytes:
    """80 bytes: RIFF with room for the 64-bit sizes, or RF64 (EBU Tech 3306) when the sizes need more than 32 bits."""
    data = frames * _FRAME
    whole = data + _WAV.size - 8
    form = (b"fmt ", 16, 1, 2, SAMPLE_RATE, SAMPLE_RATE * _FRAME, _FRAME, 24, b"data")
    if whole > _LIMIT:
        return _WAV.pack(b"RF64", _LIMIT, b"WAVE", b"ds64", 28, whole, data, frames, 0, *form, _LIMIT)
    return _WAV.pack(b"RIFF", whole, b"WAVE", b"JUNK", 28, 0, 0, 0, 0, *form, data)


class WavFile:
    """Any number of frames a write.

    Raises:
        OSError: the file exists or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = _create(path)
        self.safe = 0
        try:
            self._write(wav_header(0), 0)
        except OSError:
            self.close()
            path.unlink(missing_ok=True)
            raise

    def write(self, samples: NDArray[np.int32]) -> None:
        count = len(samples)
        data = np.ascontiguousarray(samples, "<i4").view(np.uint8).reshape(count, 2, 4)[:, :, :3].tobytes()
        self._write(data, _WAV.size + self.safe * _FRAME)
        self._write(wav_header(self.safe + count), 0)
        self.safe += count

    def finish(self) -> None:
        """Nothing is kept back."""

    def cut(self, frames: int) -> None:
        self.safe = min(frames, self.safe)
        os.ftruncate(self.fd, _WAV.size + self.safe * _FRAME)
        self._write(wav_header(self.safe), 0)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _write(self, data: bytes, place: int) -> None:
        rest = memoryview(data)
        while rest:
            done = os.pwrite(self.fd, rest, place)
            rest, place = rest[done:], place + done


class _Sink:
    """The file as libsndfile sees it; keeps the first error, which libsndfile would swallow."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.error: OSError | None = None
        self.shut = False
        """Throw away what comes."""

    def write(self, data: bytes) -> int:
        if self.shut:
            return len(data)
        done = 0
        try:
            while done < len(data):
                done += os.write(self._fd, data[done:])
        except OSError as error:
            self.error = self.error or error
        return done

    def read(self, count: int) -> bytes:
        return os.read(self._fd, count)

    def seek(self, offset: int, whence: int) -> int:
        return os.lseek(self._fd, offset, whence)

    def tell(self) -> int:
        return os.lseek(self._fd, 0, os.SEEK_CUR)


class FlacFile:
    """FLAC: its encoder keeps back up to a block and one sample, so `safe` is that far behind.

    Writes of one block (`BLOCK` of the recorder, 4096 frames) can be cut anywhere between them.

    Raises:
        OSError: the file exists or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = _create(path)
        self.safe = 0
        self._written = 0
        self._block = 0
        self._sink = _Sink(self.fd)
        self._marks: deque[tuple[int, int]] = deque(maxlen=8)
        """(frames, bytes) of the last ends of blocks."""
        try:
            self._file = soundfile.SoundFile(self._sink, "w", samplerate=SAMPLE_RATE, channels=2, subtype="PCM_24", format="FLAC")
        except soundfile.SoundFileError as error:
            os.close(self.fd)
            path.unlink(missing_ok=True)
            raise self._sink.error or OSError(errno.EIO, str(error)) from error

    def write(self, samples: NDArray[np.int32]) -> None:
        self._guarded(lambda: self._file.write(np.ascontiguousarray(samples << 8)))
        if not self._written:
            self._block = int.from_bytes(os.pread(self.fd, 2, 8), "big")
            self._marks.append((0, self._header_size()))
        self._written += len(samples)
        done = (self._written - 1) // self._block * self._block
        if done > self.safe:
            self._set_total(done)
            self.safe = done
            self._marks.append((done, os.fstat(self.fd).st_size))

    def finish(self) -> None:
        self._guarded(self._file.close)
        self.safe = self._written

    def cut(self, frames: int) -> None:
        self._end_encoder()
        known = [mark for mark in self._marks if mark[0] <= frames]
        if known:
            self.safe, size = known[-1]
            os.ftruncate(self.fd, size)
            self._set_total(self.safe)
            os.pwrite(self.fd, bytes(16), _TOTAL + 8)  # the MD5 of the whole: unknown

    def close(self) -> None:
        if self.fd >= 0:
            self._end_encoder()
            os.close(self.fd)
            self.fd = -1

    def _end_encoder(self) -> None:
        """Free it; what it still wants to write is thrown away."""
        self._sink.shut = True
        with suppress(soundfile.SoundFileError):
            self._file.close()

    def _guarded(self, action: Callable[[], None]) -> None:
        """libsndfile's errors as those of the system; a write that came out short is an AssertionError in soundfile."""
        try:
            action()
        except (soundfile.SoundFileError, AssertionError) as error:
            raise self._sink.error or OSError(errno.EIO, str(error) or "the FLAC encoder failed") from error
        if self._sink.error is not None:
            raise self._sink.error

    def _header_size(self) -> int:
        """Bytes before the first block: 'fLaC', then chunks of metadata of which the last is marked."""
        place = 4
        while True:
            head = os.pread(self.fd, 4, place)
            place += 4 + int.from_bytes(head[1:], "big")
            if len(head) < 4 or head[0] & 0x80:
                return place

    def _set_total(self, frames: int) -> None:
        """The number of samples in STREAMINFO; 36 bits."""
        old = int.from_bytes(os.pread(self.fd, 8, _TOTAL), "big")
        os.pwrite(self.fd, (old >> 36 << 36 | frames).to_bytes(8, "big"), _TOTAL)
