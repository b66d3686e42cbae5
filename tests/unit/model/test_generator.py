"""Planner and player: what trains is what plays."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch

from jamd.contract.chart import parse_chart
from model.conditioning import CONTROL_WIDTH, ROLL_WIDTH
from model.config import PlannerConfig, PlayerConfig
from model.generator.events import CONTEXT_WIDTH, FIELDS, REST, TICKS, BeatContext, encode
from model.generator.planner import Planner, PlanStream, TorchPlannerCore
from model.generator.player import Player
from model.generator.sampling import sample

PLAYER = PlayerConfig(width=32, layers=2, heads=2, feedforward=64, window=12, levels=3, codebook_size=16, latent=8,
                      depth_width=16)  # fmt: skip
PLANNER = PlannerConfig(width=32, layers=2, heads=2, feedforward=64, context=64)


@pytest.fixture(scope="module")
def player() -> Player:
    torch.manual_seed(0)
    player = Player(PLAYER).eval().requires_grad_(False)
    player.set_codebooks(torch.randn(4, 16, 8))
    return player


@pytest.fixture(scope="module")
def planner() -> Planner:
    torch.manual_seed(0)
    return Planner(PLANNER).eval().requires_grad_(False)


def test_player_step_draws_what_the_loss_scores(player: Player) -> None:
    """With temperature 0 each drawn code is the most likely one of the batch pass over the drawn codes."""
    torch.manual_seed(1)
    controls, roll = torch.randn(1, 10, CONTROL_WIDTH), torch.rand(1, 10, ROLL_WIDTH)
    state = player.make_state()
    generator = torch.Generator().manual_seed(0)
    drawn = torch.cat([player.step(controls[:, i : i + 1], roll[:, i : i + 1], state, generator, 0.0) for i in range(10)], dim=1)
    scored = player(drawn, controls, roll)
    for level in range(PLAYER.levels):
        for other in range(PLAYER.codebook_size):
            changed = drawn.clone()
            changed[0, -1, level] = other
            if level == PLAYER.levels - 1:
                assert player(changed, controls, roll)[0, -1, level] >= scored[0, -1, level] - 1e-5
    for step in range(10):
        changed = drawn.clone()
        changed[0, step, 0] = (changed[0, step, 0] + 1) % PLAYER.codebook_size
        assert player(changed, controls, roll)[0, step, 0] >= scored[0, step, 0] - 1e-5


def test_a_style_turns_at_the_event_that_it_is_told_for() -> None:
    torch.manual_seed(3)
    planner = Planner(replace(PLANNER, style_width=8)).requires_grad_(False)
    for linear in (planner.style_in, planner.style_out):
        assert linear is not None
        torch.nn.init.normal_(linear.weight)
    events = torch.stack([torch.randint(0, classes, (2, 12)) for classes in FIELDS.values()], dim=-1)
    events[..., 2] = torch.randint(0, REST, (2, 12))
    contexts, style = torch.randn(2, 12, CONTEXT_WIDTH), torch.randn(2, 8)
    whole = planner(events, contexts, style)
    each = style[:, None].expand(-1, 12, -1).clone()
    torch.testing.assert_close(planner(events, contexts, each), whole)
    each[:, 7:] = torch.randn(2, 1, 8)
    turned = planner(events, contexts, each)
    torch.testing.assert_close(turned[:, :7], whole[:, :7])
    torch.testing.assert_close(turned[:, 7, 0], whole[:, 7, 0])  # its beat is not known before
    assert float((turned[:, 7:, 1:] - whole[:, 7:, 1:]).abs().min(dim=1).values.max()) > 1e-3


def test_player_prefill_goes_on_from_given_frames(player: Player) -> None:
    torch.manual_seed(2)
    codes = torch.randint(0, 16, (1, 8, 3))
    controls, roll = torch.randn(1, 9, CONTROL_WIDTH), torch.rand(1, 9, ROLL_WIDTH)
    state = player.make_state()
    player.prefill(codes, controls[:, :8], roll[:, :8], state)
    drawn = player.step(controls[:, 8:], roll[:, 8:], state, torch.Generator(), 0.0)
    first = drawn[0, 0, 0]
    scores = torch.stack([player(torch.cat((codes, torch.full((1, 1, 3), other)), dim=1), controls, roll)[0, -1, 0] for other in range(16)])
    assert int(scores.argmin()) == int(first)


def test_player_is_the_same_for_the_same_seed(player: Player) -> None:
    def run(seed: int) -> torch.Tensor:
        state, generator = player.make_state(), torch.Generator().manual_seed(seed)
        x, r = torch.zeros(1, 1, CONTROL_WIDTH), torch.zeros(1, 1, ROLL_WIDTH)
        return torch.cat([player.step(x, r, state, generator) for _ in range(30)], dim=1)

    assert torch.equal(run(5), run(5))
    assert not torch.equal(run(5), run(6))


def context_of(chart_text: str, parts: tuple[bool, ...] = (True,) * 4) -> object:
    chart = parse_chart(chart_text)

    def of(beat: int) -> BeatContext:
        return BeatContext(chart, float(beat), beat // 4, beat % 4, 140.0, parts)

    return of


def test_planner_scores_what_the_stream_draws(planner: Planner) -> None:
    """The batch pass over streamed events sees the very same hidden states: greedy draws are its most likely."""
    of = context_of("| Dm7 G7 | Cmaj7 |")
    stream = PlanStream(TorchPlannerCore(planner, 1), of, 0)  # type: ignore[arg-type]
    stream.extend(1 << 20, most=20)
    events = torch.tensor([event for event, _ in stream._events])[None]
    beats = [beat for _, beat in stream._events]
    contexts = torch.from_numpy(np.stack([of(beat).vector() for beat in beats]))[None]  # type: ignore[operator]
    losses = planner(events, contexts)
    assert losses.shape == (1, 20, len(FIELDS))
    hidden = planner.transformer(torch.cat((planner.start.expand(1, 1, -1), planner.embed(events, contexts)), dim=1))
    assert isinstance(stream.core, TorchPlannerCore) and stream.core._hidden is not None
    torch.testing.assert_close(stream.core._hidden, hidden[:, -1:], atol=1e-4, rtol=1e-4)


def test_plan_is_in_order_and_keeps_to_the_parts(planner: Planner) -> None:
    parts = (True, False, True, False)
    stream = PlanStream(TorchPlannerCore(planner, 2), context_of("| C7 |", parts), 4)  # type: ignore[arg-type]
    stream.extend(24)
    assert stream.known_until >= 24
    ticks = [(round(n.beat * TICKS), n.part, n.pitch) for n in stream.notes]
    assert ticks == sorted(ticks)
    assert ticks[0][0] >= 4 * TICKS
    assert {n.part for n in stream.notes} <= {0, 2}


def test_silent_band_plans_rests_only(planner: Planner) -> None:
    stream = PlanStream(TorchPlannerCore(planner, 0), context_of("| C7 |", (False,) * 4), 0)  # type: ignore[arg-type]
    stream.extend(40)
    assert stream.notes == []


def test_rewound_plan_is_as_if_it_had_never_been(planner: Planner) -> None:
    """After a rewind the stream's memory is that of a stream that wrote only what was kept."""
    of = context_of("| Dm7 | G7 |")
    stream = PlanStream(TorchPlannerCore(planner, 3), of, 0)  # type: ignore[arg-type]
    stream.extend(16)
    cut = stream.notes[len(stream.notes) // 2].beat
    kept = [n for n in stream.notes if n.beat < cut]
    stream.rewind(cut)
    assert stream.notes == kept
    events = [event for event, _ in stream._events]
    beats = [beat for _, beat in stream._events]
    stream.extend(16)
    after = [event for event, _ in stream._events]
    assert after[: len(events)] == events
    contexts = torch.from_numpy(np.stack([of(b).vector() for _, b in stream._events]))[None]  # type: ignore[operator]
    hidden = planner.transformer(torch.cat((planner.start.expand(1, 1, -1), planner.embed(torch.tensor(after)[None], contexts)), dim=1))
    assert isinstance(stream.core, TorchPlannerCore) and stream.core._hidden is not None
    torch.testing.assert_close(stream.core._hidden, hidden[:, -1:], atol=1e-4, rtol=1e-4)
    assert beats == sorted(beats)


def test_forgotten_plan_still_rewinds(planner: Planner) -> None:
    stream = PlanStream(TorchPlannerCore(planner, 4), context_of("| Dm7 | G7 |"), 0)  # type: ignore[arg-type]
    for beat in range(4, 200, 4):
        stream.extend(beat)
        stream.forget(beat - 4)
        assert all(n.beat >= beat - 4 for n in stream.notes)
    count = len(stream._events)
    stream.rewind(stream.known_until - 2)
    stream.extend(210)
    assert stream.known_until >= 210
    assert count < 3000


@pytest.fixture(scope="module")
def dense() -> Planner:
    """Notes on every beat or two."""
    torch.manual_seed(0)
    planner = Planner(PLANNER).eval().requires_grad_(False)
    planner.heads["advance"].out.bias[:2] += 8.0  # type: ignore[index, operator, union-attr]
    return planner


@dataclass
class Told:
    """What a stream is told from each of some beats on."""

    changes: dict[int, dict[str, Any]]
    parts: dict[int, tuple[bool, ...]] = field(default_factory=dict)

    def __call__(self, beat: int) -> BeatContext:
        told: dict[str, Any] = {"density": 0.5, "register": 0.5, "feel": "swing"}
        for since, values in self.changes.items():
            told |= values if beat >= since else {}
        parts = [on for since, on in self.parts.items() if beat >= since]
        return BeatContext(
            parse_chart("| Dm7 | G7 |"), float(beat), beat // 4, beat % 4, 140.0, parts[-1] if parts else (True,) * 4, **told
        )


@pytest.mark.parametrize(
    ("change", "anew"),
    [({"density": 0.8}, True), ({"register": 0.3}, True), ({"feel": "bossa"}, True), ({"density": 0.65}, False), ({"energy": 1.0}, False)],
)
def test_a_far_turn_is_planned_as_from_the_start(dense: Planner, change: dict[str, Any], anew: bool) -> None:
    """What was planned up to the next beat stays; from there on nothing that came before is remembered."""
    told = Told({})
    stream = PlanStream(TorchPlannerCore(dense, 3), told, 0)
    stream.extend(16)
    told.changes[10] = change
    stream.rewind(9.5)
    before = [note for note in stream.notes if note.beat < 9.5]
    stream.extend(16)
    assert [note for note in stream.notes if note.beat < 9.5] == before
    assert stream.notes == sorted(stream.notes, key=lambda note: note.beat)
    assert (stream.core.length == len(stream._events) + 1) is anew or stream.first_beat == 0
    assert (stream.first_beat == 10 and min(beat for _, beat in stream._events) >= 10) is anew
    events = torch.tensor([event for event, _ in stream._events])[None]
    contexts = torch.from_numpy(np.stack([told(beat).vector() for _, beat in stream._events]))[None]
    hidden = dense.transformer(torch.cat((dense.start.expand(1, 1, -1), dense.embed(events, contexts)), dim=1))
    assert isinstance(stream.core, TorchPlannerCore) and stream.core._hidden is not None
    if anew:
        torch.testing.assert_close(stream.core._hidden, hidden[:, -1:], atol=1e-4, rtol=1e-4)
    stream.forget(12)
    stream.rewind(13.0)  # and again, as when a knob is moved on
    stream.extend(40)
    assert all(note.beat >= 12 for note in stream.notes) and stream.notes[-1].beat > 30


def test_small_turns_add_up(dense: Planner) -> None:
    told = Told({})
    stream = PlanStream(TorchPlannerCore(dense, 3), told, 0)
    begun = []
    for step in range(1, 9):
        stream.extend(4 * step)
        told.changes[4 * step] = {"density": 0.5 + 0.05 * step}
        stream.rewind(4.0 * step)
        stream.extend(4 * step + 2)
        begun.append(stream.first_beat)
    assert begun == [0, 0, 0, 16, 16, 16, 16, 32]


@pytest.mark.parametrize(("beats", "anew"), [(8, False), (24, True)])
def test_a_part_that_comes_back_after_long_is_not_forgotten(dense: Planner, beats: int, anew: bool) -> None:
    told = Told({}, {0: (True, True, True, True)})
    stream = PlanStream(TorchPlannerCore(dense, 5), told, 0)
    stream.extend(8)
    told.parts[8] = (True, False, True, True)
    stream.rewind(8.0)
    stream.extend(8 + beats)
    told.parts[8 + beats] = (True, True, True, True)
    stream.rewind(8.0 + beats)
    stream.extend(48)
    assert (stream.first_beat == 8 + beats) is anew


def test_what_is_written_counts_new_beginnings(dense: Planner) -> None:
    """A take that is played again writes as many before each change as were there, new beginnings among them."""
    told = Told({8: {"density": 1.0}})
    streams = [PlanStream(TorchPlannerCore(dense, 6), Told({}), 0) for _ in range(2)]
    first, again = streams
    for stream in streams:
        stream.extend(8)
        stream.context_of = told
        stream.rewind(7.5)
    while first.first_beat == 0:
        first.extend(float("inf"), 1)
    while again.written < first.written:
        again.extend(float("inf"), 1)
    assert again.first_beat == first.first_beat == 8 and again._events == first._events
    for stream in streams:
        stream.rewind(7.6)
        stream.extend(20)
    assert first._events == again._events and first.notes == again.notes


def test_encode_of_rests_matches_the_part_field() -> None:
    assert FIELDS["part"] == REST + 1
    assert encode(np.zeros(0, [("beat", "f8")]))[0].shape == (0, len(FIELDS))


def test_sampling_keeps_the_nucleus() -> None:
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05])).expand(4000, 4)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.bincount(sample(logits, generator, 1.0, 0.75), minlength=4).float() / 4000
    assert drawn[2:].sum() == 0
    assert float(drawn[0]) == pytest.approx(0.625, abs=0.03)
    full = torch.bincount(sample(logits, generator, 1.0, 1.0), minlength=4).float() / 4000
    torch.testing.assert_close(full, torch.tensor([0.5, 0.3, 0.15, 0.05]), atol=0.03, rtol=0)
    assert (sample(logits, generator, 0.0) == 0).all()
    assert set(sample(logits, generator, 1.0, 1.0, top_k=1).tolist()) == {0}


def test_guidance_of_one_is_no_guidance_and_more_moves_the_draw_towards_the_plan(player: Player) -> None:
    """With greedy draws: a guided step takes the code whose share grows most by the plan, as computed by hand."""
    torch.manual_seed(7)
    controls, roll = torch.randn(1, 1, CONTROL_WIDTH), torch.rand(1, 1, ROLL_WIDTH) * 3
    with_plan = torch.tensor([-float(player(torch.tensor([[[c, 0, 0]]]), controls, roll)[0, 0, 0]) for c in range(16)])
    without = torch.tensor([-float(player(torch.tensor([[[c, 0, 0]]]), controls, 0 * roll)[0, 0, 0]) for c in range(16)])
    for guidance in (0.0, 1.0, 2.0, 4.0):
        state = player.make_state(1 if guidance == 1.0 else 2)
        drawn = player.step(controls, roll, state, torch.Generator(), 0.0, 1.0, guidance)
        assert drawn.shape == (1, 1, PLAYER.levels)
        assert int(drawn[0, 0, 0]) == int((without + guidance * (with_plan - without)).argmax())


def test_stream_goes_on_when_guidance_is_switched(player: Player) -> None:
    torch.manual_seed(8)
    codes = torch.randint(0, 16, (1, 20, 3))
    controls, roll = torch.randn(1, 21, CONTROL_WIDTH), torch.rand(1, 21, ROLL_WIDTH)
    state = player.make_state()
    player.prefill(codes, controls[:, :20], roll[:, :20], state)
    back = player.resize(player.resize(state, 2), 1)
    one = player.step(controls[:, 20:], roll[:, 20:], state, torch.Generator(), 0.0)
    two = player.step(controls[:, 20:], roll[:, 20:], back, torch.Generator(), 0.0)
    assert torch.equal(one, two)


@pytest.mark.parametrize("second", [{"energy": 0.9}, {"density": 0.55}])
def test_what_comes_before_a_far_turn_does_not_call_it_off(dense: Planner, second: dict[str, Any]) -> None:
    """A turn that lies ahead (a chart of another metre, from the next bar on), and a knob before it: nothing is written twice, and the
    memory ends at the turn."""
    told = Told({})
    stream = PlanStream(TorchPlannerCore(dense, 7), told, 0)

    def play(since: float, until: float) -> None:
        for step in np.arange(since, until, 0.05):
            stream.extend(float(np.ceil(step + 0.05)))
            stream.extend(step + 6.0, 4, ahead=True)

    play(0.0, 8.3)
    told.changes[12] = {"feel": "waltz"}
    stream.rewind(12.0)
    play(8.3, 9.4)
    assert stream.first_beat == 0  # not before it is needed
    kept = [note for note in stream.notes if note.beat < 9.4]
    told.changes[10] = second
    stream.rewind(9.4)
    assert stream.known_until < 10.0 and [note for note in stream.notes if note.beat < 9.4] == kept
    play(9.4, 14.0)
    assert stream.first_beat == 12
    order = [(round(note.beat * TICKS), note.part, note.pitch) for note in stream.notes]
    assert order == sorted(set(order))


def test_other_players_are_remembered_through_what_follows(dense: Planner) -> None:
    told = Told({})
    stream = PlanStream(TorchPlannerCore(dense, 8), told, 0)
    stream.extend(8)
    stream.rewind(6.5, anew=True)
    stream.rewind(6.5)
    told.changes[7] = {"energy": 0.2}
    stream.rewind(6.2)
    stream.extend(9)
    assert stream.first_beat == 7


def test_a_downbeat_is_not_written_twice(dense: Planner) -> None:
    """A hair behind a beat: where its notes have been played, the next beat is the first that is written anew."""
    begun, square = [], copy.deepcopy(dense)
    square.heads["tick"].out.bias[0] += 3.0  # type: ignore[index, operator, union-attr]
    for seed in range(12):
        told = Told({})
        stream = PlanStream(TorchPlannerCore(square, seed), told, 0)
        stream.extend(8)
        told.changes[4] = {"density": 1.0}
        stream.rewind(4.000000000001)
        kept = [note for note in stream.notes if note.beat >= 4.0]
        stream.extend(8)
        begun.append(stream.first_beat)
        assert (stream.first_beat == 5) is bool(kept)
        assert [note for note in stream.notes if note.beat == 4.0] == kept or not kept
    assert set(begun) == {4, 5}
