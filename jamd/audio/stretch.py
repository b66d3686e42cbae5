"""A looping clip at another tempo: same pitch, attacks kept, exactly as long as asked, its downbeat still on frame 0.

Signalsmith Stretch, a phase vocoder (MIT, through python-stretch), runs twice: long blocks for what lies below the crossover,
where tones must stay apart, and short ones above it, where attacks must not smear. The clip goes in as a loop, with its own end
in front of it and its own start behind it, and the middle is cut out. Tones arrive at the end of the cut with other phases than
they had before its start, so the last frames are cross-faded with those in front of the cut.

The library holds the interpreter's lock while it works, 10 to 30 ms for each second of sound and band: where other threads have
to be on time, call this in a process of its own.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import python_stretch
from numpy.typing import NDArray
from scipy.signal import firwin, oaconvolve

from jamd.contract.errors import AudioError
from jamd.contract.units import SAMPLE_RATE

LONGEST: Final = 2.0
"""A clip becomes at most this many times as long, and at most as many times shorter."""
CONTEXT: Final = int(0.3 * SAMPLE_RATE)
"""Frames of the loop put around both ends: more than the longest block."""
CROSSOVER_HZ: Final = 1200.0
CROSSOVER_TAPS: Final = 1025
BLOCKS: Final = ((5760, 1440), (1920, 480))
"""Block and interval of the low and of the high band in frames: 120 ms every 30, 40 ms every 10."""
SEAM: Final = int(0.015 * SAMPLE_RATE)
"""Frames of the cross-fade at the end of the loop."""

Sound = NDArray[np.float32]
"""Shape: [frames, 2]."""


def stretch_loop(audio: Sound, frames_out: int) -> Sound:
    """A loop at another tempo.

    Args:
        audio: whole bars, 48 kHz. Shape: [frames, 2].
        frames_out: wanted length.

    Returns:
        Shape [frames_out, 2]; as loud as `audio`, within -1..1; the same for the same input.

    Raises:
        AudioError: an empty or wrongly shaped clip, or more than twice as long or as short.
    """
    if audio.ndim != 2 or audio.shape[1] != 2 or len(audio) == 0:
        raise AudioError(f"a clip to stretch has frames of two channels, not the shape {audio.shape}", code="slot")
    ratio = frames_out / len(audio)
    if not 1.0 / LONGEST <= ratio <= LONGEST:
        raise AudioError(f"a clip is stretched to between half and twice its length, not {ratio:.3g} times", code="slot")
    sound = np.nan_to_num(np.asarray(audio, np.float32), posinf=0.0, neginf=0.0)
    if frames_out == len(audio):
        return np.clip(sound, -1.0, 1.0)
    around = sound[np.arange(-CONTEXT, len(sound) + CONTEXT) % len(sound)]
    low = _below_crossover(sound)
    stretched = _stretched(low, ratio, *BLOCKS[0]) + _stretched(around - low, ratio, *BLOCKS[1])
    start = round(CONTEXT * ratio)
    out = stretched[start : start + frames_out].copy()
    _close_loop(out, stretched[:start])
    return _as_loud(out, sound)


def _below_crossover(loop: Sound) -> Sound:
    """The low band of the loop with its context, by a filter of linear phase. Shape: [frames + 2 * CONTEXT, 2]."""
    half = CROSSOVER_TAPS // 2
    wide = loop[np.arange(-CONTEXT - half, len(loop) + CONTEXT + half) % len(loop)]
    taps = firwin(CROSSOVER_TAPS, CROSSOVER_HZ, fs=SAMPLE_RATE).astype(np.float32)
    return np.asarray(oaconvolve(wide, taps[:, None], mode="valid", axes=0), np.float32)


def _stretched(sound: Sound, ratio: float, block: int, interval: int) -> Sound:
    engine = python_stretch.Signalsmith.Stretch(1)
    engine.configure(2, block, interval)
    engine.setTimeFactor(1.0 / ratio)
    return np.asarray(engine.process(np.ascontiguousarray(sound.T))).T


def _close_loop(out: Sound, front: Sound) -> None:
    """Let the end run into what comes before the start, in place, at constant power for however alike the two are."""
    n = min(SEAM, len(out) // 2)
    if n == 0:
        return
    end, lead = out[-n:], front[-n:]
    power = float(np.sqrt((end**2).sum() * (lead**2).sum()))
    alike = max(float((end * lead).sum()) / power, 0.0) if power > 0 else 0.0
    ramp = np.linspace(0.0, 1.0, n + 1, dtype=np.float32)[1:, None]
    out[-n:] = (end * (1 - ramp) + lead * ramp) / np.sqrt((1 - ramp) ** 2 + ramp**2 + 2 * alike * ramp * (1 - ramp))


def _as_loud(out: Sound, like: Sound) -> Sound:
    power, wanted = float(np.mean(out**2)), float(np.mean(like**2))
    gain = np.clip(np.sqrt(wanted / power), 0.8, 1.25) if power > 0 and wanted > 0 else 1.0
    return np.clip(out * np.float32(gain), -1.0, 1.0)
