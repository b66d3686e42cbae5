"""The compiled planner writes the events of the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from jamd.contract.chart import parse_chart
from model.config import PlannerConfig
from model.generator.compiled_planner import SLACK, CompiledPlannerCore, planner_weights
from model.generator.events import REST, TICKS, BeatContext, ContextOf
from model.generator.planner import Planner, PlanStream, Sampling, TorchPlannerCore

CHART = parse_chart("| Dm7 G7 | Cmaj7 |")


def context_of(parts: tuple[bool, ...] = (True,) * 4) -> ContextOf:
    return lambda beat: BeatContext(CHART, float(beat), beat // 4, beat % 4, 140.0, parts)


@pytest.fixture(scope="module")
def planner() -> Planner:
    torch.manual_seed(5)
    network = Planner(PlannerConfig(width=32, layers=2, heads=2, feedforward=48, context=96, style_width=12)).eval().requires_grad_(False)
    for name, parameter in network.named_parameters():
        if "norm" not in name:
            parameter.copy_(torch.randn_like(parameter) * (0.6 if "embedding" in name else parameter.shape[-1] ** -0.5))
    for part in (network.transformer, network.heads, network.context_in, network.context_out):
        for child in part.modules():
            if isinstance(child, nn.Linear):
                scale = child.weight.detach().abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127
                child.weight.data = torch.round(child.weight.data / scale) * scale
    return network


def streams(planner: Planner, context: ContextOf) -> tuple[PlanStream, PlanStream]:
    both = (
        PlanStream(CompiledPlannerCore(planner, planner_weights(planner), 1), context, 3),
        PlanStream(TorchPlannerCore(planner, 1), context, 3),
    )
    for stream in both:
        stream.sampling = Sampling(temperature=0.0)
    return both


@pytest.mark.parametrize("parts", [(True,) * 4, (False, True, False, True), (False,) * 4])
@pytest.mark.parametrize("styled", [False, True])
def test_same_events(planner: Planner, parts: tuple[bool, ...], styled: bool) -> None:
    ours, theirs = streams(planner, context_of(parts))
    if styled:
        style = np.random.default_rng(0).standard_normal(12).astype(np.float32)
        ours.set_style(style / np.linalg.norm(style))
        theirs.set_style(style / np.linalg.norm(style))
    ours.extend(1 << 20, 150)  # longer than the context
    theirs.extend(1 << 20, 150)
    assert ours._events == theirs._events


def test_same_after_going_back(planner: Planner) -> None:
    ours, theirs = streams(planner, context_of())
    for stream in (ours, theirs):
        stream.extend(1 << 20, 120)
        stream.rewind(stream._events[60][1])
        stream.context_of = context_of((True, True, False, False))
        stream.extend(1 << 20, 60)
    assert ours._events == theirs._events


def test_same_after_everything_is_forgotten(planner: Planner) -> None:
    ours, theirs = streams(planner, context_of())
    for stream in (ours, theirs):
        stream.extend(1 << 20, SLACK + 200)
        stream.rewind(stream.known_until - 3, anew=True)
        stream.extend(1 << 20, 160)
        assert stream.first_beat > 0 and stream.core.length == len(stream._events) + 1
    assert ours._events == theirs._events


def test_drawn_events_keep_the_rules(planner: Planner) -> None:
    parts = (True, False, True, False)
    stream = PlanStream(CompiledPlannerCore(planner, planner_weights(planner), 7), context_of(parts), 0)
    stream.extend(1 << 20, 400)
    assert {note.part for note in stream.notes} <= {0, 2}
    order = [(round(note.beat * TICKS), note.part, note.pitch) for note in stream.notes]
    assert order == sorted(order) and len(set(order)) == len(order)
    assert all(0 <= event[2] <= REST for event, _ in stream._events)


def test_draws_depend_on_the_seed_alone(planner: Planner) -> None:
    weights = planner_weights(planner)

    def events(seed: int) -> list[tuple[list[int], int]]:
        stream = PlanStream(CompiledPlannerCore(planner, weights, seed), context_of(), 0)
        stream.extend(1 << 20, 40)
        return stream._events

    assert events(3) == events(3) != events(4)


def test_too_far_back_is_refused(planner: Planner) -> None:
    core = CompiledPlannerCore(planner, planner_weights(planner), 1)
    stream = PlanStream(core, context_of(), 0)
    stream.extend(1 << 20, SLACK + 50)
    with pytest.raises(ValueError, match="cannot rewind"):
        core.rewind(10)
    with pytest.raises(ValueError, match="cannot rewind"):
        core.rewind(core.length + 1)
