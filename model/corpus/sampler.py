"""Sampled instruments: velocity layers, round robins, pitch shift by cubic interpolation, dampers.

An instrument is a folder of recorded notes whose names say pitch, layer and round robin. Samples are decoded when they are
first needed and kept as int16. Loudness follows the velocity smoothly through the layers: each layer's median level is
brought to the level of its velocity, so that layers differ in colour and no step is heard between them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from jamd.contract.errors import FailureError
from jamd.contract.units import SAMPLE_RATE
from model.corpus.notes import Notes

Audio = NDArray[np.float32]
LEVEL_DB: Final = -34.0
"""RMS of the first quarter of a second of a note of velocity 80."""
RANGE_DB: Final = 34.0
"""Level between velocity 1 and 127, along the square root of the velocity."""
_LETTERS: Final = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_PRE: Final = int(0.003 * SAMPLE_RATE)


def pitch_of(name: str, octave_of_60: int) -> int:
    """MIDI number of a note name such as `eb3`, `Cs4`, `A-1`, where middle C is C`octave_of_60`.

    Raises:
        ValueError: not a note name.
    """
    match = re.fullmatch(r"([a-gA-G])(s|#|b)?(-?\d)", name)
    if match is None:
        raise ValueError(f"no note name: {name!r}")
    letter, accidental, octave = match.groups()
    semitone = _LETTERS[letter.lower()] + {"s": 1, "#": 1, "b": -1, None: 0}[accidental]
    return semitone + 60 + 12 * (int(octave) - octave_of_60)


@dataclass(frozen=True)
class Kind:
    """How a folder's names read, and how the instrument behaves."""

    part: str
    program: int
    """The General MIDI program that it stands for."""
    read: Callable[[str], tuple[int, int, int] | None]
    """File stem to (pitch, layer, round robin), or None."""
    release_s: float
    """Time in which a damped note falls by 60 dB."""
    undamped: int = 200
    """Pitches from here on ring out."""
    longest_s: float = 8.0
    gain_db: float = 0.0


def _headroom(stem: str) -> tuple[int, int, int] | None:
    match = re.fullmatch(r"LEVEL(\d)_(\d+)", stem)
    return (int(match[2]), int(match[1]), 0) if match else None


def _splendid(stem: str) -> tuple[int, int, int] | None:
    match = re.fullmatch(r"(PP|MP|MF|FF)_(.+)", stem)
    return (pitch_of(match[2], 3), ("PP", "MP", "MF", "FF").index(match[1]), 0) if match else None


def _meatbass(stem: str) -> tuple[int, int, int] | None:
    match = re.fullmatch(r"([a-g]b?\d)_vl(\d)_rr(\d)", stem)
    return (pitch_of(match[1], 4), int(match[2]), int(match[3])) if match else None


def _weresax(stem: str) -> tuple[int, int, int] | None:
    match = re.fullmatch(r"([a-g]b?\d)_([pf])_rr(\d)_cnd", stem)
    return (pitch_of(match[1], 3), "pf".index(match[2]), int(match[3])) if match else None


KINDS: Final[dict[str, Kind]] = {
    "yamaha": Kind("piano", 0, _headroom, 0.22, undamped=90),
    "steinway": Kind("piano", 0, _splendid, 0.25, undamped=90),
    "pizzicato": Kind("bass", 32, _meatbass, 0.12, longest_s=4.0, gain_db=4.5),
    "weresax": Kind("horn", 65, _weresax, 0.07, longest_s=6.0, gain_db=3.7),
}
FOLDERS: Final = {"yamaha": "headroom_close", "steinway": "splendid", "pizzicato": "meatbass", "weresax": "weresax"}


@numba.njit(cache=True, nogil=True)
def _mix_note(out: Any, at: int, sample: Any, ratio: float, gain: float, held: int, decay: float, fade_in: int) -> None:
    """Add a note to `out` [frames, 2]: `sample` int16 [n, 2] read at `ratio`, damped after `held` frames."""
    level = gain / 32768.0
    damp = 1.0
    last = sample.shape[0] - 3
    for i in range(out.shape[0] - at):
        position = i * ratio
        k = int(position)
        if k >= last:
            break
        if i >= held:
            damp *= decay
            if damp < 1e-4:
                break
        f = position - k
        edge = min((last - position) / 480.0, 1.0)
        g = level * damp * edge
        if i < fade_in:
            g *= i / fade_in
        for c in range(2):
            a = float(sample[k - 1 if k else 0, c])
            b = float(sample[k, c])
            d = float(sample[k + 1, c])
            e = float(sample[k + 2, c])
            # Catmull-Rom
            out[at + i, c] += g * (b + 0.5 * f * (d - a + f * (2 * a - 5 * b + 4 * d - e + f * (3 * (b - d) + e - a))))


@dataclass
class SampledInstrument:
    """One instrument's samples, read as they are needed.

    Raises:
        FailureError: the folder has no sample of this kind.
    """

    name: str
    folder: Path
    zones: dict[int, dict[int, list[Path]]] = field(init=False)
    """pitch > layer > round robins"""
    layers: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.kind = KINDS[self.name]
        self.zones = {}
        for path in sorted(self.folder.glob("*.*")):
            found = self.kind.read(path.stem) if path.suffix in (".ogg", ".flac", ".wav") else None
            if found:
                pitch, layer, _ = found
                self.zones.setdefault(pitch, {}).setdefault(layer, []).append(path)
        if not self.zones:
            raise FailureError(f"no samples of {self.name} in {self.folder}")
        self.layers = sorted({layer for zone in self.zones.values() for layer in zone})
        self._pitches = np.array(sorted(self.zones))
        self._kept: dict[Path, tuple[NDArray[np.int16], float]] = {}

    def sample(self, path: Path) -> tuple[NDArray[np.int16], float]:
        """Audio from just before its onset, and its RMS. Shape: [frames, 2], peak at full scale."""
        if path not in self._kept:
            audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
            audio = audio[: int(self.kind.longest_s * rate)]
            if rate != SAMPLE_RATE:
                audio = soxr.resample(audio, rate, SAMPLE_RATE).astype(np.float32)
            audio = np.repeat(audio, 2, axis=1) if audio.shape[1] == 1 else audio[:, :2]
            loud = np.abs(audio).max(axis=1)
            onset = int(np.argmax(loud > 0.05 * loud.max()))
            audio = audio[max(onset - _PRE, 0) :]
            rms = float(np.sqrt((audio[: SAMPLE_RATE // 4] ** 2).mean()))
            peak = float(np.abs(audio).max())
            self._kept[path] = ((audio / peak * 32767).astype(np.int16), rms / peak)
        return self._kept[path]

    def _choose(self, pitch: int, velocity: int, rng: np.random.Generator) -> tuple[Path, int]:
        near = int(self._pitches[np.argmin(np.abs(self._pitches - pitch))])
        zone = self.zones[near]
        place = velocity / 128.0 * len(self.layers) + rng.normal(0, 0.12)
        layer = self.layers[int(np.clip(place, 0, len(self.layers) - 1))]
        if layer not in zone:
            layer = min(zone, key=lambda one: abs(one - layer))
        robins = zone[layer]
        return robins[int(rng.integers(len(robins)))], near

    def render(self, notes: Notes, frames: int, seed: int = 0) -> Audio:
        """Sound of notes. Shape: [frames, 2]."""
        rng = np.random.default_rng([31, seed])
        out = np.zeros((frames, 2), np.float32)
        for note in notes:
            at = round(float(note["start"]) * SAMPLE_RATE)
            if at >= frames:
                continue
            pitch, velocity = int(note["pitch"]), int(note["velocity"])
            path, recorded = self._choose(pitch, velocity, rng)
            audio, rms = self.sample(path)
            wanted = LEVEL_DB + self.kind.gain_db + RANGE_DB * (np.sqrt(velocity / 127) - np.sqrt(80 / 127)) + rng.normal(0, 0.4)
            gain = 10 ** (wanted / 20) / max(rms, 1e-4)
            ratio = 2.0 ** ((pitch - recorded) / 12.0)
            held = frames if pitch >= self.kind.undamped else round(float(note["duration"]) * SAMPLE_RATE)
            decay = 10 ** (-3.0 / (self.kind.release_s * SAMPLE_RATE))
            _mix_note(out, at, audio, ratio, gain, max(held, 64), decay, 48)
        return out


def instruments_folder() -> Path | None:
    """The folder named by JAMD_INSTRUMENTS, if it is there."""
    named = os.environ.get("JAMD_INSTRUMENTS")
    return Path(named) if named and Path(named).is_dir() else None


@cache
def sampled(name: str, folder: Path) -> SampledInstrument:
    """An instrument of KINDS from its folder under `folder`, kept."""
    return SampledInstrument(name, folder / FOLDERS[name])


def available(folder: Path | None) -> dict[str, list[str]]:
    """Sampled instruments that a folder holds, by part."""
    out: dict[str, list[str]] = {}
    if folder is not None:
        for name, kind in KINDS.items():
            if (folder / FOLDERS[name]).is_dir():
                out.setdefault(kind.part, []).append(name)
    return out


def pedalled(notes: Notes, changes: NDArray[np.float64], rng: np.random.Generator, share: float) -> Notes:
    """Notes with the sustain pedal down: ends move to the next pedal change.

    Args:
        changes: seconds at which the pedal is lifted, ascending.
        share: how many of the spans between changes are pedalled.
    """
    if len(changes) == 0 or len(notes) == 0:
        return notes
    out = notes.copy()
    down = rng.random(len(changes) + 1) < share
    ends = out["start"] + out["duration"]
    span = np.searchsorted(changes, out["start"] + 0.02, side="right")
    lift = np.append(changes, changes[-1] + 4.0)[np.minimum(span, len(changes))]
    hold = down[span] & (ends < lift)
    out["duration"] = np.where(hold, lift - out["start"], out["duration"])
    return out
