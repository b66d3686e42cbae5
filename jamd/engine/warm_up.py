"""First steps of the networks before anybody hears them: memory is touched, kernels are chosen, speed is known."""

from __future__ import annotations

import time
from multiprocessing import get_context

import numpy as np

from jamd.contract.chart import parse_chart
from jamd.contract.units import FRAME_RATE, FRAME_SAMPLES
from model.conditioning import CONTROL_WIDTH, ROLL_WIDTH
from model.generator.clip import ClipRender, ClipRequest, frames_of_bars
from model.generator.models import Models, load_models
from model.layers.chamber import SOURCES


def _clip(models: Models) -> ClipRender:
    return ClipRender(models, ClipRequest(parse_chart("| Dm7 G7 | Cmaj7 |"), 120.0, frames_of_bars(2, 120.0, 4), seed=1))


def warm_up(models: Models, steps: int = 60) -> float:
    """Render a few blocks to nowhere; returns the real-time factor of the second half (under 1: faster than real time)."""
    render = _clip(models)
    half = steps // 2
    for _ in range(half):
        render.advance()
    began = time.perf_counter()
    for _ in range(half):
        render.advance()
    return (time.perf_counter() - began) * FRAME_RATE / half


def _plan() -> None:
    _clip(load_models()).performer.look_ahead(4.0, 1000)


def main() -> None:
    """Compile the kernels into numba's cache, so that no start has to (`scripts/setup.sh` calls this); the planner's beside the others'."""
    planner = get_context("spawn").Process(target=_plan)
    planner.start()
    models = load_models()
    models.voice(0).play(
        np.zeros((1, CONTROL_WIDTH), np.float32), np.zeros((1, ROLL_WIDTH), np.float32), 1.0, 0.95, 3.0,
        np.zeros((SOURCES, FRAME_SAMPLES), np.float32),
    )  # fmt: skip
    planner.join()
    print(f"real-time factor {warm_up(models):.2f}")


if __name__ == "__main__":
    main()
