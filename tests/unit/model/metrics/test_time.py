"""Tempo, onsets and the grid, on clicks whose times are known."""

from __future__ import annotations

import numpy as np
import pytest

from model.metrics import beatnet
from model.metrics.grid import grid_deviation, likeliest_swing
from model.metrics.onsets import FPS, onset_strength, onset_times
from model.metrics.tempo import estimate_tempo, refine_tempo, tempo_error, tempo_near, tempo_of_activation

RATE = 24_000


def clicks(times: np.ndarray, seconds: float, gains: np.ndarray | None = None) -> np.ndarray:
    """Short bursts of noise. Shape: [frames]."""
    rng = np.random.default_rng(3)
    out = np.zeros(int(seconds * RATE) + RATE, np.float32)
    gains = np.ones(len(times)) if gains is None else gains
    for time, gain in zip(times, gains, strict=True):
        place = int(time * RATE)
        out[place : place + 1200] += gain * 0.3 * rng.standard_normal(1200) * np.exp(-np.arange(1200) / 200)
    return out[: int(seconds * RATE)]


def swung(tempo: float, swing: float, seconds: float) -> np.ndarray:
    """Beats and swung eighths, in seconds."""
    beats = np.arange(int(seconds * tempo / 60))
    return np.sort(np.concatenate([beats, beats + swing])) * 60 / tempo


@pytest.mark.parametrize("tempo", [63.0, 97.5, 120.0, 144.0, 181.3, 240.0])
def test_tempo_of_clicks(tempo: float) -> None:
    beats = np.arange(int(20 * tempo / 60)) * 60 / tempo + 0.2
    heard = estimate_tempo(clicks(beats, 20.0), RATE)
    error = tempo_error(heard.tempo, tempo)
    assert abs(error.folded) < 0.002 and heard.strength > 0.5
    assert abs(tempo_near(clicks(beats, 20.0), RATE, tempo * 1.03) / tempo - 1) < 0.002


@pytest.mark.parametrize("tempo", [100.0, 140.0, 190.0])
def test_tempo_of_swing(tempo: float) -> None:
    times = swung(tempo, 0.64, 20.0)
    gains = np.where(np.arange(len(times)) % 2 == 0, 1.0, 0.5)
    assert estimate_tempo(clicks(times, 20.0, gains), RATE).tempo == pytest.approx(tempo, rel=0.003)


def test_silence_and_noise_have_no_tempo_to_speak_of() -> None:
    assert estimate_tempo(np.zeros(10 * RATE, np.float32), RATE).tempo == 0.0
    noise = np.random.default_rng(0).standard_normal(20 * RATE).astype(np.float32) * 0.1
    assert estimate_tempo(noise, RATE).strength < 0.3


@pytest.mark.parametrize(
    ("heard", "asked", "multiple", "folded"),
    [(140, 140, 1.0, 0.0), (70.7, 140, 0.5, 0.01), (280, 140, 2.0, 0.0), (210, 140, 1.5, 0.0), (126, 140, 1.0, -0.1)],
)
def test_tempo_errors(heard: float, asked: float, multiple: float, folded: float) -> None:
    error = tempo_error(heard, asked)
    assert error.multiple == multiple
    assert error.folded == pytest.approx(folded) and error.raw == pytest.approx(heard / asked - 1)
    assert np.isnan(tempo_error(0.0, asked).raw)


def test_a_curve_too_short_has_no_tempo() -> None:
    assert tempo_of_activation(np.ones(10), FPS, "x").tempo == 0.0
    assert refine_tempo(np.ones(10), FPS, 100.0) == 100.0


def test_onsets_are_found_where_they_are() -> None:
    times = np.array([0.5, 0.8, 1.1, 2.0, 2.9])
    found = onset_times(onset_strength(clicks(times, 4.0), RATE))
    assert len(found) == len(times) and np.abs(found - times).max() < 0.01


def test_no_onsets_in_silence() -> None:
    assert len(onset_times(onset_strength(np.zeros(RATE, np.float32), RATE))) == 0
    assert len(onset_times(np.zeros(2))) == 0


def test_onsets_on_the_swung_grid() -> None:
    rng = np.random.default_rng(1)
    times = swung(150.0, 0.63, 20.0) + rng.normal(0, 0.006, len(swung(150.0, 0.63, 20.0)))
    fit = grid_deviation(times, 150.0, 0.63)
    assert fit.deviation_ms == pytest.approx(4.0, abs=1.5) and fit.within_30_ms > 0.99
    assert fit.swing == pytest.approx(0.63, abs=0.01) and abs(fit.lag_ms) < 3
    assert fit.chance_ms > 40
    assert grid_deviation(times, 150.0, 0.5).deviation_ms > 15
    assert likeliest_swing(times, 150.0) == pytest.approx(0.63, abs=0.021)


def test_a_constant_lag_is_told_apart() -> None:
    times = swung(120.0, 0.5, 10.0) + 0.03
    fit = grid_deviation(times, 120.0, 0.5)
    assert fit.lag_ms == pytest.approx(30, abs=2) and fit.deviation_ms < 2
    assert grid_deviation(times, 120.0, 0.5, offset=0.03).lag_ms == pytest.approx(0, abs=2)


def test_onsets_anywhere_are_as_far_as_chance() -> None:
    times = np.random.default_rng(2).uniform(0, 60, 2000)
    fit = grid_deviation(times, 120.0, 0.6)
    assert fit.deviation_ms == pytest.approx(fit.chance_ms, rel=0.15)


def test_no_onsets_no_measure() -> None:
    fit = grid_deviation(np.zeros(0), 120.0, 0.6)
    assert fit.onsets == 0 and np.isnan(fit.deviation_ms) and np.isnan(fit.swing)


def test_features_of_the_other_ear_have_its_shape() -> None:
    found = beatnet.features(clicks(np.array([0.5]), 1.0), RATE)
    assert found.shape == (51, 2 * beatnet.BANDS) and np.isfinite(found).all()
    assert found[:, beatnet.BANDS :].sum(axis=1).argmax() in (24, 25, 26)


@pytest.mark.skipif(not beatnet.available(), reason="BeatNet is not installed")
def test_the_other_ear_agrees_on_clicks() -> None:
    beats = np.arange(40) * 0.5 + 0.2
    assert abs(tempo_error(beatnet.estimate_tempo(clicks(beats, 20.0), RATE).tempo, 120.0).folded) < 0.01
