"""Kind `instruments`: sounds are told apart, and those of the shipped model by what is asked for."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from model.evaluate import instruments
from model.evaluate.bench import Bench, Floats, make_cases
from model.evaluate.instruments import known_sounds, measure_instruments, told_apart
from model.layers.timbres import INSTRUMENTS, KITS
from model.metrics import musicnn
from model.training.timbres import sound_of


def test_sounds_are_told_apart_by_where_their_references_lie() -> None:
    rng = np.random.default_rng(0)
    own = np.array([[5.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 5.0]])
    references = own[:, None] + 0.1 * rng.standard_normal((3, 4, 3))
    heard = own + 0.1 * rng.standard_normal((3, 3))
    middle = references.mean(axis=(0, 1))
    assert told_apart(references, heard, middle).tolist() == [0, 1, 2]
    shifted = heard + np.array([40.0, 0.0, 0.0])  # all of a source lie elsewhere: what they have in common says nothing of the instrument
    assert told_apart(references, shifted, middle).tolist() == [0, 0, 0]
    assert told_apart(references, shifted, shifted.mean(axis=0)).tolist() == [0, 1, 2]


def test_sounds_that_cannot_be_rendered_here_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAMD_INSTRUMENTS", raising=False)
    names = {part: [sound.name for sound in sounds] for part, sounds in known_sounds().items()}
    assert "steinway" not in names["piano"] and "weresax" not in names["horn"]
    assert {"grand", "organ", "vibes"} <= set(names["piano"]) <= set(INSTRUMENTS["piano"]) and set(names["drums"]) == set(KITS)


def spectrum(audio: Floats) -> np.ndarray:
    """Levels of the mean spectrum in bands of a third of an octave, in dB: an ear where no musicnn is installed."""
    power = np.abs(np.fft.rfft(audio.mean(axis=1))) ** 2
    hz = np.fft.rfftfreq(len(audio), 1 / 48_000)
    edges = 60.0 * 2.0 ** (np.arange(25) / 3)
    levels = np.array([power[(hz >= low) & (hz < high)].sum() for low, high in pairwise(edges)])
    return np.asarray(10 * np.log10(levels / levels.sum() + 1e-6))


def test_the_shipped_model_plays_the_instrument_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(musicnn, "available", lambda: True)
    monkeypatch.setattr(instruments, "_ear", spectrum)
    monkeypatch.setattr(instruments, "known_sounds", lambda: {"piano": [sound_of("piano", name) for name in ("grand", "vibes")]})
    monkeypatch.setattr(instruments, "CLIP_S", 3.0)
    result = measure_instruments(Bench(tmp_path, make_cases(1), progress=lambda line: None))
    assert result.figures["piano, instruments"] == 2
    right = {source: np.mean([row["piano, apart"] for row in rows]) for source, rows in result.rows.items()}
    assert right["model"] >= 0.75 and right["corpus"] >= 0.75
