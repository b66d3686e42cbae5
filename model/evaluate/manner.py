"""Kind `manner`: does the planner play behind the beat, legato, or in fourths when told to? Beside the corpus' band, told the same."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import numpy as np

from jamd.contract.units import PARTS
from model.corpus.manner import Manner
from model.evaluate.bench import Bench
from model.evaluate.plans import chorus_case, plan
from model.evaluate.result import Result
from model.generator.situation import auto_swing
from model.metrics.manner import measure_manner
from model.style.words import Style, read_style

TOLD: Final = (
    ("behind the beat", "", "lateness", 1), ("on top of the beat", "", "lateness", -1), ("legato", "", "length", 1),
    ("staccato", "", "length", -1), ("wide voicings", "close voicings", "span", 1), ("shell voicings", "", "chord_notes", -1),
    ("stacked fourths", "", "fourths", 1),
)  # fmt: skip
"""Words, those that take their place beside them (none: nothing said), the measure that they should move, and in which direction."""
SHOWN: Final = {
    "lateness": "lateness, beats", "length": "length, octaves", "span": "span, semitones", "chord_notes": "notes a chord",
    "fourths": "share of fourths",
}  # fmt: skip


def manner_of(style: Style) -> Manner:
    """A style's manner as the corpus' band takes it."""
    return Manner(**style.manner())


def _moved(name: str, told: float, untold: float) -> float:
    return float(np.log2(told / untold)) if name == "length" else told - untold


def measure_manners(bench: Bench) -> Result:
    """Two choruses of 32 bars a chart; what the words move, less the same seed's plan without them or with their opposite."""
    result = Result(
        "Two choruses of 32 bars planned with a style in a few words and without it (wide voicings: with close ones), same seed: how"
        " far the words move what they speak of, and the share of charts on which it moves their way. Lateness: of piano and horn behind"
        " the swung grid, less the drums'; length: of their notes, in powers of two; chords: the piano's. `band`: the corpus' band, told"
        " the same."
    )
    rows: dict[str, list[dict[str, Any]]] = {}
    everybody: dict[str, bool] = dict.fromkeys(PARTS, True)
    for index in range(min(bench.some, len(bench.cases))):
        case = chorus_case(index)
        swing = auto_swing(case.tempo, case.feel)
        found: dict[str, dict[str, dict[str, float]]] = {"model": {}, "band": {}}
        for words in dict.fromkeys(said for one, other, _, _ in TOLD for said in (one, other)):
            style = read_style(f"swing, {words}") if words else None
            found["model"][words] = asdict(measure_manner(plan(bench, case, everybody, index + 1, style), swing))
            made = bench.corpus_piece(case, parts=[True] * len(PARTS), manner=None if style is None else manner_of(style))
            found["band"][words] = asdict(measure_manner(made.notes, made.swing))
        for words, against, name, sign in TOLD:
            for source, heard in found.items():
                moved = _moved(name, heard[words][name], heard[against][name])
                row = {"name": str(index), SHOWN[name]: moved, "right way": float(moved * sign > 0)}
                rows.setdefault(f"{source}: {words}", []).append(row)
        bench.progress(f"manner {index}: " + ", ".join(f"{words} {rows[f'model: {words}'][-1]['right way']:.0f}" for words, *_ in TOLD))
    result.rows = rows
    return result
