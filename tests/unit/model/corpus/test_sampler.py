"""The sampler against samples whose pitch, level and length are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from jamd.contract.errors import FailureError
from jamd.contract.units import SAMPLE_RATE
from model.corpus.notes import make_notes
from model.corpus.sampler import FOLDERS, SampledInstrument, available, pedalled, pitch_of


def tone(pitch: float, seconds: float, amplitude: float = 0.5, rate: int = SAMPLE_RATE) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * t) * np.exp(-t)).astype(np.float32)


@pytest.fixture(scope="module")
def yamaha(tmp_path_factory: pytest.TempPathFactory) -> SampledInstrument:
    folder = tmp_path_factory.mktemp("instruments") / FOLDERS["yamaha"]
    folder.mkdir()
    for pitch in (60, 63, 66):
        for layer in (1, 3, 5):
            silence = np.zeros(2000, np.float32)  # a recording begins before its note
            audio = np.concatenate([silence, tone(pitch, 3.0, 0.02 * layer**2)])
            soundfile.write(folder / f"LEVEL{layer}_{pitch}.wav", np.stack([audio, audio], 1), SAMPLE_RATE)
    return SampledInstrument("yamaha", folder)


def frequency(audio: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(audio[:, 0] * np.hanning(len(audio)), 1 << 18))
    return float(np.argmax(spectrum) * SAMPLE_RATE / (1 << 18))


@pytest.mark.parametrize("name, octave, pitch", [("c4", 4, 60), ("A-1", 3, 21), ("eb1", 4, 27), ("Cs5", 3, 85), ("bb3", 3, 70)])
def test_note_names(name: str, octave: int, pitch: int) -> None:
    assert pitch_of(name, octave) == pitch
    with pytest.raises(ValueError, match="no note name"):
        pitch_of("h2", 4)


@pytest.mark.parametrize("pitch", [58, 60, 61, 65, 70])
def test_pitch_and_onset_are_exact(yamaha: SampledInstrument, pitch: int) -> None:
    at = 0.25
    audio = yamaha.render(make_notes([(0, pitch, 80, at * 2, 4.0)], 120.0), SAMPLE_RATE * 2)
    assert not audio[: int(at * SAMPLE_RATE)].any()
    first = int(np.argmax(np.abs(audio).max(axis=1) > 0.01))
    assert abs(first / SAMPLE_RATE - at) < 0.004
    assert frequency(audio[first : first + 32768]) == pytest.approx(440 * 2 ** ((pitch - 69) / 12), rel=2e-3)


def test_louder_with_velocity_through_the_layers(yamaha: SampledInstrument) -> None:
    levels = []
    for velocity in (10, 30, 50, 70, 90, 110, 127):
        audio = yamaha.render(make_notes([(0, 60, velocity, 0.0, 2.0)], 120.0), SAMPLE_RATE)
        levels.append(20 * np.log10(np.sqrt((audio**2).mean())))
    steps = np.diff(levels)
    assert (steps > 0).all() and steps.max() < 9.0  # rising, and no layer stands out


def test_a_note_is_damped_when_it_ends_and_rings_on_with_the_pedal(yamaha: SampledInstrument) -> None:
    notes = make_notes([(0, 60, 80, 0.0, 0.5)], 120.0)
    short = yamaha.render(notes, SAMPLE_RATE * 2)
    long = yamaha.render(pedalled(notes, np.array([0.0, 1.5]), np.random.default_rng(0), 1.0), SAMPLE_RATE * 2)
    late = slice(SAMPLE_RATE, int(1.4 * SAMPLE_RATE))
    assert np.abs(short[late]).max() < 1e-3 < 0.01 < np.abs(long[late]).max()
    assert np.abs(long[int(1.9 * SAMPLE_RATE) :]).max() < 1e-3
    assert np.abs(np.diff(short[:, 0])).max() < 0.1  # no click where the damper falls


def test_pedal_leaves_notes_alone_where_it_is_up() -> None:
    notes = make_notes([(0, 60, 80, 0.0, 0.5), (0, 64, 80, 1.0, 0.5)], 120.0)
    assert np.array_equal(pedalled(notes, np.array([0.0, 1.0]), np.random.default_rng(0), 0.0), notes)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert available(None) == {} and available(tmp_path) == {}
    (tmp_path / FOLDERS["weresax"]).mkdir()
    assert available(tmp_path) == {"horn": ["weresax"]}
    with pytest.raises(FailureError, match="no samples of weresax"):
        SampledInstrument("weresax", tmp_path / FOLDERS["weresax"])
