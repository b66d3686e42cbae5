"""Harmonic tones of given notes, a hop at a time, compiled by numba: what `Tones` filters into sound.

Each note is a sum of harmonics with falling strength, in exact phase from its onset on, so that any hop can be made by itself: there
is no state. Envelopes are plain (attack of 2 ms, exponential decay for piano and bass, none for the horn, a short release); what an
instrument really does is for the network that filters them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jamd.contract.units import SAMPLE_RATE

HARMONICS: Final = 16
HIGHEST_HZ: Final = 12_000.0
SOURCES: Final = 3
"""Piano, bass, horn: the parts with pitch, in the order of PARTS."""
DECAY_S: Final = (2.0, 1.5, 0.0)
"""Time constant at middle C, and that falls by half with every two octaves up; 0: held."""
RELEASE_S: Final = (0.06, 0.05, 0.03)
_DECAY = np.array(DECAY_S)
_RELEASE = np.array(RELEASE_S)
_ROW = np.array([0, 1, -1, 2])
ATTACK: Final = 96


@njit(fastmath={"reassoc", "contract", "nsz", "arcp"}, cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _excite(parts: Any, pitches: Any, velocities: Any, starts: Any, ends: Any, first: int, rate: float, out: Any) -> None:
    hop = out.shape[1]
    re, im = np.empty(HARMONICS, np.float32), np.empty(HARMONICS, np.float32)
    turn_re, turn_im = np.empty(HARMONICS, np.float32), np.empty(HARMONICS, np.float32)
    for n in range(parts.shape[0]):
        source = _ROW[parts[n]]
        if source < 0:
            continue
        begin, end = starts[n] * rate, ends[n] * rate
        release = _RELEASE[source] * rate
        if first + hop <= begin or first > end + 7.0 * release:
            continue
        hz = 440.0 * 2.0 ** ((pitches[n] - 69.0) / 12.0)
        at = max(first, int(np.ceil(begin)))
        age = at - begin
        level = (velocities[n] / 127.0) ** 1.5
        fall = 1.0
        if _DECAY[source] > 0:
            constant = _DECAY[source] * 2.0 ** ((60.0 - pitches[n]) / 24.0) * rate
            level *= np.exp(-age / constant)
            fall = np.exp(-1.0 / constant)
        damp = np.exp(-1.0 / release)
        if at > end:
            level *= np.exp(-(at - end) / release)
        for k in range(HARMONICS):
            turn = 2.0 * np.pi * hz * (k + 1) / rate
            strength = 1.0 / (k + 1) if hz * (k + 1) < HIGHEST_HZ else 0.0
            phase = turn * age + 0.7 * k * k
            re[k], im[k] = strength * np.cos(phase), strength * np.sin(phase)
            turn_re[k], turn_im[k] = np.cos(turn), np.sin(turn)
        for i in range(at - first, hop):
            total = np.float32(0)
            for k in range(HARMONICS):
                total += im[k]
                a = re[k] * turn_re[k] - im[k] * turn_im[k]
                im[k] = re[k] * turn_im[k] + im[k] * turn_re[k]
                re[k] = a
            ramp = min((first + i - begin) / ATTACK, 1.0)
            out[source, i] += np.float32(level * ramp) * total
            level *= fall
            if first + i >= end:
                level *= damp


def excite(notes: NDArray[Any], first: int, frames: int) -> NDArray[np.float32]:
    """Tones of notes from sample `first` on. Shape: [SOURCES, frames].

    Args:
        notes: fields part, pitch, velocity, start and duration (seconds); drums are left out.
    """
    out = np.zeros((SOURCES, frames), np.float32)
    hop = 640
    parts, pitches, velocities = (notes[name].astype(np.int64) for name in ("part", "pitch", "velocity"))
    starts = notes["start"].astype(np.float64)
    ends = starts + notes["duration"]
    for at in range(0, frames, hop):  # rotations are started afresh in every hop: no drift
        _excite(parts, pitches, velocities, starts, ends, first + at, float(SAMPLE_RATE), out[:, at : at + hop])
    return out
