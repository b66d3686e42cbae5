"""The command and the table, on the corpus band playing known charts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from jamd.contract.chart import parse_chart
from jamd.contract.units import SAMPLE_RATE
from model.corpus.render import SOUNDFONT
from model.metrics.measure import measure
from model.metrics.renders import Render, corpus_ceiling, evaluate_renders, summarise, to_markdown
from model.metrics.report import main

needs_band = pytest.mark.skipif(not SOUNDFONT.is_file(), reason="fluid-soundfont-gm is not installed")
CHARTS = ("| Dm7 G7 | Cmaj7 | F#m7b5 B7 | Em7 A7 |", "| Eb7 | Ab7 | Eb7 | Bb7 |")


@pytest.fixture(scope="module")
def band() -> list[Render]:
    """Eight bars of the corpus' own band on each chart."""
    asked = [
        Render(f"take {n}", np.zeros((1, 2)), parse_chart(text), tempo, bars=8, seed=n)
        for n, (text, tempo) in enumerate(zip(CHARTS, (132.0, 168.0), strict=True))
    ]
    return list(corpus_ceiling(asked))


@needs_band
def test_the_band_plays_what_is_asked_and_the_table_shows_it(band: list[Render]) -> None:
    swapped = [Render(a.name, a.audio, b.chart, a.tempo * 1.06, swing=0.6, bars=8) for a, b in zip(band, band[::-1], strict=True)]
    lines: list[str] = []
    wrong, right = evaluate_renders(swapped, band, ear="chroma", trackers=False, progress=lines.append)
    assert (wrong.source, right.source) == ("render", "ceiling") and len(lines) == 4
    good, bad = right.summary, wrong.summary
    assert good["fit"]["mean"] > good["fit_chance"]["mean"] + 0.2
    assert good["fit"]["mean"] > bad["fit"]["mean"] + 0.15
    assert good["key_right"]["mean"] == 1.0
    assert good["tempo_kept_error"]["mean"] < 0.5 < bad["tempo_kept_error"]["mean"]
    assert good["grid_ms"]["mean"] < 15 < bad["grid_ms"]["mean"]
    text = to_markdown([wrong, right])
    assert "| measure | render | ceiling |" in text and "| grid_ms |" in text


@needs_band
def test_the_command_prints_json(band: list[Render], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import soundfile

    path, chart = tmp_path / "take.wav", tmp_path / "chart.txt"
    soundfile.write(path, np.asarray(band[0].audio), SAMPLE_RATE, subtype="FLOAT")
    chart.write_text(CHARTS[0])
    assert main([str(path), "--chart", str(chart), "--tempo", "132", "--ear", "chroma"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["harmony"]["fit"] > said["harmony"]["chance"] and said["ear"] == "chroma"
    assert said["tempo"]["asked"] == 132 and abs(said["tempo"]["kept_error_percent"]) < 0.5
    assert said["beats"] == 32 and 0.5 <= said["grid"]["swing_assumed"] <= 0.72


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["missing.wav", "--chart", "| C |", "--tempo", "120"], 1, "cannot read"),
        (["short.wav", "--chart", "| C |", "--tempo", "120"], 1, "too little"),
        (["short.wav", "--chart", "| H |", "--tempo", "120"], 2, "-->"),
        (["short.wav", "--chart", "| C |", "--tempo", "0"], 1, "tempo"),
    ],
)
def test_what_goes_wrong_is_said(
    arguments: list[str], status: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import soundfile

    monkeypatch.chdir(tmp_path)
    soundfile.write("short.wav", np.zeros((SAMPLE_RATE, 2)), SAMPLE_RATE)
    assert main(arguments) == status
    out = capsys.readouterr()
    assert said in out.err and not out.out


def test_silence_is_measured_without_trouble() -> None:
    found = measure(np.zeros((3 * SAMPLE_RATE, 2)), SAMPLE_RATE, parse_chart("| C |"), 120.0, ear="chroma", trackers=False)
    said = found.as_dict()
    assert said["harmony"]["fit"] is None and said["grid"]["onsets"] == 0 and said["tempo"]["heard"]
    json.dumps(said, allow_nan=False)


def test_summaries_leave_out_what_could_not_be_measured() -> None:
    rows = [{"name": "a", "fit": 0.5, "bass": float("nan")}, {"name": "b", "fit": 0.7, "bass": 1.0}]
    out = summarise(rows)
    assert out["fit"]["mean"] == pytest.approx(0.6) and out["fit"]["n"] == 2
    assert out["fit"]["low"] <= 0.6 <= out["fit"]["high"]
    assert out["bass"]["n"] == 1 and "name" not in out
