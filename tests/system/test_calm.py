"""What happens when parts of the daemon, or the JACK server, die: the music goes on, and nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import jack
import numpy as np
import psutil
import pytest
import soundfile

from tests.conftest import wait_until
from tests.system.conftest import Daemon, start_daemon

RATE = 48_000


def process_of(daemon: Daemon, role: str) -> psutil.Process:
    def find() -> psutil.Process | None:
        for process in psutil.Process(daemon.process.pid).children():
            try:
                if f"jamd.{role}" in process.cmdline():
                    return process
            except psutil.Error:
                pass
        return None

    found = wait_until(find, 10, f"the {role} process")
    assert isinstance(found, psutil.Process)
    return found


def render(daemon: Daemon, slot: int, bars: int = 1) -> None:
    daemon.client.send(f"/slot/{slot}/render", bars, "", 3)
    wait_until(lambda: daemon.slot(slot) == "ready", 90, f"the clip of slot {slot}")


def frame(daemon: Daemon) -> int:
    return int(daemon.status()["clock"]["frame"])


def play(daemon: Daemon, seconds: float) -> None:
    end = frame(daemon) + int(seconds * RATE)
    wait_until(lambda: frame(daemon) >= end, seconds + 30, f"{seconds} s")


def test_control_is_killed_and_the_music_goes_on(tmp_path: Path, shared_memory_is_clean: None, launch: Callable[[str], Daemon]) -> None:
    out = tmp_path / "out.wav"
    daemon = launch(f"file:{out}")
    render(daemon, 2)
    daemon.client.send("/clock/tempo", 140)
    daemon.client.send("/jam/param/density", 0.8)
    daemon.client.send("/slot/2/gain", -3.0)
    daemon.client.send("/slot/2/name", "riff")
    daemon.client.send("/jam/start")
    wait_until(lambda: daemon.status()["jam"]["state"] == "playing", 20, "the jam")
    daemon.client.send("/slot/2/launch")
    wait_until(lambda: daemon.slot(2) == "playing", 20, "the clip")
    before = daemon.status()
    time.sleep(0.2)
    killed_at = frame(daemon)
    process_of(daemon, "control").kill()
    wait_until(daemon.ready, 20, "the return of control")
    after = daemon.status()
    back_at = after["clock"]["frame"]
    assert after["clock"]["tempo"] == before["clock"]["tempo"] == 140
    assert after["clock"]["playing"]
    assert after["jam"]["state"] == "playing"
    assert after["jam"]["chart"] == before["jam"]["chart"]
    assert after["params"]["density"] == pytest.approx(0.8)
    slot = next(row for row in after["slots"] if row["slot"] == 2)
    assert (slot["state"], slot["name"], slot["gain"]) == ("playing", "riff", -3.0)
    # it can still be led
    daemon.client.send("/slot/2/stop")
    wait_until(lambda: daemon.slot(2) == "ready", 20, "the stop")
    daemon.client.send("/jam/stop")
    wait_until(lambda: daemon.status()["jam"]["state"] == "stopped", 20, "the end of the jam")
    assert daemon.stop() == 0, daemon.log.read_text()
    audio, _ = soundfile.read(out)
    during = audio[killed_at:back_at]
    assert len(during) > RATE // 4
    levels = np.sqrt((during[: len(during) // 4800 * 4800].reshape(-1, 4800, 2) ** 2).mean(axis=(1, 2)))
    assert np.median(levels) > 1e-3
    assert (levels > 1e-4).mean() > 0.9


def test_a_tempo_and_back_leaves_the_clips_alone(shared_memory_is_clean: None, launch: Callable[[str], Daemon]) -> None:
    """A loop is stretched to another tempo and set free at its own again; the audio process plays on all the while."""
    daemon = launch("null")
    daemon.client.send("/clock/tempo", 120)
    render(daemon, 1)
    audio = process_of(daemon, "audio").pid
    daemon.client.send("/slot/1/launch")
    wait_until(lambda: daemon.slot(1) == "playing", 20, "the launch")

    def sounds_at(tempo: float) -> bool:
        return next(row for row in daemon.status()["slots"] if row["slot"] == 1)["sounds_at"] == tempo

    for tempo in (126.0, 120.0, 114.0, 120.0):
        daemon.client.send("/clock/tempo", tempo)
        wait_until(lambda tempo=tempo: sounds_at(tempo), 30, f"the loop at {tempo}")  # type: ignore[misc]
    play(daemon, 1.0)
    assert daemon.slot(1) == "playing" and process_of(daemon, "audio").pid == audio
    assert daemon.stop() == 0, daemon.log.read_text()
    assert "ended with status" not in daemon.log.read_text()


def test_audio_is_killed_and_comes_back_with_its_clips(shared_memory_is_clean: None, launch: Callable[[str], Daemon]) -> None:
    daemon = launch("null")
    render(daemon, 1)
    daemon.client.send("/gain", -7.0)
    daemon.drain()
    process_of(daemon, "audio").kill()
    time.sleep(0.3)
    at = frame(daemon)
    wait_until(lambda: frame(daemon) > at + 4800, 30, "the time line")
    wait_until(lambda: daemon.slot(1) == "ready", 10, "the clip")
    daemon.client.send("/slot/1/launch")
    wait_until(lambda: daemon.slot(1) == "playing", 10, "the launch")
    assert daemon.status()["gain"] == -7.0
    assert daemon.stop() == 0


def test_engine_is_killed_while_it_plays(tmp_path: Path, shared_memory_is_clean: None, launch: Callable[[str], Daemon]) -> None:
    """Slots go on, a faded loop stands in for the band, and the band is back on its own."""
    out = tmp_path / "out.wav"
    daemon = launch(f"file:{out}")
    render(daemon, 1)
    daemon.client.send("/slot/1/gain", -12.0)
    daemon.client.send("/jam/start")
    wait_until(lambda: daemon.status()["jam"]["state"] == "playing", 20, "the jam")
    daemon.client.send("/slot/1/launch")
    play(daemon, 2.5)
    killed_at = frame(daemon)
    process_of(daemon, "engine").kill()
    wait_until(lambda: not daemon.status()["engine"].get("ready"), 10, "the engine's end")
    wait_until(lambda: daemon.status()["engine"].get("jam"), 60, "the engine's return")
    assert daemon.slot(1) == "playing"
    assert daemon.status()["jam"]["state"] == "playing"
    queue = wait_until(lambda: daemon.status()["engine"].get("queue_ms"), 10, "the band")
    assert queue
    play(daemon, 3.0)
    end = frame(daemon)
    assert daemon.status()["audio"]["underruns"] >= 1
    assert daemon.stop() == 0
    audio, _ = soundfile.read(out)
    gap = audio[killed_at : killed_at + 3 * RATE]
    levels = np.sqrt((gap.reshape(-1, 4800, 2) ** 2).mean(axis=(1, 2)))
    assert (levels > 1e-4).all()  # never silent: the slot and the stand-in
    assert np.abs(np.diff(audio[killed_at:end, 0])).max() < 0.9


@pytest.fixture
def own_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """A JACK server that the test may kill."""
    name = f"jamd-own-{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    servers: list[subprocess.Popen[bytes]] = []

    def there() -> bool:
        try:
            jack.Client("probe", no_start_server=True, servername=name).close()
        except jack.JackOpenError:
            return False
        return True

    def start() -> subprocess.Popen[bytes]:
        servers.append(
            subprocess.Popen(["jackd", "-n", name, "-d", "dummy", "-r", "48000", "-p", "256"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        )  # fmt: skip
        wait_until(there, 15, "the start of jackd")
        return servers[-1]

    yield start
    for server in servers:
        server.terminate()
        server.wait()
    last = start()  # a killed server leaves its entry among the eight that JACK keeps, until one of its name ends well
    last.terminate()
    last.wait()


def connections(port: str) -> set[str]:
    """Asked from a process of its own: a client library that has lost a server is not used again here."""
    code = (
        "import jack, json, sys; jack.set_error_function(lambda _: None); c = jack.Client('asks', no_start_server=True);"
        f"print(json.dumps([p.name for p in c.get_all_connections({port!r})]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, env=dict(os.environ))
    return set(json.loads(done.stdout)) if done.returncode == 0 else set()


def test_jack_server_is_killed_and_started_again(
    tmp_path: Path, own_server: Callable[[], subprocess.Popen[bytes]], shared_memory_is_clean: None
) -> None:
    server = own_server()
    daemon = start_daemon("jack", tmp_path)
    try:
        code = (
            "import jack, time; jack.set_error_function(lambda _: None)\n"
            "while True:\n"
            "    try:\n"
            "        c = jack.Client('recorder', no_start_server=True); p = c.inports.register('in'); dead = []\n"
            "        c.set_shutdown_callback(lambda *a: dead.append(1)); c.activate()\n"
            "        while not dead: time.sleep(0.05)\n"
            "    except jack.JackError: pass\n"
            "    time.sleep(0.1)\n"
        )
        other = subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ))
        subprocess_ok = wait_until(lambda: connections("jamd:out_1") == {"system:playback_1"}, 10, "the first connections")
        assert subprocess_ok

        def connect() -> bool:
            code = (
                "import jack; jack.set_error_function(lambda _: None); c = jack.Client('con', no_start_server=True);"
                "c.connect('jamd:jam_1', 'recorder:in')"
            )
            return subprocess.run([sys.executable, "-c", code], capture_output=True, env=dict(os.environ)).returncode == 0

        wait_until(connect, 20, "a connection of one's own")
        daemon.client.send("/jam/start")
        wait_until(lambda: daemon.status()["jam"]["state"] == "playing", 20, "the jam")
        time.sleep(1.0)  # the connection has been seen
        server.kill()
        server.wait()
        wait_until(lambda: "went away" in daemon.log.read_text(), 10, "the notice")
        assert daemon.client.ask("/ping", expect="/pong").address == "/pong"
        own_server()
        began = time.monotonic()
        at = frame(daemon)
        wait_until(lambda: frame(daemon) > at + 480, 10, "the time line")
        returned = time.monotonic() - began
        wait_until(lambda: connections("jamd:out_1") == {"system:playback_1"}, 10, "the connections")
        wait_until(lambda: "recorder:in" in connections("jamd:jam_1"), 10, "the connection of one's own")
        assert returned < 6.0, returned
        assert daemon.status()["jam"]["state"] == "playing"
        other.kill()
        assert daemon.stop() == 0, daemon.log.read_text()
    finally:
        other.kill()
        daemon.stop()


def test_slots_mixer_and_connections_survive_a_restart(shared_memory_is_clean: None, launch: Callable[[str], Daemon]) -> None:
    daemon = launch("null")
    render(daemon, 7, bars=2)
    daemon.client.send("/slot/7/mode", "toggle")
    daemon.client.send("/slot/7/name", "bridge")
    daemon.client.send("/slot/9/quantize", "1/4")
    daemon.client.send("/gain", -4.5)
    daemon.client.send("/midi/learn", "/gain")
    daemon.client.send("/jam/param/density", 0.9)
    before = next(row for row in daemon.status()["slots"] if row["slot"] == 7)
    time.sleep(1.5)
    assert daemon.stop() == 0, daemon.log.read_text()
    again = launch("null")
    wait_until(lambda: again.slot(7) == "ready", 15, "the clip")
    after = next(row for row in again.status()["slots"] if row["slot"] == 7)
    assert {key: after[key] for key in ("bars", "tempo", "seed", "name", "mode")} == {
        key: before[key] for key in ("bars", "tempo", "seed", "name", "mode")
    }
    assert again.client.ask("/slot/9/quantize").arguments == ("1/4",)
    assert again.status()["gain"] == pytest.approx(-4.5)
    assert again.status()["params"]["density"] == 0.5  # a knob of the jam is not part of the set-up
    again.client.send("/slot/7/launch")
    wait_until(lambda: again.slot(7) == "playing", 10, "the clip")
    assert again.stop() == 0, again.log.read_text()


def test_damaged_state_is_put_aside(tmp_path: Path, shared_memory_is_clean: None, launch: Callable[[str], Daemon]) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.json").write_text('{"version": 1, "slots": [')
    daemon = launch("null")
    assert daemon.status()["gain"] == 0.0
    assert "kept as state.damaged.json" in daemon.log.read_text()
    assert (tmp_path / "state" / "state.damaged.json").read_text().startswith('{"version"')
    assert daemon.stop() == 0
