"""What the screens are made of: mixing, stepping, curves, lists."""

from __future__ import annotations

import json

import pytest

from tui.blend import BASE, PENDING_S, Blend, message
from tui.choices import Choices
from tui.plot import EMPTY, LABEL, Curve, plot
from tui.state import State
from tui.topics import Training
from tui.widgets.training import curves, network, progress


def playing(*pairs: tuple[str, float], staging: str = "") -> State:
    state = State()
    rows = [{"name": name, "state": "staging" if name == staging else "active"} for name in ("ann", "bo")]
    state.take("/adapters", (json.dumps({"playing": pairs, "strength": 1.0, "adapters": rows}),))
    return state


def test_what_was_asked_for_counts_until_the_daemon_has_had_the_time() -> None:
    state, blend = playing(("ann", 0.8)), Blend()
    assert blend.turn("ann", 1, state) == ("/adapter/use", ["ann", 0.85])
    assert blend.turn("bo", 2, state) == ("/adapter/blend", ["ann", 0.85, "bo", 0.1])
    assert blend.wanted(state) == {"ann": 0.85, "bo": 0.1}
    slow = playing(("ann", 0.8), staging="bo")
    slow.tick(10 * PENDING_S)
    assert blend.wanted(slow) == {"ann": 0.85, "bo": 0.1}  # it is being read from disk
    state.tick(2 * PENDING_S)
    assert blend.wanted(state) == {"ann": 0.8}  # it was refused


def test_strengths_end_at_nothing_and_at_the_highest() -> None:
    state, blend = playing(("ann", 0.05)), Blend()
    assert blend.turn("ann", -1, state) == ("/adapter/use", [BASE])
    assert blend.turn("ann", 1000, state) == ("/adapter/use", ["ann", 2.0])
    assert message({}) == ("/adapter/use", [BASE])


def test_an_audition_goes_back_and_a_use_ends_it() -> None:
    state, blend = playing(("ann", 0.5)), Blend()
    assert blend.audition("bo", state) == ("/adapter/use", ["bo", 1.0])
    assert blend.audition("bo", state) == ("/adapter/use", ["ann", 0.5])
    blend.audition(BASE, state)
    blend.use("bo", state)
    assert blend.before is None


def test_steps_are_counted_from_what_was_asked_for() -> None:
    choices = Choices()
    assert choices.step("/a", ("x", "y", "z"), "x", 1, 0.0) == "y"
    assert choices.step("/a", ("x", "y", "z"), "x", 1, 0.1) == "z"
    assert choices.step("/a", ("x", "y", "z"), "x", 1, 0.2) == "x"
    assert choices.step("/a", ("x", "y", "z"), "x", 1, 9.0) == "y"
    assert choices.step("/b", ("x", "y", "z"), "not one", -1, 0.0) == "x"


def test_a_line_goes_from_corner_to_corner() -> None:
    rows = plot([Curve((0.0, 1.0), (0.0, 1.0), "good")], LABEL + 8, 4)
    lines = ["".join(text for text, _ in row) for row in rows]
    assert len(lines) == 4 and {len(line) for line in lines} == {LABEL + 8}
    assert lines[0].startswith(" 1.000 ") and lines[-1].startswith(" 0.000 ")
    dots = [[ord(character) != EMPTY for character in line[LABEL:]] for line in lines]
    assert dots[0][-1] and dots[-1][0] and not dots[0][0] and not dots[-1][-1]
    assert sum(map(sum, dots)) == 8  # one cell in each column
    with pytest.raises(ValueError):
        plot([], 20, 4)


def test_dashes_have_gaps_and_marks_stand_on_points() -> None:
    rows = plot([Curve((0.0, 1.0), (2.0, 2.0), "warn", dashed=True), Curve((0.5,), (2.0,), "good", mark="o")], LABEL + 16, 3)
    text = "".join(text for text, _ in rows[1])[LABEL:]
    assert "o" in text and chr(EMPTY) in text and text.count(chr(EMPTY)) < len(text)


def test_curves_are_those_of_what_is_trained() -> None:
    told = {"base_player": ([0.0], [3.6]), "player_loss": ([1.0, 2.0], [3.5, 3.4]), "valid_player": ([2.0], [3.3]),
            "base_planner": ([0.0], [1.2])}  # fmt: skip
    assert network(Training(phase="player", curves=told)) == "player"
    assert network(Training(phase="checking", curves={"player_loss": ([1.0], [3.5])})) == "player"
    assert curves(Training()) == []
    base, loss, held = curves(Training(phase="player", curves=told))
    assert base.dashed and base.xs == (0.0, 2.0) and base.ys == (3.6, 3.6)
    assert (list(loss.ys), held.mark) == ([3.5, 3.4], "o")
    assert curves(Training(phase="planner", curves=told))[0].ys == (1.2, 1.2)


@pytest.mark.parametrize(
    ("training", "says"),
    [
        (Training(name="x", phase="player", share=0.5, alive=True, left_s=61.0), "▶ player ████████████░░░░░░░░░░░░  50%  1:01 left"),
        (Training(name="x", phase="stopped", text="by hand"), "◼ stopped  by hand"),
        (Training(name="x", phase="failed", text="disk full"), "✗ failed  disk full"),
        (Training(name="x", phase="player", share=0.5), "✗ ended without a word, in player"),
    ],
)
def test_how_far_a_training_is(training: Training, says: str) -> None:
    assert says in "".join(text for text, _ in progress(training))
