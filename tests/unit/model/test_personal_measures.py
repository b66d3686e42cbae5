"""Measures of a player's sound, rhythm and notes: nothing apart from itself, right order in clear cases, values by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from jamd.contract.chart import parse_chart
from jamd.contract.units import SAMPLE_RATE
from model.evaluate.personal.embeddings import frechet, spread
from model.evaluate.personal.fitted import MEAN, SPECTRUM, SPREAD
from model.evaluate.personal.pitches import class_distance, hear_classes, jensen_shannon
from model.evaluate.personal.rhythm import (
    Syncopation,
    hear_syncopation,
    rate_distance,
    rates,
    syncopation,
    syncopation_correlation,
    syncopation_distance,
    weights,
)
from model.evaluate.personal.spectrum import (
    FEATURES,
    feature_distance,
    hear_spectrum,
    levelled,
    similarity,
    spectral_distance,
)
from model.evaluate.personal.timeline import Timeline, hear_timeline
from model.metrics.chord_fit import changes_of_chart
from model.metrics.fad import fad
from model.metrics.heard import Floats, HeardNotes, heard


def line(chart: str, tempo: float, bars: int) -> Timeline:
    """The chart at a tempo, known exactly."""
    known = parse_chart(chart)
    beats = bars * known.beats_per_bar
    edges = [*changes_of_chart(known, beats), float(beats)]
    chords = tuple((low * 60 / tempo, high * 60 / tempo, known.chord_at(low)) for low, high in pairwise(edges))
    return Timeline(known.beats_per_bar, np.arange(-1, beats + 2) * 60.0 / tempo, 1, chords)


def notes_at(beats: list[float], pitches: list[int], tempo: float, length: float = 0.5) -> HeardNotes:
    start = np.array(beats) * 60.0 / tempo
    return heard(pitches, start, start + length * 60.0 / tempo, np.ones(len(beats)))


def plucked(seed: int, hertz: float, partials: int, rate: float, seconds: float = 6.0) -> Floats:
    """Tones that die away, a few a second, on a floor of noise."""
    rng = np.random.default_rng(seed)
    out = 1e-4 * rng.standard_normal(round(seconds * SAMPLE_RATE))
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    for begin in np.sort(rng.uniform(0, seconds - 1.0, round(rate * seconds))):
        pitch = hertz * 2 ** (rng.integers(0, 12) / 12)
        tone = sum(np.sin(2 * np.pi * pitch * (k + 1) * time) / (k + 1) for k in range(partials))
        at = round(begin * SAMPLE_RATE)
        out[at : at + SAMPLE_RATE] += 0.1 * tone * np.exp(-4 * time)
    return np.repeat(out[:, None], 2, axis=1).astype(np.float32)


def test_frechet_is_that_of_the_plain_formula() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.standard_normal((40, 12)).astype(np.float32), (0.5 + 2 * rng.standard_normal((30, 12))).astype(np.float32)
    assert frechet(one, two) == pytest.approx(fad(one, two), rel=1e-6)
    assert frechet(one, one) == pytest.approx(0.0, abs=1e-9)
    wide = rng.standard_normal((8, 200)).astype(np.float32)  # fewer rows than numbers
    assert frechet(wide, wide + 1) == pytest.approx(200.0, rel=1e-4)


def test_windows_lie_evenly_and_inside() -> None:
    assert spread(100, 40, 4) == [0, 20, 40, 60]
    assert spread(30, 40, 3) == [0, 0, 0]


def test_sound_is_nearest_to_its_own_kind_at_any_level() -> None:
    dull = [hear_spectrum(levelled(plucked(seed, 110.0, 2, 3.0))) for seed in range(4)]
    bright = [hear_spectrum(levelled(plucked(seed, 440.0, 20, 3.0))) for seed in range(10, 14)]
    loud = [hear_spectrum(levelled(plucked(seed, 110.0, 2, 3.0) * 5)) for seed in range(4)]
    assert dull[0].features.shape == (len(FEATURES),) == MEAN.shape
    assert dull[0].centroid_hz < bright[0].centroid_hz
    for one, two in zip(dull, loud, strict=True):
        np.testing.assert_allclose(one.features, two.features, rtol=1e-3, atol=2e-2)
    assert spectral_distance(dull[:1], dull[:1]) == 0.0
    assert feature_distance(dull[:1], dull[:1], MEAN, SPREAD) == pytest.approx(0.0, abs=1e-9)
    assert similarity(dull[:1], dull[:1], SPECTRUM) == pytest.approx(1.0)
    own, other = dull[2:], bright
    assert spectral_distance(dull[:2], own) < spectral_distance(dull[:2], other)
    assert feature_distance(dull[:2], own, MEAN, SPREAD) < feature_distance(dull[:2], other, MEAN, SPREAD)
    assert similarity(dull[:2], own, SPECTRUM) > similarity(dull[:2], other, SPECTRUM)


def test_silence_has_a_spectrum() -> None:
    quiet = hear_spectrum(levelled(np.zeros((SAMPLE_RATE * 3, 2), np.float32)))
    assert np.isfinite(quiet.features).all()
    loud = hear_spectrum(levelled(plucked(0, 220.0, 5, 3.0)))
    assert -1 <= similarity([loud], [quiet], SPECTRUM) < 0.9
    assert spectral_distance([loud], [quiet]) > 400


def test_syncopation_by_hand() -> None:
    assert weights(4).tolist() == [0, -3, -2, -3, -1, -3, -2, -3]
    assert weights(3).tolist() == [0, -2, -1, -2, -1, -2]
    on = np.zeros(16, bool)
    on[[0, 2, 4, 6, 8, 10, 12, 14]] = True
    assert syncopation(on, 4).sum() == 0
    charleston = np.zeros(16, bool)
    charleston[[0, 3, 8, 11]] = True  # the second eighth of beat 2, silent on beat 3: -1 less -3
    assert syncopation(charleston, 4).tolist() == [0, 0, 0, 2, 0, 0, 0, 0]
    early = np.zeros(16, bool)
    early[7] = True  # the last eighth, silent on the next downbeat: 0 less -3, in one bar of two
    assert syncopation(early, 4).tolist() == [0, 0, 0, 0, 0, 0, 0, 1.5]


@pytest.mark.parametrize(("share", "place"), [(0.0, 2), (0.5, 3), (0.67, 3), (0.95, 4)])
def test_a_swung_second_eighth_is_one(share: float, place: int) -> None:
    notes = notes_at([4 * bar + 1 + share for bar in range(4)], [60] * 4, 120.0)
    found = hear_syncopation(notes, line("| C |", 120.0, 4), 8.0)
    assert found is not None
    alone = np.zeros(32, bool)
    alone[place::8] = True
    np.testing.assert_allclose(found.places[1], syncopation(alone, 4))
    assert found.places[0].sum() == 0


def test_streams_and_metres_are_apart() -> None:
    low = hear_syncopation(notes_at([1.5, 5.5], [40, 40], 100.0), line("| C |", 100.0, 2), 4.8)
    high = hear_syncopation(notes_at([1.5, 5.5], [70, 70], 100.0), line("| C |", 100.0, 2), 4.8)
    waltz = hear_syncopation(notes_at([1.5, 4.5], [70, 70], 100.0), line("3/4 | C |", 100.0, 2), 3.6)
    assert low is not None and high is not None and waltz is not None
    assert low.score == high.score > 0
    assert syncopation_distance([low], [low]) == 0 < syncopation_distance([low], [high])
    assert syncopation_correlation([high], [high]) == pytest.approx(1.0)
    assert syncopation_correlation([low], [high]) < 0.5
    assert np.isnan(syncopation_distance([low], [waltz]))
    assert syncopation_distance([low, waltz], [waltz]) == 0
    flat = Syncopation(4, np.zeros((2, 8)))
    assert np.isnan(syncopation_correlation([flat], [high]))


def test_density() -> None:
    assert rates(np.array([0.1, 0.2, 3.0]), 4.0).tolist() == [1.0, 0.5]
    assert rate_distance([np.array([1.0, 2.0])], [np.array([1.0, 2.0])]) == 0
    assert rate_distance([np.array([1.0, 2.0])], [np.array([4.0, 5.0])]) == pytest.approx(3.0)


def test_pitch_classes_are_seen_from_the_root() -> None:
    beats = [float(beat) for beat in range(8)]
    low = hear_classes(notes_at(beats, [62, 65, 69, 72, 67, 71, 74, 77], 120.0, 1.0), line("| Dm7 | G7 |", 120.0, 2))
    up = hear_classes(notes_at(beats, [64, 67, 71, 74, 69, 73, 76, 79], 120.0, 1.0), line("| Em7 | A7 |", 120.0, 2))
    away = hear_classes(notes_at(beats, [63, 66, 70, 73, 68, 72, 75, 78], 120.0, 1.0), line("| Dm7 | G7 |", 120.0, 2))
    assert low is not None and up is not None and away is not None
    assert low.sum() == pytest.approx(4.0)
    one, two, three = ([found] * 10 for found in (low, up, away))
    assert class_distance(one, two) == pytest.approx(0.0, abs=1e-12)
    assert class_distance(one, three) > 0.7
    assert np.isnan(class_distance([low], [up]))  # too little over each kind of chord
    assert hear_classes(notes_at(beats, [60] * 8, 120.0), line("| N.C. |", 120.0, 2)) is None
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 3.0])) == pytest.approx(1.0)


def test_beats_are_heard() -> None:
    """A chord on every beat of 100 a minute, for eight seconds."""
    out = 1e-4 * np.random.default_rng(0).standard_normal(8 * SAMPLE_RATE)
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    for beat in range(12):
        tone = sum(np.sin(2 * np.pi * hertz * time) for hertz in (130.8, 164.8, 196.0, 246.9))
        out[round(beat * 0.6 * SAMPLE_RATE) :][: len(time)] += 0.1 * tone * np.exp(-6 * time)
    found = hear_timeline(np.repeat(out[:, None], 2, axis=1).astype(np.float32))
    assert found.per_bar in (3, 4)
    assert np.median(np.diff(found.beats)) == pytest.approx(0.6, rel=0.02)
    assert found.beats[0] < 0 and found.beats[-1] > 8
    assert hear_timeline(np.zeros((5 * SAMPLE_RATE, 2), np.float32)).per_bar == 0
