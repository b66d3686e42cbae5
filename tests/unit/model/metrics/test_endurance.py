"""Loudness against the recommendation, silences, clicks, note rate."""

from __future__ import annotations

import json
from importlib.util import find_spec

import numpy as np
import pytest

from model.metrics.endurance import find_clicks, longest_silence, measure_endurance, normal_range, onsets_per_beat
from model.metrics.loudness import gated, k_weighting, loudness, loudness_by_minute

RATE = 48_000


def sine(seconds: float, decibels: float, rate: int = RATE, hertz: float = 1000.0) -> np.ndarray:
    """A sine whose peak is so many dB of full scale, in both channels. Shape: [samples, 2]."""
    wave = 10 ** (decibels / 20) * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.stack([wave, wave], axis=1)


def beats(seconds: float, tempo: float, per_beat: int = 1) -> np.ndarray:
    """Decaying noise on every beat. Shape: [samples, 2]."""
    rng = np.random.default_rng(0)
    since = np.mod(np.arange(round(seconds * RATE)) / RATE, 60.0 / tempo / per_beat)
    wave = 0.2 * np.exp(-since / 0.03) * rng.standard_normal(len(since))
    return np.stack([wave, wave], axis=1).astype(np.float32)


def test_the_filters_are_those_of_the_recommendation() -> None:
    shelf, pass_high = k_weighting(RATE)
    assert shelf == pytest.approx([1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585], abs=1e-9)
    assert pass_high == pytest.approx([1, -2, 1, 1, -1.99004745483398, 0.99007225036621], abs=1e-9)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_a_sine_at_minus_20_in_both_channels_is_minus_20_lufs(rate: int) -> None:
    assert loudness(sine(5, -20, rate), rate) == pytest.approx(-20.0, abs=0.1)
    assert loudness(sine(5, -20, rate)[:, 0], rate) == pytest.approx(-23.0, abs=0.1)


def test_silence_passes_no_gate_and_quiet_parts_do_not_count() -> None:
    assert loudness(np.zeros((RATE, 2)), RATE) == -np.inf and loudness(np.zeros((100, 2)), RATE) == -np.inf
    assert gated(np.zeros(0)) == -np.inf
    # after EBU Tech 3341, case 3, shortened: the soft ends are gated out
    whole = np.concatenate([sine(5, -36), sine(20, -23), sine(5, -36)])
    assert loudness(whole, RATE) == pytest.approx(-23.0, abs=0.1)
    with pytest.raises(ValueError, match="channels"):
        loudness(np.zeros((RATE, 6)), RATE)


@pytest.mark.skipif(find_spec("pyloudnorm") is None, reason="pyloudnorm is not installed")
def test_pyloudnorm_says_about_the_same() -> None:
    import pyloudnorm

    sound = beats(10, 120).astype(np.float64)
    assert loudness(sound, RATE) == pytest.approx(pyloudnorm.Meter(RATE).integrated_loudness(sound), abs=0.2)


def test_loudness_by_minute() -> None:
    sound = np.concatenate([sine(4, -20), sine(4, -26), sine(3, -30)])
    assert loudness_by_minute(sound, RATE, 4.0) == pytest.approx([-20, -26, -30], abs=0.5)
    assert len(loudness_by_minute(sound[: 9 * RATE], RATE, 4.0)) == 2
    assert len(loudness_by_minute(sound[:RATE], RATE)) == 1


def test_the_longest_silence() -> None:
    sound = np.concatenate([sine(1, -20), np.zeros((RATE // 2, 2)), sine(1, -20), np.zeros((RATE, 2)), sine(1, -20)])
    assert longest_silence(sound, RATE) == pytest.approx((2.5, 1.0), abs=0.05)
    assert longest_silence(sine(1, -20), RATE) == (0.0, 0.0)


def test_clicks_are_told_from_attacks() -> None:
    clean = np.concatenate([np.zeros((480, 2), np.float32), beats(3, 120), np.zeros((480, 2), np.float32)])
    assert len(find_clicks(clean, RATE).places) == 0
    tone = sine(2, -12, hertz=220.0)
    cut = np.concatenate([tone[:50_055], tone[60_000:]])
    cut[30_000] += 0.3
    found = find_clicks(cut, RATE)
    assert found.places * RATE == pytest.approx([30_000, 50_055], abs=1)
    assert found.largest == pytest.approx(0.3, abs=0.02) and found.largest_at_s * RATE == pytest.approx(30_000, abs=1)


def test_clicks_at_the_edges() -> None:
    tone = sine(1, -12, hertz=220.0)
    whole = find_clicks(tone[: RATE // 220 * 220 + 1], RATE)
    assert not whole.at_start
    cut = find_clicks(tone[50 : RATE - 71], RATE)
    assert cut.at_start and cut.at_end
    assert not find_clicks(tone * np.hanning(len(tone))[:, None], RATE).at_end
    with pytest.raises(ValueError, match="two samples"):
        find_clicks(tone[:1], RATE)


def test_onsets_a_beat_and_their_normal_range() -> None:
    assert onsets_per_beat(beats(20, 120), RATE, 120, 10.0) == pytest.approx([1.0, 1.0], abs=0.06)
    assert onsets_per_beat(beats(20, 120, 2), RATE, 120, 10.0) == pytest.approx([2.0, 2.0], abs=0.11)
    low, high = normal_range((beats(10, tempo, per), RATE, tempo) for tempo, per in ((100.0, 1), (150.0, 2)))
    assert low == pytest.approx(1.05, abs=0.1) and high == pytest.approx(1.95, abs=0.1)
    with pytest.raises(ValueError, match="a piece"):
        normal_range([])


def test_a_render_as_a_whole() -> None:
    sound = np.concatenate([beats(10, 120), 0.5 * beats(10, 120)])
    notes = np.zeros(60, [("beat", "f8")])
    notes["beat"][:40] = np.arange(40) / 2
    notes["beat"][40:] = 20 + np.arange(20)
    found = measure_endurance(sound, RATE, 120.0, notes, normal=(1.5, 2.5), minute=10.0)
    assert found.spread == pytest.approx(6.0, abs=0.2) and found.drift == pytest.approx(-6.0, abs=0.2)
    assert found.planned_per_beat == pytest.approx([2.0, 1.0]) and found.outside == 2
    assert found.silence_s < 0.5 and not found.click_at_end
    assert json.loads(json.dumps(found.as_dict()))["seconds"] == 20.0


def test_a_silent_render_has_no_spread() -> None:
    found = measure_endurance(np.zeros((RATE, 2), np.float32), RATE, 120.0)
    assert found.spread == np.inf and found.silence_s == pytest.approx(1.0) and found.as_dict()["spread"] is None
    with pytest.raises(ValueError, match="cannot be measured"):
        measure_endurance(np.zeros((10, 2)), RATE, 120.0)
