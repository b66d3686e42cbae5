"""jamd on PipeWire's JACK, as most Linux desktops have it: `pw-jack jamd run`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.conftest import free_port

PROGRAMS = {
    "dbus-run-session": "dbus-daemon", "pipewire": "pipewire", "wireplumber": "wireplumber", "pw-jack": "pipewire-jack",
    "pw-cli": "pipewire-bin",
}  # fmt: skip


def test_jamd_plays_on_pipewires_jack(tmp_path: Path) -> None:
    """A session bus, PipeWire, its session manager, a null sink and the daemon: what another client hears is music."""
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install {package}")
    (tmp_path / "runtime").mkdir(mode=0o700)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JACK_") and name != "DBUS_SESSION_BUS_ADDRESS"}
    session = subprocess.Popen(
        ["dbus-run-session", "--", sys.executable, str(Path(__file__).with_name("on_pipewire.py")), str(tmp_path), str(free_port())],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=Path(__file__).parents[2],
        env=environment | {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "runtime"), "JAMD_HOME": str(tmp_path / "jamd")},
    )  # fmt: skip
    try:
        out, error = session.communicate(timeout=200)
    finally:
        if session.poll() is None:
            os.killpg(session.pid, signal.SIGKILL)
    logs = "".join(path.read_text() for path in sorted(tmp_path.glob("*.log")))
    assert session.returncode == 0, error + logs
    result = json.loads(out.splitlines()[-1])
    assert result["level"] > 1e-3, logs
    assert (result["rate"], result["block"]) == (48_000, 256)
