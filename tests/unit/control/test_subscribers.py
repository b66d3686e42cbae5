"""Several clients at once: what one reads or ends is nothing to the others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from jamd.contract.layout import PEAKS, Level
from jamd.control import subscribers
from jamd.control.subscribers import Client, Subscribers
from tests.unit.control.rig import Rig

ONE, TWO = ("127.0.0.1", 5001), ("127.0.0.1", 5002)
THIRD = ("127.0.0.1", 5003)


class Now:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = 100.0

    def monotonic(self) -> float:
        return self.time


class Desk:
    """Subscribers of a session, and what they have been sent."""

    def __init__(self, rig: Rig, now: Now) -> None:
        self.rig, self.now = rig, now
        self.sent: list[tuple[Client, str, Any]] = []
        self.them = Subscribers(rig.session, lambda client, address, text: self.sent.append((client, address, json.loads(text))))

    def pass_by(self, seconds: float) -> list[tuple[Client, str, Any]]:
        """Let time pass; what is sent then."""
        self.now.time += seconds
        self.sent.clear()
        self.them.publish_due()
        return list(self.sent)

    def hears(self, topic: str) -> set[Client]:
        """Who is still told of a topic."""
        return {client for client, name in self.them._subscriptions if name == topic}


@pytest.fixture
def desk(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    now = Now()
    monkeypatch.setattr(subscribers, "time", now)
    yield Desk(rig, now)


def peak(rig: Rig, value: float) -> None:
    """The audio thread has seen a peak."""
    levels = rig.memory.levels
    levels[Level.PEAK_LEFT] = max(levels[Level.PEAK_LEFT], value)
    at = PEAKS["jam"] + 1
    levels[at] = max(levels[at], value / 2)
    levels[Level.LIMITER_LOWEST] = min(levels[Level.LIMITER_LOWEST], 1 - value / 2)


def test_everybody_sees_every_peak(desk: Desk) -> None:
    desk.them.add(ONE, "meters", 30, None)
    desk.them.add(TWO, "meters", 100, None)
    seen: dict[Client, list[float]] = {ONE: [], TWO: []}
    for value in (0.9, 0.1, 0.2, 0.7, 0.3, 0.0, 0.0):
        peak(desk.rig, value)
        desk.rig.session.status()  # somebody looks at all of it
        for client, _, view in desk.pass_by(0.035):
            seen[client].append(view["peak_left"])
            assert view["peaks"]["jam"][1] == pytest.approx(view["peak_left"] / 2, abs=1e-4)
    assert seen[ONE] == [0.9, 0.1, 0.2, 0.7, 0.3, 0.0]  # twice the same is not said twice
    assert seen[TWO] == [0.9, 0.7]
    peak(desk.rig, 0.5)
    assert desk.rig.session.status()["audio"]["peak_left"] == 0.5
    assert desk.rig.session.status()["audio"]["peak_left"] == 0.0
    desk.them.remove(ONE, "all")
    desk.them.remove(TWO, "all")
    assert set(desk.rig.session.meters._kept) == {"status"}


def test_the_end_of_one_is_not_that_of_its_host(desk: Desk) -> None:
    desk.them.add(ONE, "all", None, None)
    desk.them.add(TWO, "all", None, None)
    desk.them.remove(ONE, "clock")
    assert desk.hears("clock") == {TWO} and desk.hears("slots") == {ONE, TWO}
    desk.them.remove(TWO, "all")
    assert desk.hears("slots") == {ONE}
    desk.them.remove(THIRD, "all")
    assert desk.hears("slots") == {ONE}, "a third has nothing to end"


def test_who_does_not_ping_is_forgotten_alone(desk: Desk) -> None:
    desk.them.add(ONE, "clock", None, None)
    desk.them.add(TWO, "clock", None, None)
    for _ in range(7):
        desk.pass_by(10.0)
        desk.them.seen(TWO)
    assert desk.hears("clock") == {TWO}
    desk.pass_by(61.0)
    assert not len(desk.them) and not desk.them._seen


def test_a_named_port(desk: Desk) -> None:
    """As programs with another port for hearing do, or with a new one for every message."""
    desk.them.add(ONE, "clock", None, 7001)
    desk.them.add(ONE, "clock", None, 7002)
    named = {("127.0.0.1", 7001), ("127.0.0.1", 7002)}
    assert desk.hears("clock") == named
    desk.pass_by(50.0)
    desk.them.seen(THIRD)
    desk.pass_by(50.0)
    assert desk.hears("clock") == named, "anything from the host keeps them"
    desk.them.remove(THIRD, "clock", 7001)
    assert desk.hears("clock") == {("127.0.0.1", 7002)}
    desk.them.remove(("10.0.0.1", 5001), "all", 7002)
    desk.them.remove(("10.0.0.1", 5001), "all")
    assert desk.hears("clock") == {("127.0.0.1", 7002)}, "another host has no say"
    desk.them.add(TWO, "clock", None, None)
    desk.them.remove(TWO, "clock")
    assert desk.hears("clock") == {("127.0.0.1", 7002)}
    desk.them.remove(THIRD, "clock")
    assert not len(desk.them)


def test_topics_say_what_they_hold(desk: Desk) -> None:
    began = time.monotonic()
    desk.them.add(ONE, "all", None, None)
    found = {address: value for _, address, value in desk.sent}
    assert found["/takes"]["takes"] == [] and isinstance(found["/engine"]["memory_mb"], int)
    assert time.monotonic() - began < 5.0


def test_every_line_of_the_log_is_sent(desk: Desk) -> None:
    desk.them.log("before")
    desk.them.add(ONE, "log", 100, None)
    desk.them.add(TWO, "log", 1000, None)
    assert [value for _, _, value in desk.sent] == ["before", "before"]
    heard: dict[Client, list[str]] = {ONE: [], TWO: []}
    for lines in (["a", "b", "c"], [], ["c"], ["c", "d"], *[[]] * 8):
        for line in lines:
            desk.them.log(line)
        for client, address, value in desk.pass_by(0.11):
            assert address == "/log"
            heard[client].append(value)
    assert heard[ONE] == heard[TWO] == ["a", "b", "c", "c", "c", "d"]
    for number in range(10 * subscribers.LINES):
        desk.them.log(str(number))
    assert len(desk.pass_by(0.11)) == subscribers.LINES, "the newest, and no flood"
    assert desk.sent[-1][2] == str(10 * subscribers.LINES - 1)


def test_a_clock_that_stands_still_is_told_once(desk: Desk) -> None:
    """Frames pass all the time; a clock that runs is told of as often as was asked for."""
    desk.them.add(ONE, "clock", 100, None)
    for _ in range(5):
        desk.rig.run(100)
        assert desk.pass_by(0.2) == []
    desk.rig.do("/clock/metronome", 1)
    assert [text["metronome"] for _, _, text in desk.pass_by(0.2)] == [1]
    desk.rig.do("/jam/start")
    desk.rig.run(500)
    desk.pass_by(0.2)
    frames = []
    for _ in range(3):
        desk.rig.run(100)
        frames += [text["frame"] for _, _, text in desk.pass_by(0.2)]
    assert len(set(frames)) == 3
