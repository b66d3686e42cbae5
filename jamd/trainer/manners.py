"""A training beside a jam: it gets what the jam leaves of the CPU, and no memory of a GPU that the jam may need."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jamd.contract.errors import FailureError

NICE: Final = 15
ROOM: Final = 3.0
"""Memory that must be free on a GPU, in sizes of the base's weights in float32: themselves, activations, and as much again for a jam."""
LEAST_ROOM: Final = 2 << 30
"""Bytes."""


@contextlib.contextmanager
def stepped_back() -> Iterator[None]:
    """Low priority for the whole process; on a machine of several cores one of them is left alone.

    Where Linux shares the CPU among sessions first (`sched_autogroup`), a process' own niceness says nothing to those of other
    terminals: there the session's is lowered, too, until the end.
    """
    import torch

    os.nice(max(NICE - os.nice(0), 0))
    before = _share_of_session(NICE)
    try:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except (AttributeError, OSError):  # another system
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(max(cores - 1, 1))
    try:
        yield
    finally:
        if before is not None:
            _share_of_session(before)


def _share_of_session(nice: int) -> int | None:
    """Set the niceness of the session against others; returns what it was, None where there is no such thing."""
    path = Path("/proc/self/autogroup")
    try:
        before = int(path.read_text().rsplit("nice", 1)[1])
        path.write_text(str(nice))
    except (OSError, ValueError, IndexError):
        return None
    return before


def choose_device(wanted: str, base: str) -> str:
    """Where to train. `auto` is a GPU with room for it, else the CPU.

    Args:
        base: a size, or a folder with weights, of which no more is known than that it needs `LEAST_ROOM`.

    Raises:
        FailureError: asked for a GPU that is not there or too full.
    """
    import torch

    from model.config import PLAYER
    from model.generator.player import Player
    from model.sizes import count

    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available():
        raise FailureError(f"no CUDA device: torch {torch.__version__} sees none; --device cpu trains on the CPU", code="device")
    with torch.device("meta"):
        parameters = count(Player(PLAYER[base])) if base in PLAYER else 0
    needed = max(int(ROOM * 4 * parameters), LEAST_ROOM)
    free, _ = torch.cuda.mem_get_info()
    if free >= needed:
        return "cuda"
    if wanted == "auto":
        return "cpu"
    raise FailureError(
        f"the GPU is too full: {free / 2**30:.1f} GB are free, {needed / 2**30:.1f} are needed beside a jam; "
        "stop what fills it, or train with --device cpu",
        code="device",
    )
