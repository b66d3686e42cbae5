"""What adapters cost: `python -m tests.benchmarks.adapters`, a table in Markdown, on the shipped model as it plays on this machine.

The adapters are random; what is measured does not depend on what they learned. Medians and worst cases of a machine that may be busy.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jamd.contract.units import FRAME_RATE
from model.adapters.rack import FADE_STEPS, AdapterRack
from model.conditioning import CONTROL_WIDTH, ROLL_WIDTH
from model.generator.models import load_models
from tests.unit.model.adapters.rig import write_random

ATTENTION = ("qkv", "out", "query")


def milliseconds(call: Callable[[], object], count: int, before: Callable[[], object] = lambda: None) -> str:
    times = []
    for _ in range(count):
        before()
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1e3)
    return f"{np.median(times):.2f} | {np.min(times):.2f} | {np.max(times):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="of each measurement")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    models = load_models(device=options.device)
    rng = np.random.default_rng(0)
    controls, roll = rng.standard_normal((1, CONTROL_WIDTH)).astype(np.float32), np.zeros((1, ROLL_WIDTH), np.float32)
    print(f"A step of the music has {1000 / FRAME_RATE:.1f} ms.\n\n| what | median ms | least | most |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        sets: dict[str, list[tuple[str, int, tuple[str, ...]]]] = {
            "rank 8, attention": [("a", 8, ATTENTION)],
            "rank 8, all matrices": [("b", 8, (*ATTENTION, "up", "down"))],
            "four of rank 8, attention": [(f"c{index}", 8, ATTENTION) for index in range(4)],
            "four of rank 8, all matrices": [(f"d{index}", 8, (*ATTENTION, "up", "down")) for index in range(4)],
        }
        rack = AdapterRack(models)
        voice = models.voice(1)
        for members in sets.values():
            for seed, (name, rank, targets) in enumerate(members):
                write_random(root, models, name, seed, rank=rank, size=0.1, targets=targets)
        print(f"| load from disk, rank 8, attention | {milliseconds(lambda: rack.load(root / 'a'), 20)} |")
        for members in sets.values():
            for name, _, _ in members:
                rack.load(root / name)
        for label, members in sets.items():
            mix = [(name, 1.0 / len(members)) for name, _, _ in members]

            def swap(mix: list[tuple[str, float]] = mix) -> None:
                rack.use(mix)
                rack.switch()

            def fade() -> None:
                for _ in range(FADE_STEPS):
                    rack.advance()

            print(f"| use and switch: {label} | {milliseconds(swap, options.count, fade)} |")
            fade()

        def step(guidance: float) -> None:
            voice.play(controls, roll, 1.0, 0.95, guidance)

        def settle(mix: list[tuple[str, float]]) -> None:
            for _ in range(FADE_STEPS):
                rack.advance()
            rack.use(mix)
            rack.switch()
            for _ in range(FADE_STEPS):
                rack.advance()

        def advance() -> None:
            if not rack.fading:
                rack.strength("a", 0.5 + rng.random() / 2)

        settle([("a", 1.0)])
        print(f"| advance, in a fade | {milliseconds(rack.advance, options.count, advance)} |")
        all_sets = {"base": [], **sets}
        for guidance in (1.0, 2.0):
            for _ in range(20):
                step(guidance)
            times: dict[str, list[float]] = {label: [] for label in all_sets}
            for _ in range(options.count // 10):  # in turn, so that what else the machine does meets all alike
                for label, members in all_sets.items():
                    settle([(name, 1.0 / len(members)) for name, _, _ in members])
                    for _ in range(10):
                        began = time.perf_counter()
                        step(guidance)
                        times[label].append((time.perf_counter() - began) * 1e3)
            for label, taken in times.items():
                print(f"| step, guidance {guidance:g}: {label} | {np.median(taken):.2f} | {np.min(taken):.2f} | {np.max(taken):.2f} |")
        settle([])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for index in range(200):
            settle([(f"c{index % 4}", 1.0)])
        print(f"\n200 swaps: peak memory from {before / 1024:.1f} to {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.1f} MB.")
        print(f"Swap to audible: {FADE_STEPS} steps ({FADE_STEPS / FRAME_RATE * 1e3:.0f} ms) to full strength, the first step at once.")


if __name__ == "__main__":
    main()
