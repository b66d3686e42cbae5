"""What was found, as Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from model.experiments.material import names
from model.experiments.variants import TABLES


def results(out: Path) -> list[dict[str, Any]]:
    """Every row that is done."""
    found = (path for name in names() for path in sorted((out / name).glob("*.json")))
    return [json.loads(path.read_text()) for path in found if not path.name.startswith(".")]


def _mean(values: Iterable[Any]) -> float:
    known = [float(value) for value in values if value is not None and math.isfinite(float(value))]
    return sum(known) / len(known) if known else math.nan


def _cell(value: float, form: str = ".3f") -> str:
    return format(value, form) if math.isfinite(value) else "–"


def _row(name: str, found: list[dict[str, Any]]) -> list[str]:
    def loss(network: str) -> float:
        return _mean(one["held_out"][network][1] / one["held_out"][network][0] for one in found if network in one["held_out"])

    def distance(key: str) -> float:
        return _mean(one["evaluation"]["distance"].get("variant", {}).get(key) for one in found)

    def mean(key: str) -> float:
        return _mean(one[key] for one in found)

    return [
        name, str(len(found)), _cell(mean("clips"), ".0f"), f"{mean('parameters'):,.0f}", _cell(mean("minutes"), ".1f"),
        _cell(mean("memory_mb"), ".0f"), _cell(mean("real_time_factor"), ".2f"), _cell(loss("player")), _cell(loss("planner")),
        _cell(distance("value"), ".2f"), f"{_cell(distance('low'), '.2f')} to {_cell(distance('high'), '.2f')}",
    ]  # fmt: skip


HEAD = [
    "",
    "players",
    "clips",
    "numbers that train",
    "minutes",
    "memory MB",
    "real-time factor",
    "player's loss",
    "planner's loss",
    "distance",
    "95 %",
]


def to_page(rows: list[dict[str, Any]]) -> str:
    """Losses on held-out playing and distances to the player are shares of the base's: below 1 is nearer."""
    lines = []
    for table, wanted in TABLES.items():
        lines += [f"### By {table}", "", "| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
        base = [one for one in rows if one["variant"] in {variant.name for variant in wanted}]
        if base:
            factor = _cell(_mean(one["base_real_time_factor"] for one in base), ".2f")
            lines.append("| " + " | ".join(["base", "", "", "0", "0", "0", factor, "1", "1", "1", ""]) + " |")
        for variant in wanted:
            found = [one for one in rows if one["variant"] == variant.name]
            if found:
                lines.append("| " + " | ".join(_row(variant.name, found)) + " |")
        lines.append("")
    players = sorted({one["persona"] for one in rows})
    steps = sorted({one["steps"] for one in rows})
    samples = sorted({one["samples"] for one in rows})
    lines.append(f"Players: {', '.join(players)}. Steps: {', '.join(map(str, steps))}. Samples of each: {', '.join(map(str, samples))}.")
    return "\n".join(lines) + "\n"
