"""Pre-echo: sound that a coder spreads into the silence before an attack (Painter and Spanias 2000, section II.E)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from model.metrics.heard import Doubles

WINDOW_S: Final = 0.010
"""Before an attack, this long is looked at; forward masking does not reach there and backward masking is over by 5 ms."""
CUTOFF_HZ: Final = 4_000.0
"""Attacks are sought above."""
STEP_S: Final = 0.001
RISE_DB: Final = 15.0
"""A strong onset: the 5 ms after are this much over the 10 ms before, above CUTOFF_HZ."""
APART_S: Final = 0.05
GUARD_S: Final = 0.002
"""Left out right before an attack, whose place is known to about a step."""
SILENCE: Final = 1e-9
"""Mean square below which nothing is told apart (-90 dB)."""


def strong_onsets(audio: NDArray[Any], rate: int) -> NDArray[np.int64]:
    """Samples at which the energy above 4 kHz jumps by 15 dB or more, at least 50 ms apart.

    Args:
        audio: shape [samples] or [samples, channels], full scale 1.
        rate: samples a second.

    Returns:
        Shape [onsets], ascending; none nearer than 12 ms to the begin.
    """
    power = _high_power(audio, rate)
    step, before, after = round(STEP_S * rate), round(WINDOW_S / STEP_S), round(0.005 / STEP_S)
    count = len(power) // step
    if count <= before + after:
        return np.zeros(0, np.int64)
    steps = power[: count * step].reshape(count, step).mean(axis=1)
    total = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.arange(before + 2, count - after + 1)
    ahead = (total[at + after] - total[at]) / after
    behind = (total[at] - total[at - before]) / before
    loud = ahead > max(float(ahead.max()) * 1e-4, SILENCE)
    rise = np.where(loud, 10.0 * np.log10((ahead + 1e-12) / (behind + 1e-12)), -np.inf)
    found: list[int] = []
    gap = round(APART_S / STEP_S)
    for index in np.argsort(-rise, kind="stable"):
        if rise[index] < RISE_DB:
            break
        if all(abs(int(at[index]) - other) >= gap for other in found):
            found.append(int(at[index]))
    return np.sort(np.array(found, np.int64)) * step


def _high_power(audio: NDArray[Any], rate: int) -> Doubles:
    """Squared sound above CUTOFF_HZ, summed over channels. Shape: [samples]. The filter has no delay."""
    sound = np.asarray(audio, np.float64).reshape(len(audio), -1)
    if len(sound) < 64:
        return np.zeros(len(sound))
    filters = butter(4, min(CUTOFF_HZ, 0.4 * rate), "highpass", fs=rate, output="sos")
    return np.asarray((sosfiltfilt(filters, sound, axis=0) ** 2).sum(axis=1))


def pre_echoes(reference: NDArray[Any], estimate: NDArray[Any], rate: int) -> Doubles:
    """Energy in the 10 ms before each strong onset of the reference, estimate against reference, in dB.

    Args:
        reference: the original, shape [samples] or [samples, channels], full scale 1. Its onsets count.
        estimate: the coded sound, aligned to the reference, of the same shape.
        rate: samples a second.

    Returns:
        Shape [onsets]. 0: as much as the original has there; positive: pre-echo. Both energies stand on a floor of -90 dB, so that
        digital silence in the original does not make it infinite.

    Raises:
        ValueError: shapes differ.
    """
    one, two = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    if one.shape != two.shape:
        raise ValueError(f"sounds of shapes {one.shape} and {two.shape} cannot be compared")
    window, guard = round(WINDOW_S * rate), round(GUARD_S * rate)
    out = []
    for onset in strong_onsets(one, rate):
        place = slice(max(int(onset) - window - guard, 0), int(onset) - guard)
        ratio = (float(np.mean(two[place] ** 2)) + SILENCE) / (float(np.mean(one[place] ** 2)) + SILENCE)
        out.append(10.0 * np.log10(ratio))
    return np.array(out, np.float64)


def pre_echo(reference: NDArray[Any], estimate: NDArray[Any], rate: int) -> float:
    """Median of `pre_echoes` over the onsets of a clip, in dB; nan without a strong onset. Same arguments and errors."""
    values = pre_echoes(reference, estimate, rate)
    return float(np.median(values)) if len(values) else float("nan")
