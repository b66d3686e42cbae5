"""How fast and how large every preset is: `python -m tests.benchmarks.gpu`, a table in Markdown.

Weights are random: what is measured does not depend on them. Each line is one stream of player and codec in a process of its own, a
frame at a time, from inputs on the CPU to samples on the CPU, the planner left out. On a CPU it runs too: give it few frames.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import torch

from jamd.contract.errors import JamdError
from jamd.contract.units import FRAME_RATE
from model.codec import Codec
from model.conditioning import CONTROL_WIDTH, ROLL_WIDTH
from model.config import CODEC, PLAYER
from model.generator.models import Models, random_models
from model.generator.player import Player
from model.layers.nf4 import weight_bytes

PRECISIONS = ("float32", "bf16", "nf4")


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def bandwidth(device: torch.device) -> float:
    """Bytes a second, read and written, of copying what fits into no cache: the best of several copies."""
    size = (1 << 30) if device.type == "cuda" else (1 << 28)
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    best = float("inf")
    for _ in range(8):
        wait(device)
        began = time.perf_counter()
        target.copy_(source)
        wait(device)
        best = min(best, time.perf_counter() - began)
    return 2 * size / best


def read_each_frame(models: Models) -> int:
    """Bytes of the weights that a frame reads: what only a change of style reads, and tables of which it takes a row, left out."""
    player = models.player
    unread = sum(weight_bytes(layer.key_value) for layer in player.transformer.cross.values())  # type: ignore[union-attr,arg-type]
    if player.config.style_tokens:
        unread += weight_bytes(player.style) + player.neutral.nbytes
    books = player.codebooks.nbytes + player.density.nbytes
    density = player.density.numel() * player.transformer.norm.weight.element_size()
    return weight_bytes(player) - unread - books + density + weight_bytes(models.codec.decoder) + models.codec.basis.nbytes


def peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def count(preset: str) -> int:
    """Trained numbers of player and codec, before any packing."""
    with torch.device("meta"):
        networks = Player(PLAYER[preset]), Codec(CODEC.get(preset, CODEC["small"]))
    return sum(p.numel() for network in networks for p in network.parameters())


@torch.no_grad()
def measure(preset: str, precision: str, device_name: str, frames: int, threads: int) -> dict[str, Any]:
    """One line of the table."""
    torch.set_num_threads(threads)
    began = time.perf_counter()
    models = random_models(preset, device_name, precision)
    models.prepare(1)
    voice = models.voice(1)
    rng = np.random.default_rng(0)
    controls = rng.standard_normal((64, 1, CONTROL_WIDTH)).astype(np.float32)
    roll = (rng.random((64, 1, ROLL_WIDTH)) * (rng.random((64, 1, ROLL_WIDTH)) < 0.03)).astype(np.float32)

    def frame(index: int) -> float:
        start = time.perf_counter()
        voice.play(controls[index % 64], roll[index % 64], 1.0, 0.95, 3.0)
        return time.perf_counter() - start

    frame(0)
    ready = time.perf_counter() - began
    for index in range(min(frames // 10, 20)):
        frame(index)
    times = np.array([frame(index) for index in range(frames)])
    ring = [*voice.frame.keys, *voice.frame.values]  # type: ignore[attr-defined]
    used = peak(models.device)
    weights, cache = read_each_frame(models), sum(x.nbytes for x in ring)
    return {
        "parameters": count(preset),
        "stored": weight_bytes(models.player) + weight_bytes(models.codec),
        "weights": weights,
        "cache": cache,
        "ready": ready,
        "times": times,
        "peak": used,
        "bandwidth": bandwidth(models.device),
    }


def line(preset: str, precision: str, found: dict[str, Any]) -> str:
    times = found["times"]
    p50, p99 = np.percentile(times, [50, 99]) * 1000
    floor = found["weights"] / found["bandwidth"] * 1000
    with_cache = (found["weights"] + found["cache"]) / found["bandwidth"] * 1000
    return (
        f"| {preset} | {precision} | {found['parameters']:,} | {found['stored'] / 1e6:,.0f} | {found['weights'] / 1e6:,.0f} | "
        f"{found['cache'] / 1e6:,.0f} | {found['ready']:.1f} | {p50:.2f} / {p99:.2f} / {times.max() * 1000:.2f} | "
        f"{times.mean() * FRAME_RATE:.2f} | {found['peak'] / 1e9:.2f} | {found['bandwidth'] / 1e9:,.0f} | {floor:.2f} | {with_cache:.2f} |"
    )


def name_of(device: str) -> str:
    if device.startswith("cuda"):
        major, minor = torch.cuda.get_device_capability(device)
        memory = torch.cuda.get_device_properties(device).total_memory / 1e9
        return f"{torch.cuda.get_device_name(device)} (compute {major}.{minor}, {memory:.0f} GB), CUDA {torch.version.cuda}"
    return f"{platform.machine()} CPU, {os.cpu_count()} cores, plain PyTorch without the compiled kernels"


def several(allowed: tuple[str, ...]) -> Any:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        wrong = [name for name in names if name not in allowed]
        if wrong:
            raise argparse.ArgumentTypeError(f"no {wrong[0]!r}: there are {','.join(allowed)}")
        return names

    return parse


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", type=several(tuple(PLAYER)), default=list(PLAYER))
    parser.add_argument("--precisions", type=several(PRECISIONS), default=list(PRECISIONS))
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cuda", "cpu"))
    parser.add_argument("--threads", type=int, default=1, help="of a CPU")
    options = parser.parse_args()
    if options.frames < 1:
        parser.error("--frames must be 1 or more")
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit(f"gpu benchmark: torch {torch.__version__} sees no CUDA device; try --device cpu --frames 5")
    print(f"{name_of(options.device)}, torch {torch.__version__}, Python {platform.python_version()}, {options.frames} frames a line\n")
    print(
        "| player | precision | parameters, player and codec | stored, MB | read each frame, MB | keys and values, MB | ready, s | "
        "frame p50 / p99 / max, ms | real-time factor | peak memory, GB | bandwidth, GB/s | floor: weights, ms | "
        "floor: weights, keys and values, ms |"
    )
    print("|---" * 13 + "|", flush=True)
    spawn = multiprocessing.get_context("spawn")
    for preset in options.presets:
        for precision in options.precisions:
            with ProcessPoolExecutor(1, mp_context=spawn) as pool:  # a process each: peaks of memory are its own
                try:
                    found = pool.submit(measure, preset, precision, options.device, options.frames, options.threads).result()
                except (JamdError, RuntimeError) as error:
                    print(f"| {preset} | {precision} | {str(error).splitlines()[0]} |" + " |" * 10, flush=True)
                else:
                    print(line(preset, precision, found), flush=True)


if __name__ == "__main__":
    main()
