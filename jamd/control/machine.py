"""What the daemon takes of the machine: the memory of its processes, the temperature of the processor. What is not known is left out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

EVERY_S: Final = 2.0
HWMON: Final = frozenset({"coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal", "soc_thermal"})
"""Sensors of processors, by the names of their drivers in /sys/class/hwmon."""
ZONES: Final = frozenset({"x86_pkg_temp", "cpu-thermal", "cpu_thermal", "soc-thermal", "soc_thermal"})
"""The same in /sys/class/thermal; others measure cases, discs and batteries."""
SENSIBLE_C: Final = (1.0, 130.0)
"""Sensors that are not connected say 0 or less, or far more."""


def processes(root: int, proc: Path = Path("/proc")) -> list[int]:
    """A process and all below it."""
    out, waiting = [], [root]
    while waiting:
        process = waiting.pop()
        out.append(process)
        try:
            tasks = list((proc / str(process) / "task").iterdir())
        except OSError:  # it has ended
            continue
        for task in tasks:
            try:
                waiting += [int(word) for word in (task / "children").read_text().split()]
            except (OSError, ValueError):
                continue
    return out


def resident_bytes(members: Iterable[int], proc: Path = Path("/proc")) -> int | None:
    """Memory of processes that hold much in common: what each has alone, and once the most that one shares; None: not known."""
    own = shared = 0
    for process in members:
        try:
            resident, common = map(int, (proc / str(process) / "statm").read_text().split()[1:3])
        except (OSError, ValueError):
            continue
        own, shared = own + resident - common, max(shared, common)
    return (own + shared) * os.sysconf("SC_PAGE_SIZE") or None


def _sensors(system: Path) -> list[Path]:
    """Files with thousandths of a degree."""
    out: list[Path] = []
    for kind, label, names, values in (("hwmon", "name", HWMON, "temp*_input"), ("thermal", "type", ZONES, "temp")):
        try:
            folders = sorted((system / "class" / kind).iterdir())
        except OSError:
            continue
        for folder in folders:
            try:
                if (folder / label).read_text().strip() in names:
                    out += folder.glob(values)
            except OSError:
                continue
    return out


def temperature(sensors: Iterable[Path]) -> float | None:
    """The hottest of them; None: not known."""
    found = []
    for sensor in sensors:
        try:
            found.append(int(sensor.read_text()) / 1000)
        except (OSError, ValueError):
            continue
    return max((value for value in found if SENSIBLE_C[0] < value < SENSIBLE_C[1]), default=None)


class Machine:
    """Read at most every `EVERY_S`.

    Args:
        root: the process above all others of the daemon.
    """

    def __init__(self, root: int, proc: Path = Path("/proc"), system: Path = Path("/sys")) -> None:
        self._root, self._proc = root, proc
        self._sensors = _sensors(system)
        self._read_at = -EVERY_S
        self._view: dict[str, Any] = {}

    def view(self) -> dict[str, Any]:
        """`memory_mb` and `temperature_c`, as far as they are known."""
        now = time.monotonic()
        if now - self._read_at >= EVERY_S:
            self._read_at = now
            memory, hottest = resident_bytes(processes(self._root, self._proc), self._proc), temperature(self._sensors)
            self._view = ({"memory_mb": round(memory / 1e6)} if memory is not None else {}) | (
                {"temperature_c": round(hottest)} if hottest is not None else {}
            )
        return self._view
