"""The user unit is one that systemd takes without a word, and starts what the command line knows."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from jamd.cli import build_parser

UNIT = Path(__file__).parents[2] / "packaging/systemd/jamd.service"


def test_unit_is_valid(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    program = tmp_path / ".local/bin/jamd"
    program.parent.mkdir(parents=True)
    program.symlink_to(Path(sys.executable).parent / "jamd")
    environment = os.environ | {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    checked = subprocess.run(
        [analyze, "verify", "--user", "--man=no", str(UNIT)], capture_output=True, text=True, env=environment, timeout=60
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_unit_starts_the_daemon() -> None:
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read(UNIT)
    program, *arguments = shlex.split(unit["Service"]["ExecStart"])
    assert program == "%h/.local/bin/jamd"
    assert build_parser().parse_args(arguments).command == "run"
