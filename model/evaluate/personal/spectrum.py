"""Sound: mean spectrum, spectral distance, and audio features. All at equal level, in one channel but for the stereo width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.fft import dct

from jamd.contract.units import SAMPLE_RATE
from model.metrics.distances import log_mel
from model.metrics.heard import Doubles, Floats, stft_magnitude
from model.metrics.onsets import onset_strength, onset_times

LEVEL_DB: Final = -21.5
"""RMS that every clip is brought to, as learning does."""
DECIBELS: Final = 20.0 / np.log(10.0)
"""Of a natural logarithm."""
ORDERS: Final = 33
"""Places between the softest and the loudest frame at which a band's levels are kept."""
CEPSTRA: Final = 20
FEATURES: Final = (
    *(f"mfcc {index} mean" for index in range(1, CEPSTRA)), *(f"mfcc {index} deviation" for index in range(CEPSTRA)),
    "centroid", "centroid deviation", "bandwidth", "roll-off", "flatness", "flatness deviation", "stereo width", "onsets a second",
)  # fmt: skip


@dataclass(frozen=True)
class Spectrum:
    """What a clip sounds like."""

    mean: Doubles
    """Mean log-mel in dB. Shape: [80]."""
    orders: Doubles
    """Levels of each band in dB, in rising order, evenly from the softest to the loudest frame. Shape: [ORDERS, 80]."""
    features: Doubles
    """FEATURES. Shape: [features]."""
    centroid_hz: float


def levelled(audio: Floats) -> Floats:
    """A clip at LEVEL_DB; silence stays silence. Shape: [frames, channels]."""
    rms = float(np.sqrt(np.mean(np.asarray(audio, np.float64) ** 2)))
    return np.asarray(audio * np.float32(10 ** (LEVEL_DB / 20) / rms), np.float32) if rms > 0 else audio


def hear_spectrum(audio: Floats) -> Spectrum:
    """Shape: [frames, 2] at 48 kHz and LEVEL_DB."""
    mono = np.asarray(audio.mean(axis=1), np.float32)
    mel = log_mel(mono, SAMPLE_RATE)
    cepstra = dct(mel, axis=1, norm="ortho")[:, :CEPSTRA]
    magnitude = stft_magnitude(mono, 2048, 512).astype(np.float64)
    hertz = np.arange(magnitude.shape[1]) * SAMPLE_RATE / 2048
    power = magnitude**2
    kept = power.sum(axis=1) >= 1e-6 * float(power.sum(axis=1).max())
    power = power[kept] + 1e-15
    loud = power.sum(axis=1)
    share = loud / loud.sum()
    centroid = power @ hertz / loud
    width = np.sqrt(np.maximum(power @ hertz**2 / loud - centroid**2, 1.0))
    rolled = hertz[np.minimum((np.cumsum(power, axis=1) < 0.85 * loud[:, None]).sum(axis=1), len(hertz) - 1)]
    flat = np.log(np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1))
    pitch = np.log2(np.maximum(centroid, 20.0))
    sides = [10 * np.log10(float(np.mean((audio[:, 0] + sign * audio[:, -1]).astype(np.float64) ** 2)) + 1e-9) for sign in (1, -1)]
    rest = [
        float(share @ pitch), float(np.sqrt(share @ (pitch - share @ pitch) ** 2)), float(share @ np.log2(width)),
        float(share @ np.log2(np.maximum(rolled, 20.0))), float(flat.mean()), float(flat.std()), max(sides[1] - sides[0], -40.0),
        len(onset_times(onset_strength(audio, SAMPLE_RATE))) / (len(audio) / SAMPLE_RATE),
    ]  # fmt: skip
    features = np.concatenate([cepstra[:, 1:].mean(axis=0), cepstra.std(axis=0), rest])
    places = np.linspace(0.0, 1.0, ORDERS)
    return Spectrum(mel.mean(axis=0) * DECIBELS, np.quantile(mel, places, axis=0) * DECIBELS, features, float(share @ centroid))


def similarity(reference: list[Spectrum], clips: list[Spectrum], usual: Doubles) -> float:
    """Mean correlation of a clip's mean log-mel spectrum with that of the reference, each less the usual one, -1 to 1.

    All music has more bass than treble: without the usual taken off, any two recordings correlate by more than 0.9. `usual`: shape [80].
    """
    whole = np.mean([one.mean for one in reference], axis=0) - usual
    return float(np.mean([np.corrcoef(whole, one.mean - usual)[0, 1] for one in clips]))


def spectral_distance(reference: list[Spectrum], clips: list[Spectrum]) -> float:
    """Mean squared error of mel spectrograms, in dB squared.

    Nobody has played the same bars, so that no two spectrograms can be laid on each other: the frames of each band are put in the order
    of their level, in the clip and in the whole reference, which is the least error that any order gives.
    """
    whole = np.mean([one.orders for one in reference], axis=0)
    return float(np.mean([((one.orders - whole) ** 2).mean() for one in clips]))


def feature_distance(reference: list[Spectrum], clips: list[Spectrum], mean: Doubles, spread: Doubles) -> float:
    """Mean cosine distance (0 to 2) of a clip's FEATURES and the reference's mean, each less `mean` and by `spread`. Shape: [features]."""
    whole = np.mean([(one.features - mean) / spread for one in reference], axis=0)
    rows = np.array([(one.features - mean) / spread for one in clips])
    cosine = rows @ whole / np.maximum(np.linalg.norm(rows, axis=1) * np.linalg.norm(whole), 1e-9)
    return float(1.0 - cosine.mean())
