"""First steps of the networks before anybody hears them: memory is touched, kernels are chosen, speed is known."""

from __future__ import annotations

import time

from jamd.contract.chart import parse_chart
from jamd.contract.units import FRAME_RATE
from model.generator.clip import ClipRender, ClipRequest, frames_of_bars
from model.generator.models import Models


def warm_up(models: Models, steps: int = 60) -> float:
    """Render a few blocks to nowhere; returns the real-time factor of the second half (under 1: faster than real time)."""
    chart = parse_chart("| Dm7 G7 | Cmaj7 |")
    render = ClipRender(models, ClipRequest(chart, 120.0, frames_of_bars(2, 120.0, 4), seed=1))
    half = steps // 2
    for _ in range(half):
        render.advance()
    began = time.perf_counter()
    for _ in range(half):
        render.advance()
    return (time.perf_counter() - began) * FRAME_RATE / half


def main() -> None:
    """Compile the kernels into numba's cache, so that no start has to (`scripts/setup.sh` calls this)."""
    from model.generator.models import load_models

    print(f"real-time factor {warm_up(load_models()):.2f}")


if __name__ == "__main__":
    main()
