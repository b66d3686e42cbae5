"""Opus (RFC 6716) as a yardstick for the codec: through ffmpeg's libopus in a temporary folder, its delay taken off.

ffmpeg is the one on the path, or that of the package imageio-ffmpeg (`pip install imageio-ffmpeg`), which has libopus.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from jamd.contract.errors import FailureError
from model.metrics.heard import Floats

REACH_S: Final = 0.1
"""A delay is sought up to here, to both sides."""
TIMEOUT_S: Final = 120.0


@dataclass(frozen=True)
class Coded:
    """Decoded sound, shape [samples, 2], aligned to the original and as long; and what it cost."""

    audio: Floats
    kbps: float
    """Of the packets themselves, without Ogg's headers, in 1000 bit/s."""
    delay: int
    """Samples that were taken off."""


@cache
def ffmpeg() -> str:
    """Path of an ffmpeg that has libopus.

    Raises:
        FailureError: there is none.
    """
    found = [path for path in (shutil.which("ffmpeg"),) if path is not None]
    if find_spec("imageio_ffmpeg") is not None:
        found.append(str(import_module("imageio_ffmpeg").get_ffmpeg_exe()))
    if not found:
        raise FailureError("no ffmpeg: install the system's package, or pip install imageio-ffmpeg")
    for path in found:
        if b"libopus" in _run([path, "-hide_banner", "-encoders"]):
            return path
    raise FailureError(f"{found[0]} has no libopus: install an ffmpeg that was built with it, or pip install imageio-ffmpeg")


def available() -> bool:
    """Whether Opus can be had here."""
    try:
        return bool(ffmpeg())
    except FailureError:
        return False


def _run(command: list[str]) -> bytes:
    try:
        return subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL).stdout
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise FailureError(f"ffmpeg failed: {last[0]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FailureError(f"ffmpeg failed: {error}") from error


def packet_bytes(ogg: bytes) -> int:
    """Bytes of the packets in an Ogg file (RFC 3533, section 6), the two header packets left out.

    Raises:
        ValueError: it is no Ogg file.
    """
    at, sizes, size = 0, [], 0
    while at < len(ogg):
        if ogg[at : at + 4] != b"OggS":
            raise ValueError("not an Ogg file")
        table = ogg[at + 27 : at + 27 + ogg[at + 26]]
        for length in table:
            size += length
            if length < 255:
                sizes.append(size)
                size = 0
        at += 27 + len(table) + sum(table)
    return sum(sizes[2:])


def find_delay(reference: NDArray[Any], estimate: NDArray[Any], reach: int) -> int:
    """Samples by which the estimate lies behind the reference: the highest cross-correlation of the channels' sums.

    Args:
        reference: shape [samples, channels]; `estimate` likewise, of any length.
        reach: samples to both sides.
    """
    one = np.asarray(reference, np.float64).sum(axis=1)
    two = np.asarray(estimate, np.float64).sum(axis=1)
    length = min(len(one), len(two))
    if length == 0 or not one.any() or not two.any():
        return 0
    reach = min(reach, length - 1)
    whole = fftconvolve(two[:length], one[:length][::-1])
    near = whole[length - 1 - reach : length + reach]
    return int(np.argmax(near)) - reach


def shift_back(audio: NDArray[Any], delay: int, length: int) -> Floats:
    """Sound with a delay taken off, cut or filled up with silence to a length. Shape: [any, channels] to [length, channels]."""
    sound = np.asarray(audio, np.float32)
    out = np.zeros((length, sound.shape[1]), np.float32)
    source = sound[max(delay, 0) :]
    begin = max(-delay, 0)
    count = max(min(len(source), length - begin), 0)
    out[begin : begin + count] = source[:count]
    return out


def through_opus(audio: NDArray[Any], rate: int, kbps: float) -> Coded:
    """Encoded by libopus (audio mode, variable rate) and decoded.

    Args:
        audio: shape [samples, 2], full scale 1.
        rate: samples a second, one that Opus has; 48000 is its own.
        kbps: wanted, in 1000 bit/s for both channels together.

    Raises:
        FailureError: ffmpeg or libopus is missing or fails.
        ValueError: the shape is another.
    """
    import soundfile

    if audio.ndim != 2 or audio.shape[1] != 2 or len(audio) == 0:
        raise ValueError(f"sound must be [samples, 2], not {list(audio.shape)}")
    tool = ffmpeg()
    with tempfile.TemporaryDirectory(prefix="jamd-opus-") as name:
        source, packed, back = (str(Path(name, file)) for file in ("in.wav", "packed.ogg", "out.wav"))
        soundfile.write(source, audio, rate, subtype="FLOAT", format="WAV")
        quiet = [tool, "-hide_banner", "-loglevel", "error", "-y"]
        rates = ["-b:a", str(round(kbps * 1000)), "-vbr", "on", "-application", "audio"]
        _run([*quiet, "-i", source, "-c:a", "libopus", *rates, "-f", "ogg", packed])
        _run([*quiet, "-c:a", "libopus", "-i", packed, "-c:a", "pcm_f32le", "-ar", str(rate), "-ac", "2", back])
        size = packet_bytes(Path(packed).read_bytes())
        decoded = soundfile.read(back, dtype="float32", always_2d=True)[0]
    delay = find_delay(audio, decoded, round(REACH_S * rate))
    return Coded(shift_back(decoded, delay, len(audio)), size * 8 * rate / len(audio) / 1000, delay)
