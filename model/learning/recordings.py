"""A musician's files: found, read as a stream at 48 kHz in stereo, and known by a hash of what they hold.

Reading is by libsndfile (WAV, FLAC, AIFF, OGG and MP3), rates by soxr. A file is never held in memory as a whole.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from jamd.contract.errors import FailureError
from jamd.contract.units import SAMPLE_RATE

Audio = NDArray[np.float32]
SUFFIXES: Final = (".wav", ".wave", ".flac", ".aif", ".aiff", ".aifc", ".ogg", ".oga", ".mp3")
BLOCK_S: Final = 10.0
"""Seconds that are read at once."""
MARGIN_S: Final = 0.05
"""Read beyond both ends of a stretch, so that the filters of the resampler have settled."""
MOST_CHANNELS: Final = 64


@dataclass(frozen=True)
class Recording:
    """A file that can be read."""

    path: Path
    rate: int
    channels: int
    frames: int
    """At the file's own rate, as its header says: an MP3's may be off by a few."""

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


@dataclass(frozen=True)
class Unreadable:
    """A file that cannot be used, and why."""

    path: Path
    reason: str


def find_files(paths: Iterable[Path]) -> tuple[list[Path], list[Unreadable]]:
    """Sound files under files and folders, each once, in the order of their names; hidden ones are left out.

    What is named itself and is missing or of another kind is listed; other kinds inside a folder are passed over.
    """
    found: dict[Path, Path] = {}
    bad: list[Unreadable] = []
    for path in paths:
        if path.is_dir():
            names = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES)
            inside = [p for p in names if not any(part.startswith(".") for part in p.relative_to(path).parts)]
        elif not path.exists():
            bad.append(Unreadable(path, "there is no such file"))
            continue
        elif path.suffix.lower() not in SUFFIXES:
            bad.append(Unreadable(path, f"not a kind that is read ({', '.join(s[1:] for s in SUFFIXES)})"))
            continue
        else:
            inside = [path]
        for one in inside:
            found.setdefault(one.resolve(), one)
    return list(found.values()), bad


def open_recording(path: Path) -> Recording | Unreadable:
    """What a file says of itself, its first sound read as a trial."""
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            recording = Recording(path, int(file.samplerate), int(file.channels), max(int(file.frames), 0))
            if recording.frames == 0:
                return Unreadable(path, "it is empty")
            if not 1 <= recording.channels <= MOST_CHANNELS:
                return Unreadable(path, f"it has {recording.channels} channels")
            if not 4000 <= recording.rate <= 768_000:
                return Unreadable(path, f"it has {recording.rate} samples a second")
            if len(file.read(1024, dtype="float32")) == 0:
                return Unreadable(path, "nothing in it can be decoded")
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        return Unreadable(path, _plain(error))
    return recording


def find_recordings(paths: Iterable[Path]) -> tuple[list[Recording], list[Unreadable]]:
    """What can be read under files and folders, and what cannot."""
    files, bad = find_files(paths)
    good: list[Recording] = []
    for path in files:
        opened = open_recording(path)
        if isinstance(opened, Recording):
            good.append(opened)
        else:
            bad.append(opened)
    return good, bad


def _plain(error: Exception) -> str:
    text = str(getattr(error, "error_string", "") or error).strip().rstrip(".")
    return f"it cannot be read: {text[:1].lower()}{text[1:]}" if text else "it cannot be read"


def stereo(sound: NDArray[Any]) -> Audio:
    """Two channels of any number: one is doubled; of more than two, odd and even ones are averaged.

    Shape: [frames, channels] to [frames, 2].
    """
    sound = np.asarray(sound, np.float32)
    if sound.shape[1] == 2:
        return sound
    if sound.shape[1] == 1:
        return np.repeat(sound, 2, axis=1)
    return np.stack([sound[:, 0::2].mean(axis=1), sound[:, 1::2].mean(axis=1)], axis=1)


def raw_blocks(recording: Recording, seconds: float = BLOCK_S) -> Iterator[Audio]:
    """Stereo at the file's own rate, block by block; what is not a number is taken as silence. Shape of each: [frames, 2].

    Raises:
        FailureError: the file breaks off in an error.
    """
    size = max(round(seconds * recording.rate), 1)
    try:
        with soundfile.SoundFile(os.fsencode(recording.path)) as file:
            while len(block := file.read(size, dtype="float32", always_2d=True)):
                yield np.nan_to_num(stereo(block), nan=0.0, posinf=1.0, neginf=-1.0)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise FailureError(f"{recording.path.name}: {_plain(error)}") from error


def blocks(recording: Recording, seconds: float = BLOCK_S) -> Iterator[Audio]:
    """The whole recording at 48 kHz in stereo, about `seconds` at a time. Shape of each: [frames, 2].

    Raises:
        FailureError: the file breaks off in an error.
    """
    stream = soxr.ResampleStream(recording.rate, SAMPLE_RATE, 2, dtype="float32", quality="HQ")
    same = recording.rate == SAMPLE_RATE
    for block in raw_blocks(recording, seconds):
        yield block if same else stream.resample_chunk(np.ascontiguousarray(block))
    if not same:
        yield stream.resample_chunk(np.zeros((0, 2), np.float32), last=True)


def read_stretch(recording: Recording, start_s: float, end_s: float) -> Audio:
    """A stretch at 48 kHz in stereo; silence beyond the ends of the file. Shape: [round((end - start) * 48000), 2].

    Raises:
        FailureError: the file cannot be read there.
    """
    wanted = round((end_s - start_s) * SAMPLE_RATE)
    first = max(int((start_s - MARGIN_S) * recording.rate), 0)
    last = int(np.ceil((end_s + MARGIN_S) * recording.rate))
    try:
        with soundfile.SoundFile(os.fsencode(recording.path)) as file:
            file.seek(min(first, max(int(file.frames), 0)))
            sound = stereo(file.read(max(last - first, 0), dtype="float32", always_2d=True))
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise FailureError(f"{recording.path.name}: {_plain(error)}") from error
    sound = np.nan_to_num(sound, nan=0.0, posinf=1.0, neginf=-1.0)
    if recording.rate != SAMPLE_RATE and len(sound):
        sound = soxr.resample(sound, recording.rate, SAMPLE_RATE, quality="HQ").astype(np.float32)
    skip = round((start_s - first / recording.rate) * SAMPLE_RATE)
    out = np.zeros((wanted, 2), np.float32)
    heard = sound[max(skip, 0) : max(skip, 0) + wanted]
    out[: len(heard)] = heard
    return out


def data_hash(hashes: Iterable[str]) -> str:
    """One hash of those of many recordings (see `survey`), whatever their order. Hexadecimal."""
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()
