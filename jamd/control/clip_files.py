"""Clips as files: audio with what is known of it in the file's comment. Runs in threads beside the loop."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from jamd.contract.chart import parse_chart
from jamd.contract.errors import ChartError, FailureError, MessageError
from jamd.contract.memory import attach_shared, share_audio
from jamd.contract.units import SAMPLE_RATE
from jamd.control.state import Clip

LONGEST_S = 600.0
METRE = ("bars", "beats_per_bar", "tempo")
KEPT = (*METRE, "seed", "chart", "style", "figures")
MOST_BARS = 4096
MOST_BEATS = 64
FASTEST = 1e5
"""A bar may be as short as the shortest file."""
LONGEST_TEXT = 8192
LARGEST_FIGURE = 1e12
MOST_FIGURES = 64


def check(path: Path) -> None:
    """
    Raises:
        MessageError: there is no such file, it is no audio, or too long for a slot.
    """
    if not path.is_file():
        raise MessageError(f"there is no file {path.name} in the clips folder", code="file")
    try:
        info = soundfile.info(str(path))
    except (OSError, soundfile.SoundFileError) as error:
        raise MessageError(f"{path.name} is no audio file: {error}", code="file") from error
    if not 0.05 < info.duration <= LONGEST_S:
        raise MessageError(f"{path.name} lasts {info.duration:.1f} s: a clip has 0.05 to {LONGEST_S:g} s", code="file")


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _chart(value: Any) -> bool:
    if not _text(value):
        return False
    try:
        parse_chart(value)
    except ChartError:
        return False
    return True


def _figures(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) > MOST_FIGURES:
        return False
    return all(_number(one, -LARGEST_FIGURE, LARGEST_FIGURE) for one in value.values())


_FITS: dict[str, Callable[[Any], bool]] = {
    "bars": lambda value: _whole(value, 1, MOST_BARS),
    "beats_per_bar": lambda value: _whole(value, 1, MOST_BEATS),
    "tempo": lambda value: _number(value, 1.0, FASTEST),
    "seed": lambda value: _whole(value, 0, 2**31 - 1),
    "chart": _chart,
    "style": _text,
    "figures": _figures,
}
"""Whoever made the file: what is none of these is not believed."""


def _known(comment: str) -> dict[str, Any]:
    """What a file's comment says, as far as it can be so. Bars, beats and tempo are known together or not at all."""
    try:
        values = json.loads(comment)
    except (ValueError, RecursionError):
        return {}
    values = values.get("jamd") if isinstance(values, dict) else None
    known = {key: values[key] for key in KEPT if key in values and _FITS[key](values[key])} if isinstance(values, dict) else {}
    return known if all(key in known for key in METRE) else {key: value for key, value in known.items() if key not in METRE}


def load(path: Path, name: str, tempo: float, beats_per_bar: int) -> Clip:
    """Read a file into a shared memory. Where it does not say its bars, they are what comes nearest at `tempo`.

    Raises:
        FailureError: it cannot be read.
    """
    try:
        with soundfile.SoundFile(str(path)) as file:
            comment = getattr(file, "comment", "") or ""
            audio, rate = file.read(dtype="float32", always_2d=True), file.samplerate
    except (OSError, soundfile.SoundFileError) as error:
        raise FailureError(f"cannot read {path.name}: {error}") from error
    audio = np.repeat(audio, 2, axis=1) if audio.shape[1] == 1 else audio[:, :2]
    if rate != SAMPLE_RATE:
        audio = soxr.resample(audio, rate, SAMPLE_RATE, quality="HQ")
    if not len(audio):
        raise FailureError(f"there is no sound in {path.name}")
    audio = np.ascontiguousarray(np.nan_to_num(np.clip(audio, -4.0, 4.0)), np.float32)
    known = _known(comment)
    seconds = len(audio) / SAMPLE_RATE
    if "bars" not in known:
        bars = max(round(seconds * tempo / 60.0 / beats_per_bar), 1)
        known |= {"bars": bars, "beats_per_bar": beats_per_bar, "tempo": bars * beats_per_bar * 60.0 / seconds}
    clip = Clip(memory=name, frames=len(audio), **known)
    share_audio(audio, name)
    return clip


def save(path: Path, clip: Clip, subtype: str = "PCM_24") -> None:
    """Write a clip, atomically.

    Raises:
        FailureError: it cannot be written, or its memory has gone.
    """
    block = attach_shared(clip.memory)
    try:
        audio = np.ndarray((clip.frames, 2), np.float32, buffer=block.buf).copy()
    finally:
        block.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}{path.suffix}")
    try:
        with soundfile.SoundFile(str(part), "w", SAMPLE_RATE, 2, subtype) as file:
            file.comment = json.dumps({"jamd": {key: getattr(clip, key) for key in KEPT}})
            file.write(audio)
        part.replace(path)
    except (OSError, soundfile.SoundFileError) as error:
        part.unlink(missing_ok=True)
        raise FailureError(f"cannot write {path.name}: {error}") from error
