"""Distances between sounds."""

from __future__ import annotations

import numpy as np
import pytest

from model.metrics.distances import log_mel_l1, mel_filters, multi_resolution_stft, sdr, si_sdr
from model.metrics.heard import stft_magnitude, to_mono

RATE = 48_000
RNG = np.random.default_rng(0)
SOUND = (RNG.standard_normal((RATE // 2, 2)) * 0.1).astype(np.float32)
NOISE = (RNG.standard_normal((RATE // 2, 2)) * 0.1).astype(np.float32)


def test_a_copy_is_at_no_distance() -> None:
    assert log_mel_l1(SOUND, SOUND, RATE) == 0.0
    assert multi_resolution_stft(SOUND, SOUND) == 0.0
    assert si_sdr(SOUND, SOUND) > 100 and sdr(SOUND, SOUND) == np.inf


@pytest.mark.parametrize("decibels", [-10.0, 0.0, 10.0, 20.0])
def test_noise_at_a_known_level(decibels: float) -> None:
    noisy = SOUND + NOISE * 10 ** (-decibels / 20)
    assert sdr(SOUND, noisy) == pytest.approx(decibels, abs=0.2)
    assert si_sdr(SOUND, noisy) == pytest.approx(decibels, abs=0.3)


def test_more_noise_is_further_away() -> None:
    near, far = SOUND + 0.1 * NOISE, SOUND + NOISE
    assert 0 < log_mel_l1(SOUND, near, RATE) < log_mel_l1(SOUND, far, RATE)
    assert 0 < multi_resolution_stft(SOUND, near) < multi_resolution_stft(SOUND, far)


def test_a_gain_counts_only_where_it_should() -> None:
    assert si_sdr(SOUND, 0.5 * SOUND) > 60
    assert sdr(SOUND, 0.5 * SOUND) == pytest.approx(6.02, abs=0.01)
    assert log_mel_l1(SOUND, 0.5 * SOUND, RATE) == pytest.approx(np.log(2), abs=0.01)


def test_silence() -> None:
    silent = np.zeros(RATE // 4, np.float32)
    assert np.isnan(si_sdr(silent, silent)) and np.isnan(sdr(silent, silent))
    assert log_mel_l1(silent, silent, RATE) == 0.0


@pytest.mark.parametrize("other", [np.zeros((10, 2)), np.zeros(RATE // 2), np.zeros((RATE // 2, 1))])
def test_shapes_must_agree(other: np.ndarray) -> None:
    for distance in (si_sdr, sdr, multi_resolution_stft):
        with pytest.raises(ValueError):
            distance(SOUND, other)
    with pytest.raises(ValueError):
        log_mel_l1(np.zeros((0, 2)), np.zeros((0, 2)), RATE)


def test_mel_filters_cover_the_range_evenly() -> None:
    filters = mel_filters(RATE, 2048)
    assert filters.shape == (80, 1025) and filters.min() >= 0
    assert np.all(np.isclose(filters.sum(axis=1), 1.0) | (filters.sum(axis=1) == 0))


def test_magnitudes_are_amplitudes() -> None:
    t = np.arange(RATE) / RATE
    magnitude = stft_magnitude((0.5 * np.sin(2 * np.pi * 1500 * t)).astype(np.float32), 2048, 512)
    assert magnitude.shape == (1 + RATE // 512, 1025)
    assert magnitude[40].max() == pytest.approx(0.5, abs=0.01) and magnitude[40].argmax() == 64


def test_mono_at_another_rate() -> None:
    t = np.arange(RATE) / RATE
    wave = np.sin(2 * np.pi * 300 * t)
    mono = to_mono(np.stack([wave, wave], axis=1), RATE, 22_050)
    assert len(mono) == 22_050
    assert np.abs(mono[2000:-2000] - np.sin(2 * np.pi * 300 * np.arange(22_050) / 22_050)[2000:-2000]).max() < 0.01
    assert len(to_mono(np.zeros(0), RATE, 22_050)) == 0
