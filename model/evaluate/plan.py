"""Kind `plan`: does the planner write as well after ten minutes as in the first? Stretch by stretch, beside the corpus' band."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from jamd.contract.units import PARTS
from model.corpus.notes import Notes
from model.evaluate.bench import Bench, Case
from model.evaluate.plans import chorus_case, plan
from model.evaluate.result import Result
from model.metrics.chord_fit import beat_chroma_of_notes, measure_fit
from model.metrics.heard import heard_from_score
from model.metrics.similarity import phrases

TUNED: Final = ("piano", "bass", "horn")
STRETCHES_S: Final = (0.0, 15.0, 60.0, 180.0, 360.0)
"""Where stretches begin; the last one ends with the plan."""


def _measures(notes: Notes, case: Case, first: int, beats: int) -> dict[str, float]:
    """Of some beats from `first` on, which is where a chorus begins."""
    begin, end = first * 60.0 / case.tempo, (first + beats) * 60.0 / case.tempo
    here = notes[(notes["start"] >= begin - 1e-6) & (notes["start"] < end - 1e-6)]
    row: dict[str, float] = {"notes a beat": len(here) / beats}
    for part in TUNED:
        own = here[here["part"] == PARTS.index(part)]
        found = measure_fit(beat_chroma_of_notes(heard_from_score(own), case.tempo, begin, beats), case.chart)
        row |= {f"{part}: chord tones": found.fit, f"{part}: chord's scale": found.scale, f"{part}: notes a beat": len(own) / beats}
    row["drums: notes a beat"] = float((here["part"] == PARTS.index("drums")).sum()) / beats
    row["velocity, deviation"] = float(here["velocity"].std()) if len(here) else float("nan")
    horn = here[here["part"] == PARTS.index("horn")]
    if len(horn):
        row["horn: notes a phrase"] = float(np.median(phrases(horn).notes))
    return row


def measure_plan(bench: Bench) -> Result:
    """Every stretch begins with a chorus; the corpus' band plays one chorus after the other, each made anew."""
    result = Result(
        f"The planner alone for {bench.long_s:g} s with all four parts, on swing charts of 32 bars. Chord tones and chord's scale: share of"
        " a part's note time on them. A stretch is the whole choruses that begin at or after its time and before the next one's."
        " The corpus' band plays each chart twice through."
    )
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in (*(f"model, from {begin:g} s" for begin in STRETCHES_S), "corpus")}
    for index in range(min(bench.some, len(bench.cases))):
        form = chorus_case(index)
        beats = form.chart.beats
        case = form.lasting(bench.long_s, form.bars)
        notes = plan(bench, case, dict.fromkeys(PARTS, True), index + 1)
        starts = np.arange(0, case.bars * case.chart.beats_per_bar - beats + 1, beats)
        stretch = np.searchsorted(STRETCHES_S, starts * 60.0 / case.tempo + 1e-6, side="right") - 1
        for number, begin in enumerate(STRETCHES_S):
            for start in starts[stretch == number]:
                row = _measures(notes, case, int(start), beats)
                rows[f"model, from {begin:g} s"].append({"name": f"{index}, beat {start}", **row})
        whole = bench.corpus_piece(form, parts=[True] * len(PARTS)).notes
        for start in range(0, form.bars * form.chart.beats_per_bar, beats):
            rows["corpus"].append({"name": f"{index}, beat {start}", **_measures(whole, form, start, beats)})
        bench.progress(f"plan {index}: {len(notes)} notes")
    result.rows = {source: table for source, table in rows.items() if table}
    return result
