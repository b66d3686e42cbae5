"""Kind `knobs`: density against the planned note rate, energy against the measured loudness, five values each.

Beside the model the rule-based band that it learnt from, told the same: what follows in its audio is as much as a listener finds at all.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np

from jamd.contract.units import PARTS, SAMPLE_RATE
from model.corpus.notes import Notes
from model.corpus.render import render_mix
from model.evaluate.bench import Bench, Case, Played
from model.evaluate.plans import chorus_case, plan
from model.evaluate.result import Result
from model.metrics import transcribe
from model.metrics.knobs import follow, note_rate
from model.metrics.loudness import loudness

VALUES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
CHORUS: Final = {"density": "notes a beat in a chorus", "energy": "mean velocity in a chorus", "register": "mean pitch in a chorus"}
DRUMS: Final = PARTS.index("drums")


def _measures(knob: str, played: Played, tempo: float) -> dict[str, float]:
    """What should follow a knob: by the plan, and by what is heard."""
    beats = len(played.audio) / SAMPLE_RATE * tempo / 60.0
    if knob == "density":
        found = {
            "planned notes a beat": len(played.notes) / beats,
            "heard onsets a beat": note_rate(played.audio, SAMPLE_RATE) * 60.0 / tempo,
        }
        if transcribe.available():
            found["heard notes a beat"] = len(transcribe.transcribe(played.audio, SAMPLE_RATE)) / beats
        return found
    velocity = float(played.notes["velocity"].mean()) if len(played.notes) else float("nan")
    return {"planned velocity": velocity, "loudness, LUFS": loudness(played.audio, SAMPLE_RATE)}


def _band(bench: Bench, case: Case, knob: str, value: float) -> Played:
    """The rule-based band."""
    given: dict[str, Any] = {knob: value}
    piece = bench.corpus_piece(case, **given)
    return Played(render_mix(piece), piece.notes)


Rows = dict[str, list[dict[str, Any]]]


def _add(rows: Rows, name: str, case: str, values: list[float]) -> None:
    """A case's row: what was measured at each of VALUES. Fewer than three measures are none."""
    if np.isfinite(values).sum() < 3:
        return
    own = follow(list(zip(VALUES, values, strict=True)))
    rises = float(np.mean([two >= one for one, two in pairwise(values)]))
    rows.setdefault(name, []).append(
        {"name": case, "spearman": own.spearman, "monotone": float(own.monotone), "rising_steps": rises,
         "from_0_to_1": values[-1] - values[0], "values": values}
    )  # fmt: skip


def _together(rows: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """Pairs of all cases, each case less its own mean."""
    return [(value, one - np.nanmean(row["values"])) for row in rows for value, one in zip(VALUES, row["values"], strict=True)]


def _in_chorus(knob: str, notes: Notes, beats: int) -> float:
    """What follows a knob in a plan."""
    if knob == "density":
        return len(notes) / beats
    shown = notes["velocity"] if knob == "energy" else notes["pitch"][notes["part"] != DRUMS]
    return float(shown.mean()) if len(shown) else float("nan")


def _choruses(bench: Bench, rows: Rows) -> None:
    """The plans of a whole chorus of 32 bars: what a clip has of them is chance in part."""
    everybody: dict[str, bool] = dict.fromkeys(PARTS, True)
    for index in range(min(bench.some, len(bench.cases))):
        case = chorus_case(index, turns=1)
        for knob, name in CHORUS.items():
            own, band = [], []
            for value in VALUES:
                own.append(_in_chorus(knob, plan(bench, case, everybody, index + 1, knob=(knob, value)), case.chart.beats))
                given: dict[str, Any] = {knob: value, "parts": [True] * len(PARTS)}
                band.append(_in_chorus(knob, bench.corpus_piece(case, **given).notes, case.chart.beats))
            _add(rows, f"{knob}: {name}", f"chorus {index}", own)
            _add(rows, f"band, {knob}: {name}", f"chorus {index}", band)
        bench.progress(f"knobs, chorus {index}")


def measure_knobs(bench: Bench) -> Result:
    """Spearman by case and over all cases (each case's mean taken off), and how many cases never fall."""
    result = Result(
        "Five values of a knob on the same chart with the same seed. By case: Spearman's correlation, whether the measure never falls from"
        " one value to the next (`monotone`), share of the four steps that rise, and how far it goes from 0 to 1. Below: all cases"
        " together, each less its own mean. `band`: the rule-based band that the model learnt from, told the same. Notes are heard by"
        " basic-pitch. In a chorus: the plan of 32 bars for all four parts; a clip has 8 s of three."
    )
    for whole in bench.cases[: bench.some]:
        case = whole.lasting(bench.clip_s)
        middle = bench.play(bench.request(case))
        for knob in ("density", "energy"):
            measured: dict[str, list[float]] = {}
            for value in VALUES:
                played = middle if value == 0.5 else bench.play(bench.request(case, **{knob: value}))
                for who, heard in ((knob, played), (f"band, {knob}", _band(bench, case, knob, value))):
                    for name, one in _measures(knob, heard, case.tempo).items():
                        measured.setdefault(f"{who}: {name}", []).append(one)
            for name, values in measured.items():
                _add(result.rows, name, str(case.index), values)
        bench.progress(f"knobs {case.index}: " + ", ".join(f"{name} {rows[-1]['spearman']:.2f}" for name, rows in result.rows.items()))
    _choruses(bench, result.rows)
    for name, rows in result.rows.items():
        knob_found = follow(_together(rows))
        result.figures |= {f"{name}, Spearman": knob_found.spearman, f"{name}, chance": knob_found.chance}
        for value, median in zip(knob_found.values, knob_found.medians, strict=True):
            result.figures[f"{name}, median at {value:g}"] = median
    return result
