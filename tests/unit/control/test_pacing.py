"""What goes to the engine in a flood: bounded, in a sensible order, the last word always."""

from __future__ import annotations

import os

from jamd.contract import messages as m
from jamd.contract.clock import Clock
from jamd.control.guard import BUDGET, CLIENTS, Bucket, Guard
from jamd.control.pacing import RATE, Pacing
from jamd.control.priority import REAL_TIME, to_the_front


class Engine:
    """Takes messages, on a clock of the test's."""

    def __init__(self) -> None:
        self.now = 0.0
        self.there = True
        self.taken: list[m.Message] = []
        self.pacing = Pacing(self._take, lambda: self.now)

    def _take(self, role: str, message: m.Message) -> bool:
        if self.there:
            self.taken.append(message)
        return self.there

    def send(self, *messages: m.Message) -> None:
        for one in messages:
            assert self.pacing.send("engine", one)

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds * 500)):
            self.now += 0.002
            self.pacing.poll()


def chart(number: int) -> m.SetChart:
    return m.SetChart(text=f"| C{number} |", bar=number)


def render(slot: int, request: int) -> m.RenderClip:
    return m.RenderClip(slot=slot, request=request, bars=1, tempo=120.0, beats_per_bar=4, chart_text="| C |", style="", seed=None)


def test_little_goes_at_once() -> None:
    engine = Engine()
    engine.send(chart(1), m.SetParam(name="density", value=0.1), m.JamStart(frame=1))
    assert engine.taken == [chart(1), m.SetParam(name="density", value=0.1), m.JamStart(frame=1)]
    assert len(engine.pacing) == 0


def test_a_flood_waits_and_only_the_newest_of_a_kind_is_kept() -> None:
    engine = Engine()
    engine.send(*(chart(number) for number in range(10_000)), *(render(n % 64, n) for n in range(10_000)))
    assert len(engine.pacing) <= 1 + 64
    assert len(engine.taken) <= RATE / 5
    engine.pass_time(2.0)
    assert len(engine.pacing) == 0
    assert [one for one in engine.taken if isinstance(one, m.SetChart)][-1] == chart(9_999)
    newest = {one.slot: one.request for one in engine.taken if isinstance(one, m.RenderClip)}
    assert newest == {n % 64: n for n in range(10_000 - 64, 10_000)}


def test_starts_and_ends_keep_their_order() -> None:
    engine = Engine()
    clock = m.SetClock(clock=Clock((), False))
    engine.send(*(chart(number) for number in range(200)), clock)
    engine.send(*(one for frame in range(1_000) for one in (m.JamStart(frame=frame), m.JamStop(frame=frame))), clock)
    assert len(engine.pacing) <= 4
    engine.pass_time(1.0)
    assert engine.taken[-3:] == [clock, m.JamStart(frame=999), m.JamStop(frame=999)]


def test_panic_takes_what_it_ends_with_it() -> None:
    engine = Engine()
    engine.send(*(chart(number) for number in range(200)), render(1, 1), m.JamStart(frame=5), m.Panic())
    engine.pass_time(1.0)
    assert engine.taken[-1] == m.Panic()
    assert m.JamStart(frame=5) not in engine.taken
    assert render(1, 1) not in engine.taken


def test_nobody_there() -> None:
    engine = Engine()
    engine.send(*(chart(number) for number in range(200)))
    engine.there = False
    engine.pass_time(0.1)
    assert len(engine.pacing) == 0
    assert not engine.pacing.send("engine", render(1, 1))


def test_replies_of_audio_are_not_paced() -> None:
    engine = Engine()
    engine.send(*(m.ClipAttach(slot=1, name=str(n), frames=1, loop=True) for n in range(1_000)))
    assert len(engine.taken) == 1_000


def test_bucket_fills_up_to_a_second() -> None:
    bucket = Bucket(10.0, 0.0)
    assert all(bucket.take(1.0, 0.0) for _ in range(10))
    assert not bucket.take(1.0, 0.0)
    assert bucket.take(1.0, 0.11)
    assert sum(bucket.take(1.0, 100.0) for _ in range(100)) == 10


def test_guard_forgets_who_was_heard_long_ago() -> None:
    guard = Guard(lambda: 0.0)
    assert not guard.allows("a", BUDGET + 1)
    for client in range(10 * CLIENTS):
        assert guard.allows(client, 1.0)
    assert len(guard._budgets) == CLIENTS


def test_to_the_front_or_not_at_all() -> None:
    """In a process of its own: where the system allows it the thread is a real-time one, and its children are not."""
    pid = os.fork()
    if pid == 0:
        wanted = os.SCHED_FIFO if to_the_front() else os.SCHED_OTHER
        fits = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == wanted
        if os.sched_getscheduler(0) & os.SCHED_RESET_ON_FORK:
            fits = os.sched_getparam(0).sched_priority == REAL_TIME
            child = os.fork()
            if child == 0:
                os._exit(os.sched_getscheduler(0) != os.SCHED_OTHER)
            fits = fits and os.waitpid(child, 0)[1] == 0
        os._exit(not fits)
    assert os.waitpid(pid, 0)[1] == 0
