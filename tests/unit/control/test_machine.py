"""What the daemon takes of the machine, read from folders like those of Linux."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from jamd.control.machine import Machine, _sensors, processes, resident_bytes, temperature

PAGE = os.sysconf("SC_PAGE_SIZE")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_memory_of_a_family(tmp_path: Path) -> None:
    for process, children, statm in (
        (1, "2 3 ", "900 30 20"),
        (2, "4", "900 100 25"),
        (3, "", "900 200 50"),
        (4, "", "1 10 5"),
        (5, "", "9 9 9"),
    ):
        write(tmp_path / f"{process}/task/{process}/children", children)
        write(tmp_path / f"{process}/statm", statm + " 0 0 0 0")
    assert sorted(processes(1, tmp_path)) == [1, 2, 3, 4]
    assert resident_bytes([1, 2, 3, 4, 77], tmp_path) == (10 + 75 + 150 + 5 + 50) * PAGE
    assert resident_bytes([77], tmp_path) is None
    assert Machine(77, tmp_path, tmp_path).view() == {}


def test_a_real_child_counts() -> None:
    child = subprocess.Popen([sys.executable, "-c", "x = b'x' * 60_000_000; print(1, flush=True); input()"], stdin=-1, stdout=-1)
    assert child.stdin is not None and child.stdout is not None
    child.stdout.readline()
    assert child.pid in processes(os.getpid())
    both, own = resident_bytes(processes(os.getpid())), resident_bytes([os.getpid()])
    assert both is not None and own is not None and 60e6 < both - own < 120e6
    child.communicate(b"\n")


def test_temperature_of_the_processor_alone(tmp_path: Path) -> None:
    write(tmp_path / "class/hwmon/hwmon0/name", "nvme\n")
    write(tmp_path / "class/hwmon/hwmon0/temp1_input", "99000\n")
    assert temperature(_sensors(tmp_path)) is None
    write(tmp_path / "class/hwmon/hwmon1/name", "k10temp\n")
    write(tmp_path / "class/hwmon/hwmon1/temp1_input", "61250\n")
    write(tmp_path / "class/hwmon/hwmon1/temp2_input", "-128000\n")
    write(tmp_path / "class/thermal/thermal_zone0/type", "acpitz\n")
    write(tmp_path / "class/thermal/thermal_zone0/temp", "70000\n")
    write(tmp_path / "class/thermal/thermal_zone1/type", "cpu-thermal\n")
    write(tmp_path / "class/thermal/thermal_zone1/temp", "58000\n")
    assert temperature(_sensors(tmp_path)) == 61.25
    assert Machine(77, tmp_path, tmp_path).view() == {"temperature_c": 61}
