"""Sounds beyond the band for the codec: sketches follow from their seeds, recordings are cut whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from model.training import broad
from model.training.store import Store


def test_sketches_differ_and_follow_from_their_seed() -> None:
    one, again, other = broad.sketch(3), broad.sketch(3), broad.sketch(4)
    assert np.array_equal(one, again) and one.shape != other.shape
    for sound in (one, other):
        assert np.isfinite(sound).all() and 0.01 < np.abs(sound).max() < 1.0
        assert 480_000 <= len(sound) <= 960_000 and sound.shape[1] == 2


@pytest.mark.parametrize("drums", [False, True])
def test_voices_rest_and_stay_in_range(drums: bool) -> None:
    for seed in range(30):
        notes = broad.draw_notes(np.random.default_rng(seed), 12.0, drums)
        assert len(notes) >= 1 and bool((notes["start"] < 12.0).all())
        assert notes["pitch"].min() >= 21 and notes["pitch"].max() <= 108 and bool((notes["duration"] > 0).all())


def test_a_store_of_sketches_and_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long mono file at another rate becomes pieces of 30 s and the rest, in stereo at 48 kHz; a sound too short is left out."""
    files, store = tmp_path / "files", tmp_path / "store"
    (files / "deep").mkdir(parents=True)
    tone = 0.3 * np.sin(np.arange(44_100 * 40) * 2 * np.pi * 440 / 44_100)
    soundfile.write(files / "deep" / "long.flac", tone, 44_100)
    soundfile.write(files / "short.wav", tone[:44_100], 44_100)
    (files / "notes.txt").write_text("no sound")
    command = ["broad", str(store), "--count", "1", "--first", "7", "--recordings", str(files)]
    for _ in range(2):  # the second time all of it is there
        monkeypatch.setattr("sys.argv", command)
        broad.main()
    pieces = Store(store, held_out=0).pieces()
    assert pieces[0].seed == 7 and len(pieces) == 3
    assert sorted(round(len(piece.audio) / 48_000) for piece in pieces[1:]) == [10, 30]
    loudest = np.abs(np.fft.rfft(pieces[1].audio[:48_000, 1].astype(float))).argmax()
    assert abs(int(loudest) - 440) <= 1
    about = json.loads((pieces[1].folder / "about.json").read_text())
    assert about["file"] == "deep/long.flac" and about["broad"] == "recording"
