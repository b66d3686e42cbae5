"""Notes as they are heard, and sound made ready to be measured."""

from __future__ import annotations

from math import gcd
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
HeardNotes = NDArray[Any]

HEARD_DTYPE: Final = np.dtype([("pitch", "u1"), ("start", "f8"), ("end", "f8"), ("amplitude", "f4")])
"""MIDI pitch; start and end in seconds; amplitude from 0 to 1."""

DRUMS: Final = 2
"""Index of the drums among the parts."""


def heard(pitch: Any, start: Any, end: Any, amplitude: Any) -> HeardNotes:
    """Heard notes from columns of equal length, sorted by start."""
    out = np.zeros(len(pitch), HEARD_DTYPE)
    out["pitch"], out["start"], out["end"], out["amplitude"] = pitch, start, end, amplitude
    return out[np.argsort(out["start"], kind="stable")]


def heard_from_score(notes: HeardNotes) -> HeardNotes:
    """Heard notes from written ones (fields part, pitch, velocity, start, duration); drums are left out."""
    tuned = notes[notes["part"] != DRUMS]
    return heard(tuned["pitch"], tuned["start"], tuned["start"] + tuned["duration"], tuned["velocity"] / 127.0)


def to_mono(audio: NDArray[Any], rate: int, target: int) -> Floats:
    """One channel at another rate.

    Args:
        audio: shape [frames] or [frames, channels].
        rate: frames a second.
        target: wanted frames a second.

    Returns:
        Shape [frames].
    """
    mono = np.asarray(audio, np.float32)
    if mono.ndim == 2:
        mono = mono.mean(axis=1)
    if rate != target and len(mono):
        common = gcd(rate, target)
        mono = resample_poly(mono, target // common, rate // common).astype(np.float32)
    return mono


def stft_magnitude(mono: Floats, window: int, hop: int) -> Floats:
    """Magnitudes of a Hann-windowed short-time Fourier transform; frame i is centred on sample i * hop.

    Returns:
        Shape [1 + frames // hop, window // 2 + 1].
    """
    padded = np.pad(mono, (window // 2, window // 2 + hop))
    count = 1 + len(mono) // hop
    shape = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][:count]
    taper = np.hanning(window + 1)[:-1].astype(np.float32)
    out = np.empty((count, window // 2 + 1), np.float32)
    for start in range(0, count, 256):
        out[start : start + 256] = np.abs(np.fft.rfft(shape[start : start + 256] * taper, axis=1))
    return out * np.float32(2.0 / taper.sum())
