"""Who plays, how densely and how high: simple spectral features, read by weights fitted on the corpus (`fit.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from jamd.contract.units import PARTS
from model.learning.fitted import TIMBRE
from model.learning.rhythm import BANDS, FPS
from model.metrics.heard import Doubles, Floats
from model.metrics.onsets import onset_times

STRIDE: Final = 4
"""Steps of the onsets' 200 a second to one of these 50."""
KNOBS: Final = ("density", "register")


def features(levels: Floats, flux: Doubles, tempo: float) -> Doubles:
    """What a stretch sounds like. Shape: [steps, BANDS], [steps, 3] to [3 * BANDS + 15].

    Args:
        levels: as of `rhythm.band_levels`.
        flux: as of `rhythm.flux`.
        tempo: beats a minute; 0 where unknown, then 120 stands in.
    """
    power = levels[::STRIDE].astype(np.float64) ** 2
    mean = power.mean(axis=0)
    total = max(float(mean.sum()), 1e-16)
    shape = 10 * np.log10(mean / total + 1e-6) / 10
    logs = 10 * np.log10(power / total + 1e-5)
    spread = logs.std(axis=0) / 10
    # what lasts against what strikes: the median over 0.34 s of each band, as in Fitzgerald 2010
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(logs, ((8, 8), (0, 0)), mode="edge"), 17, axis=0)
    strikes = np.maximum(logs - np.median(windows, axis=-1), 0.0).mean(axis=0) / 5
    beats = max(len(flux) / FPS * (tempo or 120.0) / 60.0, 1.0)
    seconds = max(len(flux) / FPS, 0.1)
    curves = [*flux.T, flux.sum(axis=1) / 3]
    onsets = [len(onset_times(curve)) for curve in curves]
    peaks = [float(np.percentile(curve, 95) / max(float(curve.mean()), 1e-6)) / 5 for curve in curves]
    centre = float((mean * np.arange(BANDS)).sum() / total) / 10
    loose = [min(count / beats, 6.0) for count in onsets] + [count / seconds / 5 for count in onsets] + peaks
    rest = [centre, float(logs.mean(axis=1).std()) / 10, np.log2((tempo or 120.0) / 120.0)]
    return np.concatenate([shape, spread, strikes, loose, rest])


@dataclass(frozen=True)
class Timbre:
    """Probabilities that each part plays, in the order of PARTS, and knobs from 0 to 1."""

    parts: tuple[float, ...]
    density: float
    register: float

    def sure_parts(self, sure: float) -> tuple[bool, ...] | None:
        """Which parts play, where all four are known with this probability and at least one plays."""
        if any(1 - sure < p < sure for p in self.parts):
            return None
        playing = tuple(p >= 0.5 for p in self.parts)
        return playing if any(playing) else None

    def solo(self, sure: float) -> str | None:
        """The part that plays alone, if one does for sure."""
        playing = self.sure_parts(sure)
        return PARTS[playing.index(True)] if playing is not None and sum(playing) == 1 else None


def hear_timbre(values: Doubles) -> Timbre:
    """Shape: [features] as `features` gives them."""
    z = np.clip((values - np.array(TIMBRE["mean"])) / np.array(TIMBRE["spread"]), -4, 4)
    logits = np.array(TIMBRE["parts"]) @ z + np.array(TIMBRE["parts_bias"])
    knobs = np.array(TIMBRE["knobs"]) @ z + np.array(TIMBRE["knobs_bias"])
    density, register = (float(np.clip(knob, 0.0, 1.0)) for knob in knobs)
    return Timbre(tuple(float(p) for p in 1 / (1 + np.exp(-np.clip(logits, -30, 30)))), density, register)
