"""`jamd render` with the shipped model: exact, repeatable, and on the chart."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import mido
import numpy as np
import soundfile

from jamd.contract.chart import parse_chart
from model.metrics.measure import measure

CHART = "| Cm7 | F7 | Bbmaj7 | Ebmaj7 |"


def render(folder: Path, name: str, *words: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "jamd", "render", "--out", str(folder / f"{name}.wav"), "--json", *words]
    result = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_same_seed_gives_the_same_bytes_exactly_as_long_as_the_bars(tmp_path: Path) -> None:
    words = ("--chart", CHART, "--bars", "2", "--tempo", "173", "--seed", "5", "--midi", str(tmp_path / "a.mid"))
    (one,) = render(tmp_path, "a", *words)
    render(tmp_path, "b", *words)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert one["frames"] == round(8 * 60 / 173 * 48_000)
    assert soundfile.info(tmp_path / "a.wav").frames == one["frames"]
    notes = [m for track in mido.MidiFile(tmp_path / "a.mid").tracks for m in track if m.type == "note_on"]
    assert len(notes) == one["notes"] > 10


def test_count_gives_different_takes(tmp_path: Path) -> None:
    results = render(tmp_path, "x", "--chart", CHART, "--seconds", "1.5", "--count", "2", "--seed", "1")
    assert [r["seed"] for r in results] == [1, 2]
    first, second = (soundfile.read(r["path"])[0] for r in results)
    assert len(first) == len(second) == 72_000
    assert not np.array_equal(first, second)


def test_chart_is_heard_in_the_sound(tmp_path: Path) -> None:
    """Pitch classes in the sound itself fit the chart's chords better than the same chords a semitone away or shuffled."""
    chart_file = tmp_path / "chart.txt"
    chart_file.write_text(CHART)
    (one,) = render(tmp_path, "c", "--chart", str(chart_file), "--bars", "8", "--tempo", "140", "--seed", "2")
    audio, rate = soundfile.read(one["path"], dtype="float32")
    found = measure(audio, rate, parse_chart(CHART), 140.0, ear="chroma", trackers=False)
    assert found.harmony.fit > found.harmony.shuffled
    assert found.harmony.fit > found.harmony.transposed + 0.05
    assert abs(found.tempo_kept / 140.0 - 1) < 0.01
    assert -40 < found.level_db < -10
