"""How the daemon begins and ends: nothing is left behind, whatever happens."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from tests.conftest import wait_until
from tests.system.conftest import Daemon, free_port


def test_file_output_behaves_like_jack(tmp_path: Path, shared_memory_is_clean: None, launch: Callable[[str], Daemon]) -> None:
    """The same OSC, a WAV in place of ports; Ctrl-C ends it cleanly with the file whole."""
    out = tmp_path / "out.wav"
    daemon = launch(f"file:{out}")
    children = daemon.children()
    assert len(children) >= 3  # audio, engine, control, and the standard library's resource tracker
    daemon.client.send("/clock/tempo", 150)
    daemon.client.send("/jam/chart", "| Fmaj7 | Gm7 C7 |")
    daemon.client.send("/jam/start")
    wait_until(lambda: daemon.status()["jam"]["state"] == "playing", 10, "the jam")
    start = daemon.status()["jam"]["from_frame"]
    wait_until(lambda: daemon.status()["clock"]["frame"] > start + 3 * 48_000, 30, "three seconds")
    assert daemon.stop(signal.SIGINT) == 0, daemon.log.read_text()
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in children), 5, "the end of every process")
    audio, rate = soundfile.read(out)
    assert rate == 48_000
    assert np.abs(audio[: start - 128]).max() == 0.0
    assert np.sqrt((audio[start : start + 144_000] ** 2).mean()) > 1e-3
    log = daemon.log.read_text()
    assert "jamd: ready osc=127.0.0.1:" in log
    assert "Traceback" not in log


def test_dead_engine_is_started_again(shared_memory_is_clean: None, launch: Callable[[str], Daemon]) -> None:
    daemon = launch("null")
    engine = next(p for p in psutil.Process(daemon.process.pid).children() if "jamd.engine" in p.cmdline())
    daemon.client.send("/jam/chart", "| Gb7 |")
    engine.kill()
    wait_until(lambda: not daemon.status()["engine"].get("ready"), 10, "the engine's end")
    wait_until(daemon.ready, 60, "the engine's return")
    daemon.client.send("/jam/start")
    wait_until(lambda: daemon.status()["engine"].get("chord") == "Gb7", 20, "the chart that was set before")
    assert daemon.stop(signal.SIGTERM) == 0


def test_no_server_says_how_to_get_one(tmp_path: Path, shared_memory_is_clean: None) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "jamd", "run"], capture_output=True, text=True, timeout=60,
        env=os.environ | {"JACK_DEFAULT_SERVER": f"none-{uuid.uuid4().hex[:6]}", "JAMD_HOME": str(tmp_path)},
    )  # fmt: skip
    assert result.returncode == 1
    lines = [line for line in result.stderr.splitlines() if line.startswith("jamd:")]
    assert len(lines) == 1
    assert "jackd -d dummy" in lines[0]


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["run", "--audio", "tape"], 2, "--audio is jack, file:PATH or null"),
        (["run", "--audio", "file:/nowhere/x.wav"], 1, "no folder"),
        (["run", "--osc", "nonsense"], 2, "HOST:PORT"),
        (["run", "--config", "/nowhere.toml"], 2, "no configuration file"),
        (["run", "--audio", "null", "--osc", "127.0.0.1:{free}", "--model", "grand"], 1, "no weights for model 'grand'"),
        (["run", "--audio", "null", "--osc", "127.0.0.1:{taken}"], 1, "Address already in use"),
        (["render"], 2, "--out"),
        (["render", "--out", "x.wav", "--chart", "| Dm7 | H7 |"], 2, "character 9: | Dm7 | -->H7 |"),
        (["render", "--out", "x.wav", "--tempo", "10"], 2, "outside 40..320"),
        (["render", "--out", "x.wav", "--parts", "tuba"], 2, "parts are"),
        (["render", "--out", "x.wav", "--bars", "2", "--seconds", "3"], 2, "not allowed"),
        (["run", "--audio", "file:"], 2, "no path"),
        (["run", "--audio", "null", "--config", "{lights}"], 2, "midi.lights knows no pads 'foo'"),
        (["render", "--out", "/nowhere/x.wav", "--bars", "4000"], 1, "cannot write /nowhere/x.wav: there is no folder /nowhere"),
        (["render", "--out", "x.wav", "--midi", "/nowhere/x.mid", "--bars", "4000"], 1, "cannot write /nowhere/x.mid"),
        (["render", "--out", "/tmp", "--bars", "4000"], 1, "cannot write /tmp: it is a folder"),
        (["render", "--out", "x.wav", "--adapter", "ann:3"], 2, "from 0 to 2"),
        (["render", "--out", "x.wav", "--adapter", "ann:nan"], 2, "from 0 to 2"),
        (["send", "--connect", "127.0.0.1:1", "--timeout", "0.2", "/ping"], 1, "is jamd running"),
        (["send", "nope"], 2, "an address begins with /"),
        (["fly"], 2, "invalid choice"),
        ([], 2, "COMMAND"),
    ],
)
def test_errors_are_one_line(words: list[str], status: int, says: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        lights = tmp_path / "lights.toml"
        lights.write_text('[midi]\nlights = "foo"\n')
        known = {"taken": taken.getsockname()[1], "free": free_port(), "lights": lights}
        words = [word.format(**known) if "{" in word else word for word in words]
        result = subprocess.run(
            [sys.executable, "-m", "jamd", *words], capture_output=True, text=True, timeout=120, cwd=tmp_path,
            env=os.environ | {"JAMD_HOME": str(tmp_path)},
        )  # fmt: skip
    assert result.returncode == status, result.stderr
    assert result.stderr.startswith("jamd: ")
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".wav"] == []


@pytest.mark.parametrize("command", ["run", "render", "send", "describe", "doctor"])
def test_every_command_has_help(command: str) -> None:
    result = subprocess.run([sys.executable, "-m", "jamd", command, "--help"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0
    assert "usage: jamd" in result.stdout
