"""How loosely a player plays, by notes on a told grid."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from model.corpus.notes import NOTE_DTYPE
from model.learning.examples import Example
from model.learning.guards import looseness
from model.learning.prepare import Prepared


def prepared(folder: Path, scatter_s: float, chart: str = "| C7 |") -> Prepared:
    """A player who strikes on every beat at 120 bpm, scattered."""
    rng, folder = np.random.default_rng(1), folder / f"{scatter_s}{len(chart)}"
    folder.mkdir()
    notes = np.zeros(40, NOTE_DTYPE)
    notes["start"] = 0.25 + 0.5 * np.arange(40) + scatter_s * rng.standard_normal(40)
    np.save(folder / "notes.npy", notes)
    about = {"tempo": 120.0, "chart": chart, "bar_s": 10.25, "start_s": 10.0, "held_out": False}
    (folder / "about.json").write_text(json.dumps(about))
    return Prepared(folder, [Example(folder)], np.zeros(512, np.float32), 20.0, 20.0, 20.0, "")


def test_it_is_the_median_distance_from_the_grid(tmp_path: Path) -> None:
    assert looseness(prepared(tmp_path, 0.0)) < 1.0
    assert looseness(prepared(tmp_path, 0.03)) == pytest.approx(30 * 0.67, rel=0.4)


def test_without_a_sure_chart_nothing_is_known(tmp_path: Path) -> None:
    assert looseness(prepared(tmp_path, 0.03, chart="")) == 0.0
