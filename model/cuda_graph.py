"""A step with static tensors, captured once and replayed: what a GPU plays from.

Everything that changes between steps lives in tensors whose addresses stay; nothing is captured again when a knob moves.
The habit is that of kyutai-labs/moshi `utils/compile.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch


class GraphedCall:
    """Calls `step`; on CUDA as one graph.

    Args:
        step: reads and writes tensors that it owns, launches the same kernels each time, returns nothing.
        device: where it runs; anywhere but on CUDA it is simply called.
        generator: of the random numbers that it draws.
        reset: called after the warm-up, which runs `step` a few times.
    """

    def __init__(self, step: Callable[[], None], device: torch.device, generator: torch.Generator, reset: Callable[[], None]) -> None:
        self.step = step
        self.graph: torch.cuda.CUDAGraph | None = None
        if device.type != "cuda":
            return
        side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream(device).wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        self.graph.register_generator_state(generator)
        with torch.cuda.graph(self.graph):
            step()
        reset()

    def __call__(self) -> None:
        if self.graph is None:
            self.step()
        else:
            self.graph.replay()
