"""Kind `knobs`: density against the planned note rate, energy against the measured loudness, five values each.

Beside the model the rule-based band that it learnt from, told the same: what follows in its audio is as much as a listener finds at all.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np

from jamd.contract.units import SAMPLE_RATE
from model.corpus.render import render_mix
from model.evaluate.bench import Bench, Case, Played
from model.evaluate.result import Result
from model.metrics import transcribe
from model.metrics.knobs import follow, note_rate
from model.metrics.loudness import loudness

VALUES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


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


def measure_knobs(bench: Bench) -> Result:
    """Spearman by case and over all cases (each case's mean taken off), and how many cases never fall."""
    result = Result(
        "Five values of a knob on the same chart with the same seed. By case: Spearman's correlation, whether the measure never falls from"
        " one value to the next (`monotone`), share of the four steps that rise, and how far it goes from 0 to 1. Below: all cases"
        " together, each less its own mean. `band`: the rule-based band that the model learnt from, told the same. Notes are heard by"
        " basic-pitch."
    )
    pairs: dict[str, list[tuple[float, float]]] = {}
    rows: dict[str, list[dict[str, Any]]] = {}
    for whole in bench.cases[: bench.some]:
        case = whole.lasting(bench.clip_s)
        middle = bench.play(bench.request(case))
        for knob in ("density", "energy"):
            found: dict[str, list[float]] = {}
            for value in VALUES:
                played = middle if value == 0.5 else bench.play(bench.request(case, **{knob: value}))
                for who, heard in ((knob, played), (f"band, {knob}", _band(bench, case, knob, value))):
                    for name, measured in _measures(knob, heard, case.tempo).items():
                        found.setdefault(f"{who}: {name}", []).append(measured)
            for name, values in found.items():
                if np.isfinite(values).sum() < 3:
                    continue
                own = follow(list(zip(VALUES, values, strict=True)))
                rises = float(np.mean([two >= one for one, two in pairwise(values)]))
                rows.setdefault(name, []).append(
                    {"name": str(case.index), "spearman": own.spearman, "monotone": float(own.monotone), "rising_steps": rises,
                     "from_0_to_1": values[-1] - values[0], "values": values}
                )  # fmt: skip
                mean = float(np.mean([one for one in values if np.isfinite(one)]))
                pairs.setdefault(name, []).extend((value, one - mean) for value, one in zip(VALUES, values, strict=True))
        bench.progress(f"knobs {case.index}: " + ", ".join(f"{name} {found[-1]['spearman']:.2f}" for name, found in rows.items()))
    result.rows = rows
    for name, both in pairs.items():
        knob_found = follow(both)
        result.figures |= {f"{name}, Spearman": knob_found.spearman, f"{name}, chance": knob_found.chance}
        for value, median in zip(knob_found.values, knob_found.medians, strict=True):
            result.figures[f"{name}, median at {value:g}"] = median
    return result
