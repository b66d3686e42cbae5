"""Plans without sound: two choruses of 32 bars with all parts, by the planner and by the corpus' band on the same charts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from jamd.contract.clock import Clock
from jamd.contract.units import PARTS
from model.corpus.notes import Notes, make_notes
from model.corpus.songs import make_chart
from model.corpus.sources import Solo
from model.evaluate.bench import FIRST_SEED, Bench, Case, notes_of
from model.generator.performer import Performer
from model.generator.situation import Situation
from model.style.words import Style

FORM_BARS: Final = 32
CHORUSES: Final = 2
CHORUS_SEED: Final = 500_000
"""Added to FIRST_SEED, so that charts and performances are no case's."""
HORN: Final = PARTS.index("horn")


@dataclass(frozen=True)
class Chorus:
    """The same chart planned by the model and by the corpus' band."""

    case: Case
    model: Notes
    corpus: Notes


def chorus_case(index: int, form: int = FORM_BARS, turns: int = CHORUSES) -> Case:
    """A swing chart of `form` bars in four, played `turns` times, at 120 to 220 bpm."""
    rng = np.random.default_rng([FIRST_SEED + CHORUS_SEED, index])
    tempo = float(np.round(rng.uniform(120, 220)))
    while True:
        chart = make_chart(rng, "swing")
        if chart.beats_per_bar == 4 and len(chart.bars) == form:
            return Case(CHORUS_SEED + index, chart, tempo, "swing", form * turns)


def plan(
    bench: Bench, case: Case, parts: dict[str, bool], seed: int, style: Style | None = None, knob: tuple[str, float] | None = None
) -> Notes:
    """The planner alone over all bars of a case.

    Args:
        style: without one it is told the case's feel.
        knob: density, energy or register, and its value; the others are in their middles.
    """
    clock = Clock.started(0, case.tempo, case.chart.beats_per_bar)
    situation = Situation(clock=clock, charts=[(0, case.chart)], parts=parts, style=style or Style(case.feel))
    if knob is not None:
        setattr(situation, *knob)
    performer = Performer(bench.models, situation, 0, seed)
    performer.set_sampling(bench.sampling.temperature, bench.sampling.top_p, bench.sampling.guidance)
    beats = case.bars * case.chart.beats_per_bar
    performer.plan_until(beats)
    return notes_of([note for note in performer.plan.notes if note.beat < beats], case.tempo)


def make_choruses(bench: Bench, count: int) -> list[Chorus]:
    """By seed; kept in `choruses.npz` for as long as weights and sampling are the same."""
    path, key = bench.out / "choruses.npz", f"{bench.digest} {bench.sampling}"
    kept = dict(np.load(path)) if path.is_file() else {}
    if str(kept.get("key", "")) != key:
        kept = {"key": np.array(key)}
    out = []
    for index in range(count):
        case, name = chorus_case(index), f"plan{index}"
        if name not in kept:
            kept[name] = plan(bench, case, dict.fromkeys(PARTS, True), index + 1)
            np.savez(path, **kept)  # type: ignore[arg-type]
            bench.progress(f"chorus {index}: {len(kept[name])} notes planned")
        out.append(Chorus(case, kept[name], bench.corpus_piece(case, parts=[True] * len(PARTS)).notes))
    return out


def notes_of_solo(solo: Solo) -> Notes:
    """A real solo as the horn's notes; an upbeat before the first bar is left out."""
    rows = [(HORN, pitch, float(velocity), beat, length) for _, pitch, velocity, beat, length in solo.notes if beat >= 0]
    return make_notes(rows, solo.tempo)
