"""The planner as one compiled step for the CPU: the network of `Planner`, its weights as int8.

`CompiledPlannerCore` writes what `TorchPlannerCore` writes but for the rounding of the weights (tests/parity), about ten times as fast.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

from jamd.contract.units import PARTS
from model.generator.events import ADVANCES, CONTEXT_WIDTH, FIELDS, PARTS_OFFSET, REST, TICKS
from model.generator.planner import Planner, Sampling, parts_of
from model.layers import kernels as k
from model.layers.compiled import BlockArrays, BlockWeights, Floats, Matrix, floats, step, zeros
from model.layers.jit import KERNEL, PART

F = np.float32
_COUNT = len(PARTS)
_LONGEST = max(FIELDS.values())
SLACK = 1024
"""Events by which a stream can be taken back."""


class Head(NamedTuple):
    up: Matrix
    norm: Floats
    out: Matrix


class PlannerWeights(NamedTuple):
    blocks: BlockWeights
    context_in: Matrix
    context_out_up: Matrix
    context_out_down: Matrix
    start: Floats
    advance: Floats
    tick: Floats
    part: Floats
    pitch: Floats
    velocity: Floats
    length: Floats
    """Embeddings. Shape of each: [classes, width]."""
    advance_head: Head
    tick_head: Head
    part_head: Head
    pitch_head: Head
    velocity_head: Head
    length_head: Head


class PlannerArrays(NamedTuple):
    blocks: BlockArrays
    z: Floats
    wide: Floats
    normed: Floats
    told: Floats
    told_wide: Floats
    logits: Floats
    scratch: Floats
    bits: NDArray[np.int32]
    reads: Floats
    """What the style adds to what is read, and to what is written. Shape: [1, width]."""
    writes: Floats


def planner_weights(planner: Planner) -> PlannerWeights:
    """A planner's weights, rounded."""

    def head(name: str) -> Head:
        layer: Any = planner.heads[name]
        return Head(Matrix.of(layer.up), floats(layer.norm.weight), Matrix.of(layer.out))

    out: Any = planner.context_out
    return PlannerWeights(
        BlockWeights.of(planner.transformer), Matrix.of(planner.context_in), Matrix.of(out[0]), Matrix.of(out[2]), floats(planner.start),
        *(floats(planner.embedding(name).weight) for name in FIELDS), *(head(name) for name in FIELDS),  # type: ignore[arg-type]
    )  # fmt: skip


@njit(**KERNEL)
def _read(p: Any, s: Any, event: Any, context: Any) -> None:
    x, told = s.blocks.x[:1], s.told
    k.linear(context, p.context_in.weight, p.context_in.scale, p.context_in.bias, told)
    for i in range(x.shape[1]):
        x[0, i] = (
            told[0, i] + s.reads[0, i] + p.advance[event[0], i] + p.tick[event[1], i] + p.part[event[2], i] + p.pitch[event[3], i]
            + p.velocity[event[4], i] + p.length[event[5], i]
        )  # fmt: skip
    step(p.blocks, s.blocks, 1)


@njit(**KERNEL)
def _begin(p: Any, s: Any) -> None:
    s.blocks.x[0] = p.start
    step(p.blocks, s.blocks, 1)


@njit(**PART)
def _logits(head: Any, s: Any, classes: int) -> None:
    k.linear(s.z, head.up.weight, head.up.scale, head.up.bias, s.wide)
    k.gelu(s.wide)
    k.rms_norm(s.wide, head.norm, s.normed)
    k.linear(s.normed, head.out.weight, head.out.scale, head.out.bias, s.logits[:, :classes])


@njit(**PART)
def _draw(s: Any, classes: int, noise: Any, temperature: float, top_p: float) -> int:
    return k.draw(s.logits[0, :classes], noise[:classes], temperature, top_p, s.scratch[:classes], s.bits[:classes])


@njit(**KERNEL)
def _write(p: Any, s: Any, last: Any, contexts: Any, may: Any, noise: Any, temperature: float, top_p: float, event: Any) -> None:
    """The next event. `last` [6] is the one before, `contexts` [ADVANCES, width] and `may` [ADVANCES, parts] of its beat and the next."""
    z, low = s.z, F(-1e30)
    z[0] = s.blocks.normed[0]
    classes = p.advance.shape[0]
    _logits(p.advance_head, s, classes)
    if last[1] == TICKS - 1 and last[2] == REST - 1:
        s.logits[0, 0] = low
    event[0] = _draw(s, classes, noise[0], temperature, top_p)
    context = contexts[event[0] : event[0] + 1]
    k.linear(context, p.context_out_up.weight, p.context_out_up.scale, p.context_out_up.bias, s.told_wide)
    k.gelu(s.told_wide)
    k.linear(s.told_wide, p.context_out_down.weight, p.context_out_down.scale, p.context_out_down.bias, s.told)
    for i in range(z.shape[1]):
        z[0, i] += p.advance[event[0], i] + s.told[0, i] + s.writes[0, i]

    classes = p.tick.shape[0]
    _logits(p.tick_head, s, classes)
    if event[0] == 0:
        passed = last[1] + (1 if last[2] >= REST - 1 and last[3] >= 127 else 0)
        for i in range(passed):
            s.logits[0, i] = low
    event[1] = _draw(s, classes, noise[1], temperature, top_p)
    same = event[0] == 0 and event[1] == last[1]
    k.add(z, p.tick[event[1] : event[1] + 1])

    classes = p.part.shape[0]
    _logits(p.part_head, s, classes)
    some = False
    for i in range(_COUNT):
        if not may[event[0], i]:
            s.logits[0, i] = low
        else:
            some = True
    if event[0] < ADVANCES - 1 and some:
        s.logits[0, REST] = low
    if same and last[2] < REST:
        for i in range(last[2]):
            s.logits[0, i] = low
    none = True
    for i in range(classes):
        none = none and s.logits[0, i] <= low
    if none:
        s.logits[0, REST] = F(0)
    event[2] = _draw(s, classes, noise[2], temperature, top_p)
    k.add(z, p.part[event[2] : event[2] + 1])

    classes = p.pitch.shape[0]
    _logits(p.pitch_head, s, classes)
    if same and event[2] == last[2] and last[3] < 127:
        for i in range(last[3] + 1):
            s.logits[0, i] = low
    event[3] = _draw(s, classes, noise[3], temperature, top_p)
    k.add(z, p.pitch[event[3] : event[3] + 1])

    classes = p.velocity.shape[0]
    _logits(p.velocity_head, s, classes)
    event[4] = _draw(s, classes, noise[4], temperature, top_p)
    k.add(z, p.velocity[event[4] : event[4] + 1])

    classes = p.length.shape[0]
    _logits(p.length_head, s, classes)
    event[5] = _draw(s, classes, noise[5], temperature, top_p)


class CompiledPlannerCore:
    """One stream of events; see `PlannerCore`."""

    def __init__(self, planner: Planner, weights: PlannerWeights, seed: int) -> None:
        self.planner, self.weights = planner, weights
        width = planner.config.width
        self.state = PlannerArrays(
            BlockArrays.make(planner.transformer, 1, slack=SLACK), zeros(1, width), zeros(1, 2 * width), zeros(1, 2 * width),
            zeros(1, width), zeros(1, width), zeros(1, _LONGEST), zeros(_LONGEST), np.zeros(_LONGEST, np.int32), zeros(1, width),
            zeros(1, width),
        )  # fmt: skip
        self.rng = np.random.Generator(np.random.SFC64(seed))
        self._noise = zeros(len(FIELDS), _LONGEST)
        self._event = np.zeros(len(FIELDS), np.int64)
        self._highest = 0

    @property
    def length(self) -> int:
        return int(self.state.blocks.place[0])

    def set_style(self, style: Floats | None) -> None:
        with torch.no_grad():
            reads, writes = self.planner.styled(None if style is None else torch.from_numpy(style)[None])
        for array, value in ((self.state.reads, reads), (self.state.writes, writes)):
            array[:] = floats(value[0]) if isinstance(value, torch.Tensor) else value

    def rewind(self, length: int) -> None:
        if not self._highest - SLACK <= length <= self.length:
            raise ValueError(f"cannot rewind {self.length} steps to {length}")
        self.state.blocks.place[0] = length

    def reset(self) -> None:
        self.state.blocks.place[0] = self._highest = 0

    def begin(self) -> None:
        _begin(self.weights, self.state)

    def read(self, event: list[int], context: Floats) -> None:
        self._event[:] = event
        _read(self.weights, self.state, self._event, np.ascontiguousarray(context[None]))
        self._highest = max(self._highest, self.length)

    def write(self, last: list[int], contexts: Floats, sampling: Sampling, may: NDArray[np.bool_] | None = None) -> list[int]:
        self.rng.standard_exponential(out=self._noise, dtype=np.float32)
        may = parts_of(contexts) if may is None else may
        _write(self.weights, self.state, np.asarray(last), contexts, may, self._noise, sampling.temperature, sampling.top_p, self._event)
        return [int(value) for value in self._event]


assert CONTEXT_WIDTH > PARTS_OFFSET + _COUNT
