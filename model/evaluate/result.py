"""What a kind of evaluation found, as JSON and as a page of Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from model.metrics.plain import plain
from model.metrics.renders import Table, summarise, to_markdown

SHOWN: Final = (
    "fit", "fit_shuffled", "fit_other_keys", "fit_other_charts", "key_right", "bass", "bass_other_keys", "tempo_kept_error",
    "tempo_beatnet_right", "tempo_beatnet_right_folded", "grid_ms", "grid_chance_ms", "onsets_per_beat", "level_db",
)  # fmt: skip
"""Measures of the first table; see model.metrics.renders for all."""


@dataclass
class Result:
    """Measures of one kind."""

    about: str
    """How to read it."""
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By source, a row a case; floats are averaged over the rows."""
    figures: dict[str, float] = field(default_factory=dict)
    """What is not a mean over cases."""
    skipped: tuple[str, ...] = ()
    """What could not be measured, and why."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; what is not finite becomes None."""
        summary = {source: summarise(rows) for source, rows in self.rows.items()}
        found = {"about": self.about, "summary": summary, "figures": self.figures, "skipped": list(self.skipped), "rows": self.rows}
        return dict(plain(found))


def to_page(known: Mapping[str, Any]) -> str:
    """All that is known: what `evaluation.json` holds, as tables. Means have their 95 % bootstrap interval in brackets."""
    judged = {name: found for name, found in known.items() if name != "run" and "about" not in found}
    lines = ["# Evaluation", ""]
    if "run" in known:
        run = known["run"]
        lines += [", ".join(f"{name} {value}" for name, value in run.items() if name != "seconds"), ""]
    if judged:
        tables = [Table(name, [], {key: found[key] for key in SHOWN if key in found}) for name, found in judged.items()]
        lines += ["## Harmony, tempo, grid", "", to_markdown(tables), ""]
    for name, found in known.items():
        if name == "run" or "about" not in found:
            continue
        lines += [f"## {name}", "", found["about"], ""]
        lines += [f"Not measured: {line}\n" for line in found["skipped"]]
        tables = [Table(source, [], summary) for source, summary in found["summary"].items() if summary]
        if tables:
            lines += [to_markdown(tables), ""]
        if found["figures"]:
            lines += ["| figure | |", "|---|---|"]
            lines += [f"| {key} | {'' if value is None else format(value, '.4g')} |" for key, value in found["figures"].items()]
            lines.append("")
    return "\n".join(lines)
