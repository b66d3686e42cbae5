"""Loops at another tempo: length, downbeat, attacks, pitch, loudness, seam."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from jamd.audio.stretch import Sound, stretch_loop
from jamd.contract.errors import AudioError
from jamd.contract.units import SAMPLE_RATE

RATIOS = (0.8, 0.9, 0.97, 1.03, 1.1, 1.25)
STROKES = ((0.0, 1.0), (0.25, 0.5), (0.415, 0.4), (0.5, 0.8), (0.75, 0.6))
"""Place in the loop and strength of each stroke."""
TONES = (110.0, 220.0, 277.0, 330.0)
LENGTH = 2 * SAMPLE_RATE


@pytest.fixture(scope="module")
def loop() -> Sound:
    """Two seconds: strokes of noise over a chord that goes round without a step."""
    rng = np.random.default_rng(0)
    t = np.arange(LENGTH) / SAMPLE_RATE
    out = np.repeat(0.05 * sum(np.sin(2 * np.pi * hertz * t) for hertz in TONES)[:, None], 2, axis=1)
    for place, gain in STROKES:
        start = round(place * LENGTH)
        decay = np.exp(-np.arange(6000) / 900.0)[:, None]
        out[start : start + 6000] += 0.3 * gain * decay * rng.standard_normal((6000, 2))
    return np.clip(out, -1, 1).astype(np.float32)


def attack_ms(audio: Sound, frame: int) -> float:
    """Milliseconds by which the stroke near a frame of the loop comes late: where its upper range is half way up."""
    near = audio[np.arange(frame - 2400, frame + 2400) % len(audio)].sum(axis=1)
    upper = np.abs(sosfiltfilt(butter(2, 3000, "high", fs=SAMPLE_RATE, output="sos"), near))
    level = np.convolve(upper, np.ones(48) / 48, "same")[1200:3600]
    return float(np.argmax(level > level.max() / 2) - 1200) / SAMPLE_RATE * 1000


@pytest.mark.parametrize("ratio", RATIOS)
def test_downbeat_and_attacks_stay_where_the_tempo_puts_them(loop: Sound, ratio: float) -> None:
    out = stretch_loop(loop, round(len(loop) * ratio))
    assert abs(attack_ms(out, 0) - attack_ms(loop, 0)) < 1.0
    late = [attack_ms(out, round(place * len(out))) - attack_ms(loop, round(place * LENGTH)) for place, _ in STROKES]
    assert np.median(np.abs(late)) < 1.0
    assert np.max(np.abs(late)) < 4.0


@pytest.mark.parametrize("ratio", RATIOS)
def test_pitch_and_loudness_stay(loop: Sound, ratio: float) -> None:
    out = stretch_loop(loop, round(len(loop) * ratio))
    assert 10 * np.log10(np.mean(out**2) / np.mean(loop**2)) == pytest.approx(0.0, abs=0.3)
    spectrum = np.abs(np.fft.rfft(out[:, 0] * np.hanning(len(out)), 1 << 19))
    for hertz in TONES:
        bins = np.arange(round((hertz - 12) * (1 << 19) / SAMPLE_RATE), round((hertz + 12) * (1 << 19) / SAMPLE_RATE))
        heard = bins[spectrum[bins].argmax()] * SAMPLE_RATE / (1 << 19)
        assert abs(1200 * np.log2(heard / hertz)) < 8


@pytest.mark.parametrize("ratio", [0.5, *RATIOS, 2.0])
def test_the_loop_closes_without_a_step(ratio: float) -> None:
    """Steady tones: a cut would step by as much as the sound is high, here by no more than the sound itself moves."""
    t = np.arange(LENGTH) / SAMPLE_RATE
    tones = np.repeat(0.2 * sum(np.sin(2 * np.pi * hertz * t) for hertz in (110.0, 165.0))[:, None], 2, axis=1).astype(np.float32)
    out = stretch_loop(tones, round(LENGTH * ratio))
    moves = np.abs(np.diff(out[:, 0]))
    around = np.concatenate([out[-4800:, 0], out[:4800, 0]])
    assert abs(out[0, 0] - out[-1, 0]) <= 1.2 * moves.max()
    click = sosfiltfilt(butter(4, 2000, "high", fs=SAMPLE_RATE, output="sos"), around)
    assert np.abs(click[4000:5600]).max() < 0.01


@pytest.mark.parametrize("frames", [48_000, 50_001, 191_999])
def test_length_is_exact_and_the_result_the_same_each_time(loop: Sound, frames: int) -> None:
    out = stretch_loop(loop, frames)
    assert out.shape == (frames, 2)
    assert out.dtype == np.float32
    assert np.abs(out).max() <= 1.0
    np.testing.assert_array_equal(out, stretch_loop(loop, frames))


def test_the_same_length_is_the_same_sound(loop: Sound) -> None:
    out = stretch_loop(loop, len(loop))
    np.testing.assert_array_equal(out, loop)
    assert out is not loop


def test_short_clips_silence_and_what_is_not_a_number() -> None:
    tiny = np.full((7, 2), 0.1, np.float32)
    assert stretch_loop(tiny, 9).shape == (9, 2)
    assert not stretch_loop(np.zeros((4800, 2), np.float32), 5000).any()
    broken = np.zeros((4800, 2), np.float32)
    broken[100] = np.nan
    broken[200] = np.inf
    assert np.isfinite(stretch_loop(broken, 5000)).all()


def test_sides_stay_apart(loop: Sound) -> None:
    left = loop * np.array([1.0, 0.0], np.float32)
    out = stretch_loop(left, round(len(loop) * 1.1))
    assert np.mean(out[:, 1] ** 2) < 1e-4 * np.mean(out[:, 0] ** 2)


@pytest.mark.parametrize(
    ("shape", "frames"), [((0, 2), 100), ((100,), 100), ((100, 1), 100), ((100, 2), 49), ((100, 2), 201), ((100, 2), 0), ((100, 2), -100)]
)
def test_what_cannot_be_stretched_is_an_audio_error(shape: tuple[int, ...], frames: int) -> None:
    with pytest.raises(AudioError):
        stretch_loop(np.zeros(shape, np.float32), frames)


def test_it_works_in_a_process_of_its_own(loop: Sound) -> None:
    """Where it holds up no thread of the caller's."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        there = pool.submit(stretch_loop, loop, 90_000).result(timeout=60)
    np.testing.assert_array_equal(there, stretch_loop(loop, 90_000))
