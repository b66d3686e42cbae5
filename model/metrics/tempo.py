"""Tempo, heard without being told: autocorrelation of onset strength, and third-party beat trackers where installed.

A tempo heard at half, double or two thirds of the asked one is a usual answer of such trackers, so errors are given as
heard, and with such multiples allowed. Once the multiple is known, the tempo is refined on the spectrum of the onsets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model.metrics.heard import Doubles
from model.metrics.onsets import FPS, onset_strength

LOWEST: Final = 40.0
HIGHEST: Final = 320.0
CENTRE: Final = 140.0
"""Where listeners' tapping is likeliest, in beats a minute; for jazz a little above the usual 120."""
WIDTH_OCTAVES: Final = 1.0
MULTIPLES: Final = (1.0, 2.0, 0.5, 3.0, 1 / 3, 1.5, 2 / 3, 4.0, 0.25)


@dataclass(frozen=True)
class TempoEstimate:
    """`tempo` in beats a minute (0: nothing heard); `strength` 0 to 1: how regular the onsets are at that beat."""

    tempo: float
    strength: float
    method: str


def estimate_tempo(audio: NDArray[Any], rate: int) -> TempoEstimate:
    """Tempo from the sound alone.

    Args:
        audio: shape [frames] or [frames, channels].
        rate: frames a second.
    """
    return tempo_of_activation(onset_strength(audio, rate), FPS, "onset autocorrelation")


def tempo_of_activation(activation: Doubles, fps: float, method: str) -> TempoEstimate:
    """Tempo of any curve that peaks at beats or onsets. Shape of it: [steps]."""
    curve = activation - activation.mean() if len(activation) else activation
    if len(curve) < 2 * fps or not np.any(curve):
        return TempoEstimate(0.0, 0.0, method)
    correlation = _autocorrelation(curve)
    tempos = LOWEST * 2.0 ** np.arange(0, np.log2(HIGHEST / LOWEST), 1 / 240)
    score = np.zeros(len(tempos))
    for multiple, weight in ((1, 1.0), (2, 0.7), (3, 0.3), (4, 0.6), (8, 0.3)):
        lags = 60.0 / tempos * fps * multiple
        inside = lags < len(correlation) - 2
        score[inside] += weight * np.interp(lags[inside], np.arange(len(correlation)), correlation)
    score *= np.interp(60.0 / tempos * fps, np.arange(len(correlation)), correlation) > 0.02
    prior = np.exp(-0.5 * (np.log2(tempos / CENTRE) / WIDTH_OCTAVES) ** 2)
    best = float(tempos[np.argmax(np.maximum(score, 0.0) * prior)])
    lag = 60.0 / best * fps
    strength = float(np.interp(lag, np.arange(len(correlation)), correlation))
    return TempoEstimate(refine_tempo(activation, fps, best), max(strength, 0.0), method)


def _autocorrelation(curve: Doubles) -> Doubles:
    """Autocorrelation without bias, 1 at lag 0, up to 8 beats of the slowest tempo or half the length. Shape: [lags]."""
    size = 1 << (2 * len(curve) - 1).bit_length()
    spectrum = np.fft.rfft(curve, size)
    full = np.fft.irfft(np.abs(spectrum) ** 2, size)[: len(curve) * 3 // 4]
    full /= len(curve) - np.arange(len(full))
    return full / full[0]


def refine_tempo(activation: Doubles, fps: float, tempo: float, reach: float = 0.04) -> float:
    """The tempo within `reach` of a rough one at which the onsets are most periodic: in beats, halves and quarters."""
    if len(activation) < 2 * fps:
        return tempo
    curve = (activation - activation.mean()) * np.hanning(len(activation))
    size = 1 << (16 * len(curve) - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(curve, size))
    hertz = np.arange(len(spectrum)) * fps / size
    tempos = tempo * (1.0 + np.linspace(-reach, reach, 801))
    score = sum(np.interp(tempos / 60.0 * multiple, hertz, spectrum) for multiple in (1, 2, 3, 4))
    return float(tempos[int(np.argmax(score))])


@dataclass(frozen=True)
class TempoError:
    """`raw` and `folded` are relative errors; `multiple` is the ratio heard : asked that `folded` allows for."""

    raw: float
    folded: float
    multiple: float


def tempo_error(heard: float, asked: float) -> TempoError:
    """How far a heard tempo is from the asked one, as it is and with the usual multiples allowed."""
    if heard <= 0 or asked <= 0:
        return TempoError(float("nan"), float("nan"), float("nan"))
    multiple = min(MULTIPLES, key=lambda ratio: abs(np.log(heard / ratio / asked)))
    return TempoError(heard / asked - 1.0, heard / multiple / asked - 1.0, multiple)


def tempo_near(audio: NDArray[Any], rate: int, asked: float, reach: float = 0.08) -> float:
    """The most periodic tempo within `reach` of the asked one, in beats a minute: how exactly it is kept."""
    return refine_tempo(onset_strength(audio, rate), FPS, asked, reach)
