"""Notes from the network's probabilities, and the network itself where it is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jamd.contract.errors import FailureError
from model.metrics import transcribe
from model.metrics.transcribe import HOP, LOWEST, RATE, WINDOW, posteriors, track_notes


def curves(*notes: tuple[int, int, int], steps: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clean probabilities of (row, first step, last step)."""
    sounding, onsets = np.zeros((steps, 88), np.float32), np.zeros((steps, 88), np.float32)
    for row, first, last in notes:
        sounding[first:last, row] = 0.8
        onsets[first, row] = 0.9
    return np.arange(steps) * HOP / RATE, sounding, onsets


def test_each_onset_is_a_note_that_lasts_while_it_sounds() -> None:
    times, sounding, onsets = curves((30, 20, 60), (34, 20, 40), (30, 60, 90))
    notes = track_notes(times, sounding, onsets)
    found = [(int(n["pitch"]), round(n["start"] * RATE / HOP), round(n["end"] * RATE / HOP)) for n in notes]
    assert sorted(found) == [(30 + LOWEST, 20, 60), (30 + LOWEST, 60, 90), (34 + LOWEST, 20, 40)]
    assert notes["amplitude"] == pytest.approx(0.8)


def test_a_note_shorter_than_an_eighth_at_any_tempo_is_none() -> None:
    assert len(track_notes(*curves((30, 20, 23)))) == 0
    assert len(track_notes(*curves((30, 20, 30)))) == 1


def test_a_short_dip_does_not_end_a_note() -> None:
    times, sounding, onsets = curves((30, 20, 80))
    sounding[45:50, 30] = 0.0
    onsets[50, 30] = 0.0
    notes = track_notes(times, np.where(sounding > 0, sounding, 0.0), onsets)
    assert notes["end"].max() == pytest.approx(times[80], abs=HOP / RATE)


def test_nothing_sounds_in_silence() -> None:
    assert len(track_notes(*curves())) == 0


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    transcribe._session.cache_clear()
    monkeypatch.setattr(transcribe, "NETWORK", Path("nowhere.onnx"))
    with pytest.raises(FailureError, match="pip install"):
        transcribe.transcribe(np.zeros(RATE, np.float32), RATE)


def test_windows_cover_the_sound_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    class Session:
        def get_inputs(self) -> list[object]:
            return [type("Input", (), {"name": "x"})]

        def run(self, names: list[str], feed: dict[str, np.ndarray]) -> list[np.ndarray]:
            level = feed["x"][0, :, 0][: 172 * HOP - HOP + 1 : HOP]
            both = np.repeat(np.pad(level, (0, 172 - len(level)))[None, :, None], 88, axis=2)
            return [both, both]

    monkeypatch.setattr(transcribe, "_session", Session)
    seconds = 3 * WINDOW // RATE + 1
    ramp = np.arange(seconds * RATE, dtype=np.float32) / RATE
    times, sounding, _ = posteriors(ramp, RATE)
    assert np.all(np.diff(times) > 0) and np.diff(times).max() < 2 * HOP / RATE
    assert times[0] <= 0 and times[-1] >= seconds - HOP / RATE
    inside = (times > 0.1) & (times < seconds - 0.1)
    assert np.abs(sounding[inside, 0] - times[inside]).max() < 1e-3


def test_the_network_hears_a_chord() -> None:
    t = np.arange(2 * RATE) / RATE
    audio = np.zeros(2 * RATE)
    for pitch in (48, 64, 67):
        hertz = 440 * 2 ** ((pitch - 69) / 12)
        tone = sum(np.sin(2 * np.pi * hertz * h * t) / h**2 for h in range(1, 5))
        audio += 0.1 * tone * np.exp(-1.5 * t) * np.minimum(t * 300, 1.0)
    notes = transcribe.transcribe(np.concatenate([np.zeros(RATE // 2), audio]).astype(np.float32), RATE)
    assert {48, 64, 67} <= set(notes["pitch"].tolist())
    assert np.abs(notes["start"][np.isin(notes["pitch"], (48, 64, 67))] - 0.5).min() < 0.05
