"""Many renders measured together: what was asked, against shuffled charts, other charts, and the corpus on the same charts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.chart import Chart
from jamd.contract.units import SAMPLE_RATE
from model.metrics.chord_fit import SLOTS, chord_masks
from model.metrics.heard import Doubles
from model.metrics.measure import Ear, Measures, measure
from model.metrics.tempo import tempo_error

BOOTSTRAPS: Final = 1000


@dataclass(frozen=True)
class Render:
    """One piece of sound and what was asked. `audio`: shape [frames, channels], or a file."""

    name: str
    audio: NDArray[Any] | Path
    chart: Chart
    tempo: float
    swing: float | None = None
    offset: float = 0.0
    rate: int = SAMPLE_RATE
    bars: int = 0
    """How many bars were asked; 0: as the sound lasts. Used for the ceiling."""
    seed: int = 0


@dataclass(frozen=True)
class Table:
    """Rows of one source (the model, the corpus) and what they come to."""

    source: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, dict[str, float]] = field(default_factory=dict)
    """By measure: mean, low and high (95 % bootstrap interval of the mean), n."""


def load(render: Render) -> tuple[NDArray[np.float32], int]:
    """The sound of a render and its rate. Shape: [frames, channels]."""
    if isinstance(render.audio, Path):
        import soundfile

        audio, rate = soundfile.read(render.audio, dtype="float32", always_2d=True)
        return audio, int(rate)
    return np.asarray(render.audio, np.float32), render.rate


def corpus_ceiling(renders: Iterable[Render]) -> Iterator[Render]:
    """For each render, a piece by the corpus' band on the same chart at the same tempo: as good as the model can learn."""
    from model.corpus.piece import make_piece
    from model.corpus.render import render_mix

    for number, render in enumerate(renders):
        bars = render.bars
        if not bars:
            audio, rate = load(render)
            bars = max(int((len(audio) / rate - render.offset) * render.tempo / 60 / render.chart.beats_per_bar), 1)
        piece = make_piece(90_000 + render.seed + number, chart=render.chart, tempo=render.tempo, bars=bars)
        yield Render(render.name, render_mix(piece), render.chart, render.tempo, swing=piece.swing, bars=bars)


def evaluate_renders(
    renders: Sequence[Render] | Iterable[Render],
    ceiling: Iterable[Render] = (),
    *,
    ear: Ear = "auto",
    trackers: bool = True,
    progress: Callable[[str], None] | None = None,
) -> list[Table]:
    """Measures renders and, if given, a ceiling to hold them against (see `corpus_ceiling`).

    Args:
        progress: called with a line of text after each render.

    Returns:
        One table a source: "render", and "ceiling" if there is one.

    Raises:
        FailureError: the wanted ear is not installed.
        ValueError: a sound is too short.
    """
    tables = []
    for source, items in (("render", renders), ("ceiling", ceiling)):
        measured: list[tuple[Render, Measures]] = []
        for item in items:
            audio, rate = load(item)
            found = measure(audio, rate, item.chart, item.tempo, swing=item.swing, offset=item.offset, ear=ear, trackers=trackers)
            measured.append((item, found))
            if progress is not None:
                progress(f"{source} {item.name}: fit {found.harmony.fit:.2f}, other orders {found.harmony.shuffled:.2f}")
        if measured:
            rows = [_row(item, found, measured) for item, found in measured]
            tables.append(Table(source, rows, summarise(rows)))
    return tables


def _row(item: Render, found: Measures, everybody: Sequence[tuple[Render, Measures]]) -> dict[str, Any]:
    harmony, grid = found.harmony, found.grid
    row: dict[str, Any] = {
        "name": item.name,
        "ear": found.ear,
        "fit": harmony.fit,
        "fit_chance": harmony.chance,
        "fit_shuffled": harmony.shuffled,
        "fit_other_keys": harmony.transposed,
        "fit_other_charts": _fit_of_other_charts(item, found.energy, [other.chart for other, _ in everybody]),
        "fit_scale": harmony.scale,
        "fit_chroma": found.harmony_of_chroma.fit,
        "fit_chroma_shuffled": found.harmony_of_chroma.shuffled,
        "key_right": float(harmony.key_rank == 0) if np.isfinite(harmony.fit) else float("nan"),
        "beats_shuffled": 1.0 - harmony.shuffle_rank,
        "bass": harmony.bass,
        "bass_other_keys": harmony.bass_transposed,
        "tempo_asked": found.tempo_asked,
        "tempo_kept_error": abs(found.tempo_kept / found.tempo_asked - 1) * 100,
        "grid_ms": grid.deviation_ms,
        "grid_chance_ms": grid.chance_ms,
        "within_30_ms": grid.within_30_ms,
        "lag_ms": grid.lag_ms,
        "swing_heard": grid.swing,
        "onsets_per_beat": grid.onsets / found.beats,
        "level_db": found.level_db,
    }
    for estimate in found.tempos:
        key = estimate.method.split()[0].lower()
        error = tempo_error(estimate.tempo, found.tempo_asked)
        row[f"tempo_{key}"] = estimate.tempo
        row[f"tempo_{key}_right"] = float(abs(error.raw) < 0.04)
        row[f"tempo_{key}_right_folded"] = float(abs(error.folded) < 0.04)
        row[f"tempo_{key}_error_folded"] = abs(error.folded) * 100
    return row


def _fit_of_other_charts(item: Render, energy: Doubles, charts: Sequence[Chart]) -> float:
    """Mean fit of the other charts to this sound: none of them was asked here."""
    total = energy.sum()
    others = {chart.text(): chart for chart in charts if chart.text() != item.chart.text()}
    if total <= 0 or not others:
        return float("nan")
    return float(np.mean([(energy * chord_masks(c, len(energy) // SLOTS)).sum() / total for c in others.values()]))


def summarise(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean and 95 % bootstrap interval of every measure that is a number; what could not be measured is left out."""
    out = {}
    rng = np.random.default_rng(0)
    for key in dict.fromkeys(key for row in rows for key in row):
        values = np.array([row[key] for row in rows if isinstance(row.get(key), float)])
        values = values[np.isfinite(values)]
        if len(values):
            means = values[rng.integers(0, len(values), (BOOTSTRAPS, len(values)))].mean(axis=1)
            low, high = np.percentile(means, [2.5, 97.5])
            out[key] = {"mean": float(values.mean()), "low": float(low), "high": float(high), "n": len(values)}
    return out


def to_markdown(tables: Sequence[Table]) -> str:
    """The summaries side by side."""
    keys = list(dict.fromkeys(key for table in tables for key in table.summary))
    lines = ["| measure | " + " | ".join(t.source for t in tables) + " |", "|---|" + "---|" * len(tables)]
    for key in keys:
        cells = []
        for table in tables:
            s = table.summary.get(key)
            cells.append("" if s is None else f"{s['mean']:.3g} ({s['low']:.3g} to {s['high']:.3g})")
        lines.append(f"| {key} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
