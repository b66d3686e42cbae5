"""The measures of a set of clips against a player's, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from model.evaluate.personal import pitches, rhythm, spectrum
from model.evaluate.personal.clips import Clip
from model.evaluate.personal.embeddings import frechet
from model.evaluate.personal.fitted import MEAN, SPECTRUM, SPREAD
from model.evaluate.personal.memory import closest, longest
from model.metrics.heard import Floats

Of = Callable[[Sequence[Clip], Sequence[Clip]], float]
Better = Literal["lower", "higher", "near"]
T = TypeVar("T")


@dataclass(frozen=True)
class Measure:
    """`of(reference, clips)` is nan where it cannot be told."""

    name: str
    unit: str
    better: Better
    """`near`: as the player's own."""
    of: Of


def _both(pick: Callable[[Clip], T | None], of: Callable[[list[T], list[T]], float]) -> Of:
    """A measure of those clips on either side that know something."""

    def measure(reference: Sequence[Clip], clips: Sequence[Clip]) -> float:
        one = [value for clip in reference if (value := pick(clip)) is not None]
        two = [value for clip in clips if (value := pick(clip)) is not None]
        return of(one, two) if one and two else float("nan")

    return measure


def _own(pick: Callable[[Clip], float | None], of: Callable[[list[float]], float], fewest: int = 1) -> Of:
    """A measure of the clips alone."""

    def measure(reference: Sequence[Clip], clips: Sequence[Clip]) -> float:
        values = [value for clip in clips if (value := pick(clip)) is not None and np.isfinite(value)]
        return of(values) if len(values) >= fewest else float("nan")

    return measure


def _mean(values: list[float]) -> float:
    return float(np.mean(values))


def _deviation(values: list[float]) -> float:
    return float(np.std(values, ddof=1))


def _sets(one: list[Floats], two: list[Floats]) -> float:
    return frechet(np.concatenate(one), np.concatenate(two))


def _features(one: list[spectrum.Spectrum], two: list[spectrum.Spectrum]) -> float:
    return spectrum.feature_distance(one, two, MEAN, SPREAD)


def _similar(one: list[spectrum.Spectrum], two: list[spectrum.Spectrum]) -> float:
    return spectrum.similarity(one, two, SPECTRUM)


def _score(clip: Clip) -> float | None:
    return None if clip.syncopation is None else clip.syncopation.score


DISTANCES: tuple[Measure, ...] = (
    Measure("FAD, musicnn", "", "lower", _both(lambda clip: clip.musicnn, _sets)),
    Measure("FAD, style encoder", "", "lower", _both(lambda clip: clip.style, _sets)),
    Measure("audio feature distance", "", "lower", _both(lambda clip: clip.spectrum, _features)),
    Measure("mel spectral distance", "dB^2", "lower", _both(lambda clip: clip.spectrum, spectrum.spectral_distance)),
    Measure("syncopation distance", "a bar", "lower", _both(lambda clip: clip.syncopation, rhythm.syncopation_distance)),
    Measure("note density distance", "notes/s", "lower", _both(lambda clip: clip.notes, rhythm.rate_distance)),
    Measure("onset density distance", "onsets/s", "lower", _both(lambda clip: clip.onsets, rhythm.rate_distance)),
    Measure("pitch class distance", "bits", "lower", _both(lambda clip: clip.classes, pitches.class_distance)),
)  # fmt: skip
"""0 would be the player's own set; the player another time is above that."""
OTHERS: tuple[Measure, ...] = (
    Measure("spectral similarity", "r", "higher", _both(lambda clip: clip.spectrum, _similar)),
    Measure("syncopation correlation", "r", "higher", _both(lambda clip: clip.syncopation, rhythm.syncopation_correlation)),
    Measure("syncopation", "a bar", "near", _own(_score, _mean)),
    Measure("centroid deviation", "Hz", "near", _own(lambda clip: clip.spectrum.centroid_hz, _deviation, 2)),
    Measure("tempo deviation", "bpm", "lower", _own(lambda clip: clip.tempo_error, _deviation, 2)),
    Measure("chart fit", "", "higher", _own(lambda clip: clip.fit, _mean)),
)


def memorising(learned: Sequence[Clip], clips: Sequence[Clip]) -> tuple[Measure, ...]:
    """What the clip that shares most with what was learned from shares with it.

    Args:
        learned: clips of that.
        clips: all that will be asked about, each with a name of its own.
    """
    names = [clip.name for clip in clips]
    sound = dict(zip(names, closest(learned, clips), strict=True))
    measures = [Measure("closest three seconds", "r", "near", _own(lambda clip: sound.get(clip.name), max))]
    if any(clip.line is not None for clip in clips):
        notes = dict(zip(names, longest(learned, clips), strict=True))
        measures.append(Measure("longest shared run", "notes", "near", _own(lambda clip: notes.get(clip.name), max)))
    return tuple(measures)
