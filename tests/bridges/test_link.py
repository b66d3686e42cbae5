"""Ableton Link between real processes: they find each other over the network (multicast; the loopback is enough)."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bridges.link import LinkClock
from jamd.contract.clock import Clock
from jamd.contract.errors import JamdError
from jamd.control.sync.follower import Follower
from tests.conftest import wait_until

RATE = 48_000

PEER = """
    import json, sys
    from bridges.link import LinkClock

    clock = LinkClock(float(sys.argv[1]), quantum=4)
    for line in sys.stdin:
        word, *values = line.split()
        if word == "tempo":
            clock.set_tempo(float(values[0]))
        elif word == "play":
            clock.set_playing(bool(int(values[0])))
        elif word == "quit":
            break
        seen = clock.observation(lambda us: us)
        print(json.dumps([clock.peers, seen.frame, seen.beat, seen.tempo, seen.playing]), flush=True)
    clock.close()
"""


def frame_of_us(us: float) -> float:
    return us * RATE / 1e6


class Peer:
    """Another process in the session."""

    def __init__(self, tempo: float) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(PEER), str(tempo)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip

    def say(self, text: str = "look") -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return dict(zip(("peers", "us", "beat", "tempo", "playing"), json.loads(self.process.stdout.readline()), strict=True))

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        if self.process.poll() is None:
            self.process.stdin.write("quit\n")
            self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()


@pytest.fixture
def session() -> Iterator[tuple[LinkClock, Peer]]:
    """Two participants that have found each other: ours came first, at 112 bpm."""
    ours = LinkClock(112.0)
    others = ours.peers
    peer = Peer(87.0)
    try:
        wait_until(lambda: ours.peers > others and peer.say()["peers"], 20, "the meeting of two Link processes")
        wait_until(lambda: peer.say()["tempo"] == pytest.approx(ours.tempo), what="one tempo")
        yield ours, peer
    finally:
        peer.close()
        ours.close()


def beats_apart(ours: LinkClock, peer: Peer) -> float:
    """In the bar, at the peer's moment: between -2 and 2."""
    seen = peer.say()
    own = ours.observation(lambda us: us)
    beat = own.beat - (own.frame - seen["us"]) * own.tempo / 60e6
    return (beat - seen["beat"] + 2.0) % 4.0 - 2.0


def test_two_processes_agree_on_tempo_and_beat(session: tuple[LinkClock, Peer]) -> None:
    ours, peer = session
    wait_until(lambda: abs(beats_apart(ours, peer)) < 0.01, what="one beat")
    assert [abs(beats_apart(ours, peer)) < 0.01 for _ in range(5)] == [True] * 5


def test_a_tempo_reaches_the_other_both_ways(session: tuple[LinkClock, Peer]) -> None:
    ours, peer = session
    ours.set_tempo(141.0)
    wait_until(lambda: peer.say()["tempo"] == pytest.approx(141.0), what="our tempo")
    wait_until(lambda: abs(beats_apart(ours, peer)) < 0.01, what="one beat")
    peer.say("tempo 66.5")
    wait_until(lambda: ours.tempo == pytest.approx(66.5), what="the peer's tempo")


def test_starts_and_stops_are_shared_and_the_start_is_a_bar_line(session: tuple[LinkClock, Peer]) -> None:
    ours, peer = session
    assert not ours.observation(frame_of_us).playing
    peer.say("play 1")
    wait_until(lambda: ours.observation(frame_of_us).playing, what="the start")
    own = ours.observation(lambda us: us)
    seen = peer.say()
    assert -4.0 <= own.beat < 8.0, "counted from the start"
    assert own.beat == pytest.approx(seen["beat"] - (seen["us"] - own.frame) * own.tempo / 60e6, abs=0.02)
    ours.set_playing(False)
    wait_until(lambda: not peer.say()["playing"], what="the stop")
    ours.set_playing(True)
    wait_until(lambda: peer.say()["playing"], what="our start")


def test_the_follower_goes_with_the_session(session: tuple[LinkClock, Peer]) -> None:
    ours, peer = session
    follower = Follower()
    clock = Clock.standing(0, 120.0, 4)
    ours.set_playing(True)

    def follow(clock: Clock, seconds: float) -> tuple[Clock, int]:
        changes, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            seen = ours.observation(frame_of_us)
            fresh = follower.follow(clock, seen, round(frame_of_us(ours.micros())))
            if fresh is not None:
                clock, changes = fresh, changes + 1
            time.sleep(0.004)
        return clock, changes

    def off_ms(clock: Clock) -> float:
        seen = ours.observation(frame_of_us)
        bar, within = clock.bar_at(seen.frame)
        return abs(bar * 4 + within - seen.beat) * 60_000 / seen.tempo

    clock, _ = follow(clock, 1.0)
    assert clock.playing and off_ms(clock) < 1.0
    clock, changes = follow(clock, 3.0)
    assert changes <= 3
    peer.say("tempo 150")
    clock, _ = follow(clock, 3.0)
    assert clock.segments[-1].tempo == pytest.approx(150.0, rel=1e-3)
    assert off_ms(clock) < 1.0


def test_alone_a_beat_may_be_asked_for() -> None:
    clock = LinkClock(120.0, enabled=False)
    assert clock.peers == 0 and not clock.enabled
    at = clock.micros()
    clock.request_beat(8.0, at)
    seen = clock.observation(lambda us: us)
    assert seen.beat == pytest.approx(8.0 + (seen.frame - at) * 2 / 1e6, abs=1e-4)
    assert (seen.tempo, seen.beats_per_bar, seen.playing) == (120.0, 4, False)
    clock.set_tempo(90.0)
    assert clock.tempo == pytest.approx(90.0)
    clock.close()


def test_its_clock_is_jacks() -> None:
    clock = LinkClock(120.0, enabled=False)
    assert clock.micros() == pytest.approx(time.clock_gettime(time.CLOCK_MONOTONIC_RAW) * 1e6, abs=50_000)
    clock.close()


def test_without_the_package_one_line_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "link", None)
    with pytest.raises(JamdError, match="LinkPython-extern"):
        LinkClock(120.0)
