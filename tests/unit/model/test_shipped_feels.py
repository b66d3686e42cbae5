"""The weights that ship play the feel that is asked for, also while they play another."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np

from jamd.contract.chart import parse_chart
from jamd.contract.clock import Clock
from model.evaluate import Bench, Case, turns
from model.evaluate.bench import TRIO
from model.evaluate.feels import BARS, CHANGE, SAID, plan_two
from model.evaluate.turns import HIGH, LOW, apart, plan_turned
from model.generator.performer import Performer
from model.generator.situation import Situation
from model.metrics.feel import nearest, profile
from model.style.words import Style

CASE = Case(0, parse_chart("| Dm7 | G7 | Cmaj7 | A7 | Fmaj7 | E7 | Am7 | D7 G7 |"), 140.0, "swing", BARS)


def test_another_feel_is_followed_while_the_band_plays(tmp_path: Path) -> None:
    """Of twelve turns; where the planner remembers what it played before, it follows nine."""
    bench = Bench(tmp_path, [CASE])
    known = {
        feel: [profile(bench.corpus_piece(Case(index, CASE.chart, CASE.tempo, feel, BARS)).notes, 4, 0, 4 * BARS) for index in range(4)]
        for feel in SAID
    }
    at_first, turned = [], []
    for seed, (one, other) in enumerate(permutations(SAID, 2)):
        notes = plan_two(bench, CASE, bench.models.read_style(SAID[one]), bench.models.read_style(SAID[other]), seed + 1)
        at_first.append(nearest(profile(notes, 4, 16, 4 * CHANGE), known) == one)
        turned.append(nearest(profile(notes, 4, 64, 4 * BARS), known) == other)
    assert np.sum(at_first) >= 10
    assert np.sum(turned) >= 11


def test_a_knob_that_is_turned_while_the_band_plays_is_followed(tmp_path: Path) -> None:
    """Where the planner remembers what it played before, the piano stays where it was, and density is followed by half."""
    bench = Bench(tmp_path, [CASE])
    case = Case(0, CASE.chart, CASE.tempo, "swing", turns.BARS)
    for name, least in (("density", 1.5), ("energy", 20.0), ("register of the piano", 2.0)):
        found = []
        for seed in (1, 2):
            up, down = (plan_turned(bench, case, name.split()[0], values, seed) for values in ((LOW, HIGH), (HIGH, LOW)))
            found.append(list(apart(name, up, down, 4).values()))
        assert (np.mean(found, axis=0)[[0, 2, 3, 4]] > least).all(), (name, found)


def test_what_is_planned_ahead_is_in_the_style_that_is_asked_for(tmp_path: Path) -> None:
    """Also before the next step of the sound, which is what takes a style else."""
    bench = Bench(tmp_path, [CASE])
    situation = Situation(clock=Clock.started(0, 140.0, 4), charts=[(0, CASE.chart)], parts=dict(TRIO), style=Style("swing"))
    performer = Performer(bench.models, situation, 0, 1)
    told: list[object] = []
    performer.plan.set_style = told.append  # type: ignore[method-assign]
    performer.look_ahead(4, 10)
    assert told == []
    situation.style = bench.models.read_style("bossa nova")
    performer.replan()
    performer.look_ahead(4, 10)
    assert len(told) == 1 and told[0] is situation.style.embedding is not None
