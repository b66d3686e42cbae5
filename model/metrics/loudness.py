"""Loudness after Recommendation ITU-R BS.1770-4: K-weighting, 400 ms blocks, two gates. scipy only.

The two filters are given by the recommendation for 48 kHz; for other rates they are made from the analogue prototypes that give its
tables at 48 kHz (Mansbridge, Finn and Reiss 2012, equations 2 and 3; the constants also of pyloudnorm and libebur128).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

from model.metrics.heard import Doubles

BLOCK_S: Final = 0.4
STEP_S: Final = 0.1
ABSOLUTE_GATE: Final = -70.0
"""LUFS."""
RELATIVE_GATE: Final = -10.0
"""LU below the mean of what passes the absolute gate."""
OFFSET: Final = -0.691


def k_weighting(rate: int) -> Doubles:
    """The high shelf and the high-pass of BS.1770-4, annex 1, as second-order sections. Shape: [2, 6]."""
    k, gain, quality = np.tan(np.pi * 1681.974450955533 / rate), 3.999843853973347, 0.7071752369554196
    high = 10.0 ** (gain / 20.0)
    band = high**0.4996667741545416
    norm = 1.0 + k / quality + k * k
    shelf = [
        (high + band * k / quality + k * k) / norm,
        2.0 * (k * k - high) / norm,
        (high - band * k / quality + k * k) / norm,
        1.0,
        2.0 * (k * k - 1.0) / norm,
        (1.0 - k / quality + k * k) / norm,
    ]
    k, quality = np.tan(np.pi * 38.13547087602444 / rate), 0.5003270373238773
    norm = 1.0 + k / quality + k * k
    return np.array([shelf, [1.0, -2.0, 1.0, 1.0, 2.0 * (k * k - 1.0) / norm, (1.0 - k / quality + k * k) / norm]], np.float64)


def block_powers(audio: NDArray[Any], rate: int) -> Doubles:
    """K-weighted mean square of each block of 400 ms, one each 100 ms, summed over channels. Shape: [blocks].

    Args:
        audio: shape [samples] or [samples, channels], full scale 1; at most two channels, whose weight is 1.
        rate: samples a second, a multiple of 10.

    Raises:
        ValueError: more than two channels.
    """
    sound = np.asarray(audio, np.float64).reshape(len(audio), -1)
    if sound.shape[1] > 2:
        raise ValueError(f"loudness is for one or two channels, not {sound.shape[1]}")
    step = round(STEP_S * rate)
    count = len(sound) // step
    total = np.zeros(count)
    for channel in sound.T:
        weighted = sosfilt(k_weighting(rate), channel)[: count * step]
        total += (weighted.reshape(count, step) ** 2).mean(axis=1)
    parts = round(BLOCK_S / STEP_S)
    if count < parts:
        return np.zeros(0)
    return np.asarray(np.convolve(total, np.full(parts, 1.0 / parts), mode="valid"))


def _lufs(power: float) -> float:
    return OFFSET + 10.0 * float(np.log10(power)) if power > 0.0 else float("-inf")


def gated(powers: Doubles) -> float:
    """Integrated loudness in LUFS of block powers, shape [blocks]; -inf where nothing passes the gates (equations 5 to 7)."""
    threshold = 10.0 ** ((ABSOLUTE_GATE - OFFSET) / 10.0)
    loud = powers[powers >= threshold]
    if len(loud) == 0:
        return float("-inf")
    loud = loud[loud > float(loud.mean()) * 10.0 ** (RELATIVE_GATE / 10.0)]
    return _lufs(float(loud.mean()))


def loudness(audio: NDArray[Any], rate: int) -> float:
    """Integrated loudness in LUFS; -inf for silence and for less than 400 ms. Arguments and errors as of `block_powers`."""
    return gated(block_powers(audio, rate))


def loudness_by_minute(audio: NDArray[Any], rate: int, seconds: float = 60.0) -> Doubles:
    """Gated loudness in LUFS of each whole minute; the rest counts if it is half a minute or more, or all there is.

    Args:
        audio: shape [samples] or [samples, channels], full scale 1.
        rate: samples a second.
        seconds: another length than a minute.

    Returns:
        Shape [minutes]; -inf for a silent one.

    Raises:
        ValueError: more than two channels.
    """
    powers = block_powers(audio, rate)
    length = round(seconds / STEP_S)
    values = [gated(powers[start : start + length]) for start in range(0, len(powers), length)]
    if len(values) > 1 and len(powers) % length and len(powers) % length < length // 2:
        values.pop()
    return np.array(values, np.float64)
