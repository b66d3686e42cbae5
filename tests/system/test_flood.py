"""Two thousand packets a second, half of them nonsense, while a jam plays: nothing dies, nothing grows, the music goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import wait_until
from tests.flood import processes, watch
from tests.system.conftest import Daemon
from tests.system.test_daemon import Listener

SECONDS = min(float(os.environ.get("JAMD_FLOOD_SECONDS", "12")), 600.0)
RATE = 48_000
MEGABYTES = 40.0
"""By which a process may grow between the first and the last third of the flood, whatever its length."""


def flood(daemon: Daemon, midi: float) -> None:
    """Flood, watch, and check what can be seen from outside."""
    before = processes(daemon.process.pid)
    first, began = daemon.status(), time.monotonic()
    assert len(before) == 4, before
    pouring = subprocess.Popen(
        [sys.executable, "-m", "tests.flood", str(daemon.port), str(SECONDS), "--midi", str(midi)], stdout=subprocess.PIPE, text=True
    )
    seen = watch(daemon.process.pid, daemon.port, SECONDS + 1.0)
    out, _ = pouring.communicate(timeout=60)
    packets, notes = (int(word) for word in out.split())
    assert packets > 1500 * SECONDS
    assert notes >= 0.75 * midi * SECONDS
    daemon.drain()
    last, ended = daemon.status(), time.monotonic()
    p50, p95 = np.percentile(seen.pings_ms, [50, 95])
    print(
        f"{packets} packets, {notes} MIDI messages; ping p50 {p50:.1f} ms, p95 {p95:.1f}, unanswered {seen.unanswered}; MB {seen.grown()}"
    )
    assert processes(daemon.process.pid) == before
    assert p50 < 100.0
    assert seen.unanswered <= 0.1 * len(seen.pings_ms) + 2
    assert all(grown < MEGABYTES for grown in seen.grown().values()), seen.grown()
    passed = (last["clock"]["frame"] - first["clock"]["frame"]) / RATE
    assert passed == pytest.approx(ended - began, rel=0.05, abs=0.3)
    assert last["jam"]["state"] == "playing"


def test_flood_leaves_the_music_alone(tmp_path: Path, shared_memory_is_clean: None, launch: Callable[[str], Daemon]) -> None:
    out = tmp_path / "out.wav"
    daemon = launch(f"file:{out}")
    daemon.client.send("/jam/start")
    wait_until(lambda: daemon.status()["jam"]["state"] == "playing", 30, "the jam")
    begin = daemon.status()["clock"]["frame"]
    flood(daemon, 0.0)
    end = daemon.status()["clock"]["frame"]
    daemon.client.send("/jam/chart", "| Dm7 | G7 |")
    daemon.drain()
    assert daemon.client.ask("/jam/chart").arguments == ("| Dm7 | G7 |",)
    assert daemon.stop() == 0, daemon.log.read_text()
    assert len(daemon.log.read_text()) < 200_000
    audio, _ = soundfile.read(out)
    heard = audio[begin:end]
    assert np.isfinite(heard).all()
    assert np.abs(heard).max() <= 1.0
    seconds = heard[: len(heard) // RATE * RATE].reshape(-1, RATE, 2)
    assert (np.sqrt((seconds**2).mean(axis=(1, 2))) > 1e-4).mean() > 0.7


def test_flood_of_osc_and_midi_on_jack(
    jack_server: str, tmp_path: Path, shared_memory_is_clean: None, launch: Callable[[str], Daemon]
) -> None:
    daemon = launch("jack")
    listener = Listener()
    try:
        daemon.client.send("/jam/start")
        wait_until(lambda: listener.level(1.0) > 1e-4, 30, "the sound of the jam")
        since = len(listener.audio())
        flood(daemon, 1000.0)
        heard = listener.audio()[since:]
        assert np.isfinite(heard).all()
        assert np.abs(heard).max() <= 1.0
        seconds = heard[: len(heard) // RATE * RATE].reshape(-1, RATE, 2)
        assert (np.sqrt((seconds**2).mean(axis=(1, 2))) > 1e-4).mean() > 0.7
    finally:
        listener.close()
    assert daemon.stop() == 0, daemon.log.read_text()
