"""Do the knobs do what they say: rank correlation of density with note rate and of energy with loudness, and parts that are heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt
from scipy.stats import rankdata

from model.metrics.loudness import block_powers, loudness
from model.metrics.onsets import onset_strength, onset_times

HEARD_DB: Final = 3.0
"""A part is heard if its band gains this much, or if its stem is not further than AUDIBLE_LU below the mix."""
AUDIBLE_LU: Final = -20.0
BANDS: Final = {"piano": (250.0, 2_000.0), "bass": (40.0, 150.0), "drums": (6_000.0, 16_000.0), "horn": (300.0, 3_000.0)}
"""Hz in which a part is sought without its stem. Piano and horn share theirs: only with the other one off is that evidence."""
SHUFFLES: Final = 2000


@dataclass(frozen=True)
class Knob:
    """How a measure follows a knob."""

    spearman: float
    """-1 to 1; nan where the knob or the measure does not change."""
    chance: float
    """Share of random orders that correlate as strongly upward; small: no accident."""
    monotone: bool
    """Whether the medians by knob value never fall."""
    falls: int
    """Places where they do."""
    values: tuple[float, ...]
    """Knob values, ascending."""
    medians: tuple[float, ...]
    """Of the measure, by knob value."""
    count: int


def follow(pairs: Sequence[tuple[float, float]], tolerance: float = 0.0) -> Knob:
    """Spearman's rank correlation (ties by mean rank) of (knob, measure) pairs; pairs that are not finite are left out.

    Args:
        pairs: knob 0 to 1, and what was measured at it, some times over.
        tolerance: a median may fall by this much and still counts as not falling.

    Raises:
        ValueError: fewer than three finite pairs.
    """
    table = np.array(list(pairs), np.float64).reshape(-1, 2)
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) < 3:
        raise ValueError(f"{len(table)} pairs are too few to tell whether a knob works")
    knob, measure = rankdata(table[:, 0]), rankdata(table[:, 1])
    values = np.unique(table[:, 0])
    medians = np.array([np.median(table[table[:, 0] == value, 1]) for value in values])
    falls = int((np.diff(medians) < -tolerance).sum())
    rho, chance = float("nan"), 1.0
    if np.ptp(knob) > 0 and np.ptp(measure) > 0:
        rho = float(np.corrcoef(knob, measure)[0, 1])
        rng = np.random.default_rng(0)
        one, two = knob - knob.mean(), measure - measure.mean()
        drawn = np.array([one @ rng.permutation(two) for _ in range(SHUFFLES)])
        chance = float((1 + (drawn >= one @ two - 1e-9).sum()) / (1 + SHUFFLES))
    return Knob(rho, chance, falls == 0, falls, tuple(values.tolist()), tuple(medians.tolist()), len(table))


def note_rate(audio: NDArray[Any], rate: int) -> float:
    """Heard onsets a second. Shape: audio [samples] or [samples, channels]. nan without sound."""
    return len(onset_times(onset_strength(audio, rate))) / (len(audio) / rate) if len(audio) else float("nan")


def density_follows(renders: Sequence[tuple[float, NDArray[Any]]], rate: int) -> Knob:
    """The density knob against note rate.

    Args:
        renders: knob and sound, [samples, channels], of the same charts and tempos at each knob value.
        rate: samples a second.

    Raises:
        ValueError: fewer than three renders.
    """
    return follow([(knob, note_rate(audio, rate)) for knob, audio in renders])


def energy_follows(renders: Sequence[tuple[float, NDArray[Any]]], rate: int) -> Knob:
    """The energy knob against loudness in LUFS; silent renders are left out. Arguments and errors as of `density_follows`."""
    return follow([(knob, loudness(audio, rate)) for knob, audio in renders])


def stem_level(stem: NDArray[Any], mix: NDArray[Any], rate: int) -> float:
    """K-weighted level of a part's stem against the mix it is in, in LU, ungated; -inf for a silent stem, nan for a silent mix.

    Args:
        stem: shape [samples, channels]; `mix` the same.
        rate: samples a second, a multiple of 10.

    Raises:
        ValueError: shapes differ.
    """
    if np.shape(stem) != np.shape(mix):
        raise ValueError(f"a stem of shape {np.shape(stem)} is not of a mix of shape {np.shape(mix)}")
    part, whole = float(block_powers(stem, rate).sum()), float(block_powers(mix, rate).sum())
    if whole == 0.0:
        return float("nan")
    return 10.0 * float(np.log10(part / whole)) if part > 0.0 else float("-inf")


def band_gain(on: NDArray[Any], off: NDArray[Any], part: str, rate: int) -> float:
    """How much more energy a part's band has with the part than without it, in dB, both on a floor of -90 dB.

    Args:
        on: sound with the part on, shape [samples, channels].
        off: the same chart and seed with it off, of any length.
        part: one of BANDS.
        rate: samples a second.

    Raises:
        ValueError: no such part, or no sound.
    """
    if part not in BANDS:
        raise ValueError(f"no part {part!r}: there are {', '.join(BANDS)}")
    if len(on) == 0 or len(off) == 0:
        raise ValueError("no sound to compare")
    low, high = BANDS[part]
    band = butter(4, [low, min(high, 0.45 * rate)], "bandpass", fs=rate, output="sos")
    power = [float(np.mean(sosfilt(band, np.asarray(sound, np.float64), axis=0) ** 2)) + 1e-9 for sound in (on, off)]
    return 10.0 * float(np.log10(power[0] / power[1]))


def part_heard(on: NDArray[Any], off: NDArray[Any], part: str, rate: int) -> bool:
    """Whether a part that is on is heard: its band gains HEARD_DB. Arguments and errors as of `band_gain`."""
    return band_gain(on, off, part, rate) >= HEARD_DB


def stem_heard(stem: NDArray[Any], mix: NDArray[Any], rate: int) -> bool:
    """Whether a stem is loud enough to be heard in its mix. Arguments and errors as of `stem_level`."""
    return stem_level(stem, mix, rate) >= AUDIBLE_LU
