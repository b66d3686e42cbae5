"""Kind `variations`: four seeds of the same clip are four performances, and each fits as well."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Final

import numpy as np

from jamd.contract.units import SAMPLE_RATE
from model.corpus.notes import Notes
from model.evaluate.bench import Bench, Floats
from model.evaluate.result import Result
from model.metrics.distances import log_mel_l1
from model.metrics.measure import measure

SEEDS: Final = 4
GRID: Final = 12
"""Places a beat that count as the same time."""


def differing(one: Notes, two: Notes) -> float:
    """Share of the notes of both (part, pitch, twelfth of a beat) that only one of them has; nan without notes."""
    a, b = (
        {(int(n["part"]), int(n["pitch"]), round(float(n["beat"]) * GRID)) for n in notes} for notes in (one, two)
    )  # fmt: skip
    return 1.0 - len(a & b) / len(a | b) if a | b else float("nan")


def _apart(one: Floats, two: Floats) -> float:
    count = min(len(one), len(two))
    return log_mel_l1(one[:count], two[:count], SAMPLE_RATE)


def measure_variations(bench: Bench) -> Result:
    """Pairs of seeds by case; other charts for scale; fit of each seed to the chart."""
    result = Result(
        f"{SEEDS} seeds of the same clip. By pair of seeds: share of planned notes that only one has, log-mel L1 (natural logarithm)."
        " By case: mean fit to the chart over the seeds, and the best seed's fit less the worst's. `other cases`: clips of other charts."
    )
    rows: dict[str, list[dict[str, Any]]] = {}
    firsts: list[Floats] = []
    for whole in bench.cases[: bench.some]:
        case = whole.lasting(bench.clip_s)
        takes = [bench.play(bench.request(case, seed=100 * (case.index + 1) + seed)) for seed in range(SEEDS)]
        for one, two in combinations(range(SEEDS), 2):
            a, b = takes[one], takes[two]
            row = {"name": f"{case.index} {one} {two}", "notes_differ": differing(a.notes, b.notes), "log_mel_l1": _apart(a.audio, b.audio)}
            rows.setdefault("pairs of seeds", []).append(row)
        fits = [measure(take.audio, SAMPLE_RATE, case.chart, case.tempo, trackers=False).harmony.fit for take in takes]
        known = [fit for fit in fits if np.isfinite(fit)] or [float("nan")]
        row = {"name": str(case.index), "fit": float(np.mean(known)), "fit_range": max(known) - min(known), "fits": fits}
        rows.setdefault("cases", []).append(row)
        firsts.append(takes[0].audio)
        bench.progress(f"variations {case.index}: fit {row['fit']:.2f}, apart by {row['fit_range']:.2f}")
    for one, two in combinations(range(len(firsts)), 2):
        rows.setdefault("other cases", []).append({"name": f"{one} {two}", "log_mel_l1": _apart(firsts[one], firsts[two])})
    pairs = [row["notes_differ"] for row in rows.get("pairs of seeds", [])]
    if pairs:
        result.figures["least difference of two seeds"] = float(np.min(pairs))
    result.rows = rows
    return result
