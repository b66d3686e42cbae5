"""Kinds `model`, `corpus` and `codec`: harmony, tempo and grid of the cases' renders by ears that know nothing of the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.evaluate.bench import Bench, Case
from model.metrics.renders import Render, evaluate_renders

CODEC_LEVELS = (4, 8)


def judge(bench: Bench, source: str, paths: Sequence[Path]) -> dict[str, Any]:
    """All measures over the renders of the cases, by name: mean, low, high, n."""
    renders = [_render(f"{source} {case.index}", case, path) for case, path in zip(bench.cases, paths, strict=True)]
    return evaluate_renders(renders, progress=bench.progress)[0].summary if renders else {}


def _render(name: str, case: Case, path: Path) -> Render:
    return Render(name, path, case.chart, case.tempo, bars=case.bars)


def judge_model(bench: Bench) -> dict[str, dict[str, Any]]:
    return {"model": judge(bench, "model", [bench.model_file(case) for case in bench.cases])}


def judge_corpus(bench: Bench) -> dict[str, dict[str, Any]]:
    return {"corpus": judge(bench, "corpus", [bench.corpus_file(case) for case in bench.cases])}


def judge_codec(bench: Bench) -> dict[str, dict[str, Any]]:
    out = {}
    for levels in CODEC_LEVELS:
        if levels <= bench.models.codec.config.levels:
            source = f"corpus through the codec, {levels} levels"
            out[source] = judge(bench, source, [bench.corpus_file(case, levels) for case in bench.cases])
    return out
