"""A comparison as a plain table."""

from __future__ import annotations

import math
from typing import Final

from model.evaluate.personal.compare import Comparison
from model.evaluate.personal.draws import Estimate
from model.evaluate.personal.measures import Measure

BETTER: Final = {"lower": "less is nearer", "higher": "more is better", "near": "as the player's"}


def number(value: float) -> str:
    """Three places that count; nothing where it is not known."""
    if not math.isfinite(value):
        return ""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def cell(found: Estimate) -> str:
    """A value with its interval."""
    if not math.isfinite(found.value):
        return "-"
    return f"{number(found.value)} ({number(found.low)} to {number(found.high)})"


def verdict(measure: Measure, player: Estimate, base: Estimate, other: Estimate, change: Estimate) -> str:
    """Better or worse than the base; only with more certainty than 95 % without a question mark."""
    if not (math.isfinite(change.value) and math.isfinite(base.value)):
        return ""
    if measure.better == "near":
        if not math.isfinite(player.value):
            return ""
        gain = abs(base.value - player.value) - abs(other.value - player.value)
    else:
        gain = change.value if measure.better == "higher" else -change.value
    if gain == 0:
        return "same"
    sure = change.low > 0 or change.high < 0
    return ("better" if gain > 0 else "worse") + ("" if sure else "?")


def to_table(found: Comparison) -> str:
    """Rows by measure: the player another time, every player of the comparison, and what the last one is beside the base."""
    base, *others = found.players
    head = ["measure", "", "the player", *found.players, *(f"{name} is" for name in others), ""]
    rows = [head]
    for one in found.measures:
        name = one.name
        cells = [cell(found.values[player][name]) for player in found.players]
        said = [
            verdict(one, found.floors[name], found.values[base][name], found.values[other][name], found.changes[other][name])
            for other in others
        ]
        rows.append([name, one.unit, cell(found.floors[name]), *cells, *said, BETTER[one.better]])
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*lines, "", *_summary(found), *found.about, *(f"left out: {line}" for line in found.skipped)])


def _summary(found: Comparison) -> list[str]:
    base = found.players[0]
    if not found.terms:
        return ["no distance to the player: nothing that counts in it could be measured"]
    if not found.distances:
        return [f"no distance to the player: {base} is as near as the player another time"]
    lines = []
    for name, one in found.distances.items():
        left = ", ".join(f"{term} {number(value)}" for term, value in found.terms[name].items())
        lines += [f"distance to the player, {base} being 1: {name} {cell(one)}", f"  what is left by term: {left}"]
    return lines
