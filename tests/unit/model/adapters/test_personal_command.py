"""`jamd evaluate` from the command line to its table, with small networks and a random adapter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rig import tiny_models, write_random

from jamd.cli import main
from jamd.contract.units import SAMPLE_RATE
from model.metrics import musicnn, transcribe


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the adapter `ann`, and a minute of plucked tones in `playing`; no ear beside the project's and its extras'."""
    models = tiny_models(compiled=True)
    monkeypatch.setenv("JAMD_HOME", str(tmp_path))
    monkeypatch.setattr("model.generator.models.load_models", lambda *_, **__: models)
    monkeypatch.setattr(musicnn, "available", lambda: False)
    write_random(tmp_path / "adapters", models, "ann", 1)
    rng = np.random.default_rng(0)
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    (tmp_path / "playing").mkdir()
    for name in ("one", "two"):
        sound = 1e-4 * rng.standard_normal((26 * SAMPLE_RATE, 2))
        for beat in range(51):
            tone = np.sin(2 * np.pi * 220.0 * 2 ** (rng.integers(0, 12) / 12) * time) * np.exp(-6 * time)
            sound[beat * SAMPLE_RATE // 2 :][: len(time)] += 0.3 * tone[:, None]
        soundfile.write(tmp_path / "playing" / f"{name}.wav", sound, SAMPLE_RATE)
    return tmp_path


def evaluate(home: Path, *more: str) -> int:
    return main(["evaluate", "--adapter", "ann", "--reference", str(home / "playing"), "--samples", "2", "--seconds", "4", *more])


def test_base_against_adapter(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(home, "--json", "--parts", "piano,bass", "--out", str(home / "kept")) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert printed.err == ""
    assert found["adapter"] == "ann" and found["reference"]["clips"] >= 4
    assert any("piano+bass" in line for line in found["about"])
    assert any("musicnn" in line for line in found["skipped"]) and not any("transcriber" in line for line in found["skipped"])
    spectral = found["measures"]["mel spectral distance"]
    base, ann = spectral["values"]["base"], spectral["values"]["ann"]
    assert base["low"] <= base["value"] <= base["high"] and ann["value"] != base["value"]
    assert 0 < found["measures"]["chart fit"]["values"]["base"]["value"] <= 1
    assert found["distance"]["base"] == 1 and found["distance"]["ann"]["value"] >= 0
    assert sorted(path.name for path in (home / "kept").iterdir()) == ["ann-01.wav", "ann-02.wav", "base-01.wav", "base-02.wav"]


def test_strength_0_is_the_base_and_no_notes_are_heard_without_a_transcriber(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcribe, "available", lambda: False)
    assert evaluate(home, "--strength", "0") == 0
    text = capsys.readouterr().out
    assert text.startswith("ann at strength 0 beside base")
    assert "distance to the player, base being 1: ann 1 (1 to 1)" in text
    assert "left out: FAD by musicnn" in text
    assert "chart fit, memorising: no transcriber" in text
    (fit,) = (line for line in text.splitlines() if line.startswith("chart fit"))
    assert not any(letter.isdigit() for letter in fit)
    rows = [line for line in text.splitlines() if line.startswith(("mel spectral", "audio feature", "tempo deviation", "closest"))]
    assert len(rows) == 4 and all("  same  " in row for row in rows)


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        (["--adapter", "nobody"], 1, "there is no adapter 'nobody'"),
        (["--adapter", "base"], 2, "not base"),
        (["--reference", "/nowhere"], 2, "there is no /nowhere"),
        (["--training", "/nowhere"], 2, "there is no /nowhere"),
        (["--samples", "1"], 2, "outside 2..200"),
        (["--strength", "3"], 2, "outside 0..2"),
    ],
)
def test_errors_are_one_line(home: Path, capsys: pytest.CaptureFixture[str], given: list[str], status: int, words: str) -> None:
    assert evaluate(home, *given) == status
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1 and words in printed.err


def test_too_little_playing_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "playing" / "two.wav").unlink()
    assert evaluate(home) == 2
    assert "4 are the least" in capsys.readouterr().err
