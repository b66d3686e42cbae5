"""JACK transport, read, steered and led, on a real server with a second client."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jack
import pytest

from bridges.jack.transport import JackTransport
from jamd.contract.clock import Clock
from jamd.contract.errors import AudioError
from jamd.contract.observation import Observation
from jamd.control.sync.follower import Follower
from tests.conftest import wait_until

RATE = 48_000
MORTAL = f"jamd-mortal-{os.getpid()}"


def frame_of_us(us: float) -> float:
    """A time line of frames that began with JACK's clock."""
    return us * RATE / 1e6


@pytest.fixture
def other(jack_server: str) -> Iterator[jack.Client]:
    """Somebody else's client, with the transport at rest at frame 0 before and after."""
    client = jack.Client("jamd-test-other", no_start_server=True)
    client.activate()
    client.transport_stop()
    client.transport_frame = 0
    wait_until(lambda: client.transport_query() and client.transport_query()[0] == jack.STOPPED, what="the stop")
    yield client
    client.transport_stop()
    client.deactivate()
    client.close()


@pytest.fixture
def transport(jack_server: str) -> Iterator[JackTransport]:
    made = JackTransport()
    yield made
    made.close()


def test_starts_locates_and_stops_of_others_are_read(transport: JackTransport, other: jack.Client) -> None:
    reading = transport.query()
    assert reading is not None and reading.state == "stopped" and reading.music is None
    other.transport_start()
    wait_until(lambda: (transport.query() or reading).rolling, what="rolling")
    other.transport_frame = 4_800_000
    wait_until(lambda: (transport.query() or reading).frame >= 4_800_000, what="the locate")
    first = transport.query()
    time.sleep(0.3)
    second = transport.query()
    assert first is not None and second is not None
    assert (second.frame - first.frame) / RATE == pytest.approx((second.us - first.us) / 1e6, abs=0.02)
    other.transport_stop()
    wait_until(lambda: not (transport.query() or first).rolling, what="the stop")


def test_ours_steers_it(transport: JackTransport, other: jack.Client) -> None:
    transport.locate(96_000)
    wait_until(lambda: other.transport_frame == 96_000, what="the locate")
    transport.start()
    wait_until(lambda: other.transport_state == jack.ROLLING and other.transport_frame > 96_000, what="rolling")
    transport.stop()
    wait_until(lambda: other.transport_state == jack.STOPPED, what="the stop")


def place(reading: tuple[Any, dict[str, Any]]) -> tuple[float, float] | None:
    """Transport frame and beats from the start, as a client of JACK sees them."""
    position = reading[1]
    if "bar" not in position:
        return None
    beats = (position["bar"] - 1) * position["beats_per_bar"] + position["beat"] - 1 + position["tick"] / position["ticks_per_beat"]
    return position["frame"], beats


def test_as_master_our_bars_reach_the_others(transport: JackTransport, other: jack.Client) -> None:
    transport.set_master_clock(0, 0.0, 120.0, 4)
    transport.start()
    wait_until(lambda: place(other.transport_query()), what="bars")
    for _ in range(20):
        frame, beats = place(other.transport_query()) or (0, -1.0)
        assert beats == pytest.approx(frame / 24_000, abs=1.01 / 1920)
        time.sleep(0.01)
    transport.set_master_clock(480_000, 20.5, 93.0, 3, bar_beat=18.0, bar=6)
    transport.locate(480_000)
    wait_until(lambda: other.transport_query()[1].get("beats_per_minute") == 93.0 and other.transport_frame > 500_000, what="the tempo")
    position = other.transport_query()[1]
    past = 2.5 + (position["frame"] - 480_000) * 93 / 60 / RATE
    assert position["beats_per_bar"] == 3.0
    assert position["bar"] == 7 + int(past // 3)
    assert position["beat"] - 1 + position["tick"] / 1920 == pytest.approx(past % 3, abs=1.01 / 1920)
    assert position["bar_start_tick"] == (18 + past // 3 * 3) * 1920
    own = transport.query()
    assert own is not None and own.music is not None and own.music.tempo == 93.0
    exact = 2.5 + (own.frame - 480_000) * 93 / 60 / RATE
    assert own.music.beat == pytest.approx(exact % 3, abs=1e-4), "to the frame"
    transport.release()
    assert not transport.master
    wait_until(lambda: place(other.transport_query()) is None, what="the release")


def test_another_master_may_take_over_and_we_let_go(transport: JackTransport, other: jack.Client) -> None:
    transport.set_master_clock(0, 0.0, 120.0, 4)
    lead(other, 77.0)
    wait_until(lambda: other.transport_query()[1].get("beats_per_minute") == 77.0, what="the other master")
    transport.release()
    assert other.transport_query()[1].get("beats_per_minute") == 77.0
    other.release_timebase()


def lead(client: jack.Client, tempo: float, metre: int = 4) -> None:
    """Make a client of the test the master, as the programs of others are: ticks without a fraction."""

    @client.set_timebase_callback
    def fill(state: int, frames: int, position: Any, new: bool) -> None:
        beats = position.frame * tempo / 60 / position.frame_rate
        position.beats_per_bar, position.beat_type, position.ticks_per_beat = metre, 4.0, 960.0
        position.beats_per_minute = tempo
        position.bar, position.beat = int(beats // metre) + 1, int(beats % metre) + 1
        position.tick = int(beats % 1 * 960)
        position.valid = 0x10


def follow(transport: JackTransport, follower: Follower, clock: Clock, seconds: float) -> tuple[Clock, list[Observation], int]:
    """Poll as control does; also how many changes there were."""
    seen, changes = [], 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        observation = transport.observation(frame_of_us, 100.0)
        if observation is not None:
            seen.append(observation)
            fresh = follower.follow(clock, observation, round(frame_of_us(time.clock_gettime(time.CLOCK_MONOTONIC_RAW) * 1e6)))
            if fresh is not None:
                clock, changes = fresh, changes + 1
        time.sleep(0.004)
    return clock, seen, changes


def off_ms(clock: Clock, transport: JackTransport) -> float:
    """How far the clock is from the transport's bars."""
    reading = transport.query()
    assert reading is not None and reading.music is not None
    bar, within = clock.bar_at(frame_of_us(reading.us))
    return abs((bar - reading.music.bar) * 4 + within - reading.music.beat) * 60_000 / reading.music.tempo


def settled(transport: JackTransport, follower: Follower, clock: Clock) -> Clock:
    """Followed on until it lies within 5 ms: half a beat, which a server that stalls can lose at its start, is bent away in 6 s."""
    for _ in range(16):
        if off_ms(clock, transport) < 5.0:
            return clock
        clock, _, _ = follow(transport, follower, clock, 0.5)
    pytest.fail(f"still {off_ms(clock, transport):.1f} ms off")


def test_the_follower_goes_with_a_master(transport: JackTransport, other: jack.Client) -> None:
    lead(other, 132.0)
    follower = Follower()
    clock = Clock.standing(0, 120.0, 4)
    wait_until(lambda: place(other.transport_query()), what="bars")
    clock, _, _ = follow(transport, follower, clock, 0.5)
    assert not clock.playing and clock.segments[-1].tempo == pytest.approx(132.0)
    other.transport_start()
    clock, _, _ = follow(transport, follower, clock, 2.0)
    assert clock.playing
    clock = settled(transport, follower, clock)
    other.transport_frame = 48_000 * 60
    clock, seen, changes = follow(transport, follower, clock, 1.5)
    assert all(one.playing for one in seen), "a locate is no stop"
    assert 1 <= changes < 20
    clock = settled(transport, follower, clock)
    assert clock.bar_at(seen[-1].frame)[0] == pytest.approx(33, abs=2)
    other.transport_stop()
    clock, _, _ = follow(transport, follower, clock, 0.3)
    assert not clock.playing
    other.release_timebase()


def test_without_a_master_the_tempo_is_the_daemons(transport: JackTransport, other: jack.Client) -> None:
    other.transport_start()
    other.transport_frame = 96_000
    wait_until(lambda: (reading := transport.query()) and reading.rolling and reading.frame >= 96_000, what="rolling")
    first = transport.observation(frame_of_us, 120.0)
    assert first is not None and first.playing and first.tempo == 120.0 and not first.knows_bars
    assert 4.0 <= first.beat < 8.0
    changed = transport.observation(frame_of_us, 60.0)
    assert changed is not None and changed.beat == pytest.approx(first.beat, abs=0.2), "it goes on from where it is"
    time.sleep(0.3)
    later = transport.observation(frame_of_us, 60.0)
    assert later is not None
    assert later.beat - changed.beat == pytest.approx((later.frame - changed.frame) / RATE, abs=0.02)


DYING = """
    import os, signal, sys, time
    from bridges.jack.transport import JackTransport
    from jamd.contract.errors import AudioError

    transport = JackTransport("jamd-sync")
    if sys.argv[2] == "master":
        transport.set_master_clock(0, 0.0, 120.0, 4)
        transport.start()
        time.sleep(0.2)
    os.kill(int(sys.argv[1]), signal.SIGKILL)
    end = time.monotonic() + 10
    while transport.alive and time.monotonic() < end:
        time.sleep(0.01)
    said = 0
    for action in (transport.query, transport.start, transport.stop, lambda: transport.locate(0), transport.query,
                   lambda: transport.set_master_clock(0, 0.0, 90.0, 4), transport.release, transport.close):
        try:
            action()
        except AudioError as error:
            said += 1
            assert "went away" in str(error)
    print(transport.alive, said, flush=True)
"""


@contextmanager
def mortal_server() -> Iterator[subprocess.Popen[bytes]]:
    """A server to kill. It is started once more in the end: a killed one leaves its entry in JACK's registry, which has room for
    eight, and only a server of the same name clears it."""

    def begin() -> subprocess.Popen[bytes]:
        server = subprocess.Popen(["jackd", "-n", MORTAL, "-d", "dummy", "-r", "48000", "-p", "128"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        wait_until(there, 15, "the start of jackd")
        return server

    def there() -> bool:
        try:
            jack.Client("probe", no_start_server=True, servername=MORTAL).close()
        except jack.JackOpenError:
            return False
        return True

    def end(server: subprocess.Popen[bytes]) -> None:
        server.terminate()
        server.wait(timeout=10)

    server = begin()
    try:
        yield server
    finally:
        end(server)
        end(begin())


@pytest.mark.parametrize("role", ["follower", "master"])
def test_a_server_that_dies_is_said_once_and_takes_nothing_down(role: str) -> None:
    with mortal_server() as server:
        result = subprocess.run([sys.executable, "-c", textwrap.dedent(DYING), str(server.pid), role], capture_output=True, text=True,
                                env=os.environ | {"JACK_DEFAULT_SERVER": MORTAL}, timeout=60)  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["False", "1"], result.stderr


def test_a_second_client_of_the_name_is_refused(transport: JackTransport) -> None:
    with pytest.raises(AudioError, match="already has a client 'jamd-sync'"):
        JackTransport()
