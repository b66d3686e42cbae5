"""A horn breathes: whatever the network would rather play, on its own and among others, and after the plan was taken back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from jamd.contract.chart import parse_chart
from jamd.contract.units import PARTS
from model.config import PlannerConfig
from model.generator.breath import BREATH_S, EMPTY_S, HORN, PAUSE_S, TIRED_S, Breath
from model.generator.events import BeatContext, ContextOf, PlannedNote
from model.generator.planner import Planner, PlanStream, TorchPlannerCore

CHART = parse_chart("| Dm7 G7 | Cmaj7 |")


def context_of(tempo: float, parts: tuple[bool, ...] = (True,) * 4) -> ContextOf:
    return lambda beat: BeatContext(CHART, float(beat), beat // 4, beat % 4, tempo, parts)


@pytest.fixture(scope="module")
def tireless() -> Planner:
    """A network that would have the horn play a crotchet on every beat."""
    torch.manual_seed(0)
    planner = Planner(PlannerConfig(width=32, layers=1, heads=2, feedforward=64, context=64)).eval().requires_grad_(False)
    planner.heads["advance"].out.bias[:2] += 9.0  # type: ignore[index, operator, union-attr]
    planner.heads["part"].out.bias[HORN] += 4.0  # type: ignore[index, operator, union-attr]
    planner.heads["tick"].out.bias[0] += 9.0  # type: ignore[index, operator, union-attr]
    planner.heads["length"].out.bias[15] += 9.0  # type: ignore[index, operator, union-attr]
    return planner


def spans(stream: PlanStream, tempo: float) -> list[tuple[float, float]]:
    """Begin and end, in seconds, of what the horn plays without a breath."""
    out: list[tuple[float, float]] = []
    for note in stream.notes:
        if note.part == HORN:
            begin, end = note.beat * 60 / tempo, (note.beat + note.length) * 60 / tempo
            if out and begin - out[-1][1] < BREATH_S:
                out[-1] = out[-1][0], max(out[-1][1], end)
            else:
                out.append((begin, end))
    return out


@pytest.mark.parametrize("tempo", [60.0, 140.0, 280.0])
@pytest.mark.parametrize("parts", [(True,) * 4, (False, False, False, True)])
def test_a_horn_that_never_rests_has_to(tireless: Planner, tempo: float, parts: tuple[bool, ...]) -> None:
    stream = PlanStream(TorchPlannerCore(tireless, 1), context_of(tempo, parts), 0)
    stream.extend(round(tempo))  # a minute
    played = spans(stream, tempo)
    assert 5 < len(played) < 20
    longest = max(end - begin for begin, end in played)
    assert TIRED_S < longest < EMPTY_S + 2 * 60 / tempo  # a note may end later than it should
    assert min(after[0] - before[1] for before, after in pairwise(played)) >= min(PAUSE_S, BREATH_S) - 1e-6
    if parts[0]:
        others = [note for note in stream.notes if note.part != HORN]
        assert others


def test_breath_is_known_after_the_plan_was_taken_back(tireless: Planner) -> None:
    """Taken back again and again, half a beat before its end, the horn still breathes in time."""
    stream = PlanStream(TorchPlannerCore(tireless, 2), context_of(140.0), 0)
    for beat in range(2, 140, 2):
        stream.extend(beat)
        stream.rewind(beat - 0.5)
    assert max(end - begin for begin, end in spans(stream, 140.0)) < EMPTY_S + 2 * 60 / 140


def test_breath_is_not_forgotten_with_the_music(tireless: Planner) -> None:
    """Far turns every three beats: the planner forgets, the lungs do not."""

    def told(beat: int) -> BeatContext:
        density = 0.2 if beat // 3 % 2 else 0.9
        return BeatContext(CHART, float(beat), beat // 4, beat % 4, 140.0, (True,) * 4, density=density)

    stream = PlanStream(TorchPlannerCore(tireless, 4), told, 0)
    for beat in range(1, 140):
        stream.extend(beat)
        stream.rewind(beat - 0.5)
    assert stream.first_beat > 130
    assert max(end - begin for begin, end in spans(stream, 140.0)) < EMPTY_S + 2 * 60 / 140


def note(beat: float, length: float, part: str = "horn") -> PlannedNote:
    return PlannedNote(PARTS.index(part), 65, 80, beat, length)


def test_a_horn_that_rests_by_itself_is_left_alone() -> None:
    breath = Breath()
    for bar in range(40):
        for beat in range(3):
            breath.hear(note(4 * bar + beat, 1.0), 0.5)
        assert not breath.rests(4 * bar + 3, 8).any()


def test_other_parts_need_no_air() -> None:
    breath = Breath()
    for beat in range(100):
        breath.hear(note(beat, 1.0, "piano"), 0.5)
    assert not breath.rests(0, 200).any()


def test_a_tired_horn_waits_for_a_held_note() -> None:
    """Quavers at 120 from 6 s on: the held note ends the phrase, and without one 9 s do."""
    breath, without = Breath(), Breath()
    for index in range(52):  # 6.5 s
        breath.hear(note(index / 4, 0.25), 0.5)
        without.hear(note(index / 4, 0.25), 0.5)
    assert not breath.rests(12, 8).any()
    breath.hear(note(13.0, 1.5), 0.5)
    assert np.flatnonzero(breath.rests(12, 8)).tolist() == [2, 3]  # ends in beat 14, again from beat 16 on: 0.75 s
    for index in range(52, 80):
        without.hear(note(index / 4, 0.25), 0.5)
        if without.rests(0, 40).any():
            break
    assert (index + 1) / 8 == pytest.approx(EMPTY_S, abs=0.13)
