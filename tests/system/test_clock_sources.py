"""Whose clock leads, with the real daemon: JACK's transport, MIDI clock over JACK, a second Link peer."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import jack
import pytest

from tests.conftest import wait_until
from tests.system.conftest import Daemon


@pytest.fixture
def other(daemon: Daemon) -> Iterator[jack.Client]:
    client = jack.Client("leads", no_start_server=True)
    client.activate()
    yield client
    client.transport_stop()
    client.deactivate()
    client.close()


@pytest.fixture
def internal(still: Daemon) -> Iterator[Daemon]:
    yield still
    still.client.send("/clock/master", 0)
    still.client.send("/clock/source", "internal")
    still.drain()


def clock(daemon: Daemon) -> dict[str, object]:
    found = daemon.status()["clock"]
    assert isinstance(found, dict)
    return found


def test_the_band_follows_jack(internal: Daemon, other: jack.Client) -> None:
    """Armed while the transport stands, it plays with it, stops with it, and plays again."""
    daemon = internal
    other.transport_stop()
    other.transport_frame = 0
    daemon.client.send("/clock/source", "jack")
    wait_until(lambda: clock(daemon)["source"] == "jack", 10, "the source")
    daemon.client.send("/clock/tempo", 120)
    other.transport_start()
    wait_until(lambda: clock(daemon)["playing"], 5, "the start")
    _, position = other.transport_query()
    place = (position["frame"] / 48_000) * 2
    bar, beat = clock(daemon)["bar"], clock(daemon)["beat"]
    assert isinstance(bar, int) and isinstance(beat, float)
    assert (bar - 1) * 4 + beat - 1 == pytest.approx(place, abs=0.5)
    daemon.client.send("/jam/start")
    wait_until(lambda: daemon.status()["jam"]["state"] == "playing", 10, "the jam")
    other.transport_stop()
    wait_until(lambda: not clock(daemon)["playing"] and daemon.status()["jam"]["state"] == "stopped", 5, "the stop")
    assert clock(daemon)["waiting"]
    other.transport_frame = 48_000 * 2 * 4  # bar 5
    other.transport_start()
    wait_until(lambda: daemon.status()["jam"]["state"] in ("queued", "playing"), 10, "the jam again")
    wait_until(lambda: int(str(clock(daemon)["bar"])) >= 5, 5, "the bar")
    assert int(str(clock(daemon)["bar"])) <= 7
    daemon.client.send("/clock/stop")
    wait_until(lambda: other.transport_state == jack.STOPPED, 5, "the transport's stop")


def test_jamd_leads_jack(internal: Daemon, other: jack.Client) -> None:
    daemon = internal
    daemon.client.send("/clock/tempo", 150)
    daemon.client.send("/clock/master", 1)
    daemon.client.send("/clock/play")
    wait_until(lambda: other.transport_state == jack.ROLLING, 10, "the transport")

    def told() -> bool:
        _, position = other.transport_query()
        return abs(position.get("beats_per_minute", 0) - 150) < 1e-6

    wait_until(told, 5, "the tempo")
    time.sleep(0.5)
    _, position = other.transport_query()
    ours = clock(daemon)
    theirs = (position["bar"] - 1) * 4 + position["beat"] - 1 + position["tick"] / position["ticks_per_beat"]
    assert (int(str(ours["bar"])) - 1) * 4 + float(str(ours["beat"])) - 1 == pytest.approx(theirs, abs=0.3)
    daemon.client.send("/clock/stop")
    wait_until(lambda: other.transport_state == jack.STOPPED, 5, "the transport's stop")


def test_link_peers_agree(internal: Daemon) -> None:
    daemon = internal
    code = (
        "import link, time\nl = link.Link(97.0); l.startStopSyncEnabled = True; l.enabled = True\n"
        "end = time.monotonic() + 20\n"
        "while time.monotonic() < end and not l.numPeers(): time.sleep(0.05)\n"
        "assert l.numPeers(), 'nobody is there'\n"
        "time.sleep(1.0)\n"
        "s = l.captureSessionState(); now = l.clock().micros()\n"
        "s.setTempo(111.0, now); s.setIsPlaying(True, now); l.commitSessionState(s)\n"
        "print('set', flush=True)\n"
        "time.sleep(6)\n"
    )
    peer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        daemon.client.send("/clock/source", "link")
        wait_until(lambda: clock(daemon)["source"] == "link", 10, "the source")
        wait_until(lambda: clock(daemon).get("peers"), 20, "a peer")
        wait_until(lambda: clock(daemon)["tempo"] == pytest.approx(111.0, abs=0.1), 20, "the tempo")
        wait_until(lambda: clock(daemon)["playing"], 10, "the start")
    finally:
        peer.kill()
        peer.wait()
