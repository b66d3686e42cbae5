"""Kind `turns`: how soon and how far the band follows a knob that is turned while it plays."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from jamd.contract.clock import Clock
from jamd.contract.units import PARTS
from model.corpus.notes import Notes
from model.evaluate.bench import Bench, Case, notes_of
from model.evaluate.plans import chorus_case
from model.evaluate.result import Result
from model.generator.performer import Performer
from model.generator.situation import Situation
from model.style.words import Style

LOW, HIGH = 0.2, 0.8
CHANGE: Final = 16
"""Bar from which the knob stands at its other value: by then the band has settled."""
BARS: Final = 32
WINDOWS: Final = {
    "bars 9 to 16 before": (8, 16), "bars 1 to 2 after": (16, 18), "bars 3 to 4 after": (18, 20), "bars 5 to 8 after": (20, 24),
    "bars 9 to 16 after": (24, 32),
}  # fmt: skip
KNOBS: Final = {
    "density": "notes a beat", "energy": "mean velocity", "register of the piano": "mean pitch", "register of the horn": "mean pitch",
}  # fmt: skip
_PIANO, _HORN = PARTS.index("piano"), PARTS.index("horn")


def plan_turned(bench: Bench, case: Case, knob: str, values: tuple[float, float], seed: int) -> Notes:
    """`BARS` bars planned for all parts; from bar `CHANGE` on the knob has its second value, as when it is turned there."""
    per_bar = case.chart.beats_per_bar
    situation = Situation(clock=Clock.started(0, case.tempo, per_bar), charts=[(0, case.chart)], style=Style(case.feel))
    performer = Performer(bench.models, situation, 0, seed)
    performer.set_sampling(bench.sampling.temperature, bench.sampling.top_p, bench.sampling.guidance)
    for value, begin, end in zip(values, (0, CHANGE), (CHANGE, BARS), strict=True):
        setattr(situation, knob, value)
        performer.replan(begin * per_bar)
        performer.plan_until(end * per_bar)
    return notes_of([note for note in performer.plan.notes if note.beat < BARS * per_bar], case.tempo)


def level(name: str, notes: Notes, begin: float, end: float) -> float:
    """What follows a knob of KNOBS, between two beats; not a number where nothing is played that could."""
    heard = notes[(notes["beat"] >= begin) & (notes["beat"] < end)]
    if name == "density":
        return len(heard) / (end - begin)
    if name == "energy":
        return float(heard["velocity"].mean()) if len(heard) else float("nan")
    mine = heard[heard["part"] == (_PIANO if name.endswith("piano") else _HORN)]
    return float(mine["pitch"].mean()) if len(mine) else float("nan")


def apart(name: str, up: Notes, down: Notes, per_bar: int) -> dict[str, float]:
    """By window: how far the run whose knob goes up lies above the one whose knob goes down, as it should; before the turn below it."""
    out = {}
    for window, (begin, end) in WINDOWS.items():
        risen, fallen = (level(name, notes, begin * per_bar, end * per_bar) for notes in (up, down))
        out[window] = (risen - fallen) * (1 if begin >= CHANGE else -1)
    return out


def measure_turns(bench: Bench) -> Result:
    """Each knob up and down on some charts, beside the corpus' band told the same."""
    result = Result(
        f"{BARS} bars for all parts, the knob at {LOW:g} and from bar {CHANGE + 1} on at {HIGH:g}, and the other way round: by how much"
        f" the two runs differ, the one that is told more less the other ({', '.join(f'{name}: {unit}' for name, unit in KNOBS.items())})."
        " `band`: the corpus' band told the same, which turns at once. Below, the model's differences as shares of the band's."
    )
    rows: dict[str, list[dict[str, Any]]] = {}
    for index in range(min(bench.some, len(bench.cases))):
        case = chorus_case(index, BARS, 1)
        per_bar = case.chart.beats_per_bar
        turned: dict[tuple[str, str], list[Notes]] = {}
        for knob in ("density", "energy", "register"):
            for values in ((LOW, HIGH), (HIGH, LOW)):
                bars = np.repeat(np.array(values, np.float32), (CHANGE, BARS - CHANGE))
                given: dict[str, Any] = {knob: bars, "parts": [True] * len(PARTS)}
                turned.setdefault(("model", knob), []).append(plan_turned(bench, case, knob, values, index + 1))
                turned.setdefault(("band", knob), []).append(bench.corpus_piece(case, **given).notes)
        for name in KNOBS:
            for who in ("model", "band"):
                up, down = turned[who, name.split()[0]]
                found = apart(name, up, down, per_bar)
                rows.setdefault(name if who == "model" else f"band, {name}", []).append({"name": str(index), **found})
        bench.progress(f"turns {index}")
    result.rows = rows
    for name in KNOBS:
        for window in WINDOWS:
            own, band = (np.nanmean([row[window] for row in rows[key]]) for key in (name, f"band, {name}"))
            result.figures[f"{name}, {window}"] = float(own / band)
    return result
