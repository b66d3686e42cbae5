"""Free running: a Performer played block by block, with changes under way and the time of each step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jamd.contract.chart import Chart
from jamd.contract.clock import Clock
from jamd.contract.units import FRAME_SAMPLES
from model.corpus.notes import Notes
from model.evaluate.bench import Bench, Floats, notes_of
from model.generator.performer import Performer
from model.generator.situation import Situation
from model.style.words import Style


@dataclass(frozen=True)
class Change:
    """From a beat on, these parts are on."""

    beat: float
    parts: dict[str, bool]


@dataclass(frozen=True)
class Run:
    """`audio`: shape [frames, 2]; `step_s`: seconds that each block took, shape [blocks]."""

    audio: Floats
    notes: Notes
    step_s: NDArray[np.float64]


def run_free(
    bench: Bench, chart: Chart, tempo: float, style: Style, parts: dict[str, bool], frames: int, seed: int, changes: Sequence[Change] = ()
) -> Run:
    """Play `frames` frames or a little more, in whole blocks. Parts change before the first step at or after their beat."""
    situation = Situation(clock=Clock.started(0, tempo, chart.beats_per_bar), charts=[(0, chart)], parts=dict(parts), style=style)
    performer = Performer(bench.models, situation, 0, seed)
    performer.set_sampling(bench.sampling.temperature, bench.sampling.top_p, bench.sampling.guidance)
    count = -(-frames // FRAME_SAMPLES)
    audio, spent = np.zeros((count * FRAME_SAMPLES, 2), np.float32), np.zeros(count)
    waiting = sorted(changes, key=lambda change: change.beat)
    for index in range(count):
        begin = time.perf_counter()
        while waiting and performer.beat >= waiting[0].beat - 1e-6:
            situation.parts = dict(waiting.pop(0).parts)
            performer.replan()
        audio[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES] = performer.block()
        spent[index] = time.perf_counter() - begin
    return Run(audio, notes_of(performer.played, tempo), spent)
