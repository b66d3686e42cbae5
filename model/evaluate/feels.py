"""Kind `feels`: does the planner play the feel that it is told, from the first bar on, and another one when the style changes?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from jamd.contract.clock import Clock
from model.corpus.notes import Notes
from model.evaluate.bench import TRIO, Bench, Case, notes_of
from model.evaluate.plans import chorus_case
from model.evaluate.result import Result
from model.generator.performer import Performer
from model.generator.situation import Situation
from model.metrics.feel import Profile, nearest, profile
from model.style.words import Style

SAID: Final = {"swing": "swing", "bossa": "bossa nova", "funk": "funk", "ballad": "ballad"}
"""Feels that are asked for, and in which words."""
CHANGE: Final = 8
"""Bar from which the other feel is asked for."""
BARS: Final = 24
WINDOWS: Final = {
    "told at the start, bars 1 to 4": (0, 4), "bars 5 to 8": (4, 8), "told another, bars 1 to 4 after": (8, 12),
    "bars 5 to 8 after": (12, 16), "bars 9 to 16 after": (16, 24),
}  # fmt: skip
KNOWN: Final = 4
"""Pieces of the corpus' band that say what a feel is on a chart and at a tempo."""


def plan_two(bench: Bench, case: Case, first: Style, second: Style, seed: int) -> Notes:
    """`BARS` bars planned; from bar `CHANGE` on, the second style is asked for, as when it is said while the band plays."""
    per_bar = case.chart.beats_per_bar
    situation = Situation(clock=Clock.started(0, case.tempo, per_bar), charts=[(0, case.chart)], parts=dict(TRIO), style=first)
    performer = Performer(bench.models, situation, 0, seed)
    performer.set_sampling(bench.sampling.temperature, bench.sampling.top_p, bench.sampling.guidance)
    for style, begin, end in ((first, 0, CHANGE), (second, CHANGE, BARS)):
        situation.style = style
        performer.replan(begin * per_bar)
        performer.plan.set_style(style.embedding)
        performer.plan_until(end * per_bar)
    return notes_of([note for note in performer.plan.notes if note.beat < BARS * per_bar], case.tempo)


def _known(bench: Bench, case: Case) -> dict[str, list[Profile]]:
    out: dict[str, list[Profile]] = {}
    for feel in SAID:
        for index in range(KNOWN + 1):
            made = bench.corpus_piece(Case(case.index + 1000 * (index + 1), case.chart, case.tempo, feel, BARS))
            out.setdefault(feel, []).append(profile(made.notes, case.chart.beats_per_bar, 0, BARS * case.chart.beats_per_bar))
    return out


def measure_feels(bench: Bench) -> Result:
    """Every ordered pair of feels on some charts."""
    result = Result(
        f"{BARS} bars of a trio planned in one feel, and from bar {CHANGE + 1} on told another, each pair of {', '.join(SAID)}:"
        " share of the windows whose drums, bass and piano strike where the corpus' band does in the feel that is told, not in one of"
        " the others. `words`: as a style says it, embedding included; `feel alone`: without. `band`: the corpus' band in one feel."
    )
    rows: dict[str, list[dict[str, Any]]] = {}
    for index in range(min(bench.some, len(bench.cases))):
        case = chorus_case(index)
        per_bar = case.chart.beats_per_bar
        known = _known(bench, case)
        means: Mapping[str, list[Profile]] = {feel: found[:KNOWN] for feel, found in known.items()}
        for feel, found in known.items():
            heard = nearest(found[-1], means)
            rows.setdefault("band", []).append({"name": f"{index} {feel}", **dict.fromkeys(WINDOWS, float(heard == feel))})
        said = {feel: bench.models.read_style(words) for feel, words in SAID.items()}
        for kind, styles in (("words", said), ("feel alone", {feel: Style(feel) for feel in SAID})):
            for seed, (one, other) in enumerate((one, other) for one in SAID for other in SAID if one != other):
                notes = plan_two(bench, case, styles[one], styles[other], 100 * index + seed + 1)
                row: dict[str, Any] = {"name": f"{index} {one} to {other}"}
                for name, (begin, end) in WINDOWS.items():
                    heard = nearest(profile(notes, per_bar, begin * per_bar, end * per_bar), means)
                    row[name] = float(heard == (one if begin < CHANGE else other))
                rows.setdefault(kind, []).append(row)
        shares = {name: np.mean([row[name] for row in rows["words"] + rows["feel alone"]]) for name in WINDOWS}
        bench.progress(f"feels {index}: " + ", ".join(f"{name} {share:.2f}" for name, share in shares.items()))
    result.rows = rows
    return result
