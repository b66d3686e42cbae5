"""Whatever comes over OSC, the session stays what it was or becomes something valid, and the sender hears an answer or an `/error`."""

from __future__ import annotations

import asyncio
import json
import math
import struct
import time
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridges.osc import LARGEST, OscMessage, build, read_packet
from jamd.contract.chart import parse_chart, parse_chord
from jamd.contract.parameters import PARAMETER_BY_NAME, ROUTES
from jamd.contract.units import PARTS, TEMPO_MAX, TEMPO_MIN
from jamd.control import server, subscribers
from jamd.control.guard import BUDGET, LONGEST, Guard
from jamd.control.midi_desk import MidiDesk
from jamd.control.server import OscServer
from jamd.control.state import State
from tests.unit.control.rig import Rig

CLIENT = ("127.0.0.1", 9)
ELSEWHERE = ("recording.", "transport.source", "transport.master")
"""What needs a JACK server or the audio process itself: tests of the whole daemon have it."""


class Wire:
    """In place of the socket: keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, tuple[str, int]]] = []

    def sendto(self, data: bytes, client: tuple[str, int], /) -> int:
        assert len(data) <= LARGEST
        self.sent.append((data, client))
        return len(data)

    def take(self) -> list[OscMessage]:
        out = [message for data, _ in self.sent for message in read_packet(data)]
        self.sent.clear()
        return out


class Desk:
    """A server with a real session behind it, and a loop to run it in."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.rig = Rig()
        self.now = 0.0
        self.server: OscServer = None  # type: ignore[assignment]
        self.renew()
        self.runner.run(self._with_midi())

    def renew(self) -> None:
        """A server that has heard of nobody; what the one before has put off is forgotten."""
        if self.server is not None:
            self.server.perform = lambda *_: None  # type: ignore[method-assign]
        self.wire = Wire()
        self.server = OscServer(self.rig.session, self.wire)
        self.server._guard = Guard(lambda: self.now)

    async def _with_midi(self) -> None:
        self.rig.session.add_desk("midi", MidiDesk(self.rig.session))

    def hear(self, *packets: bytes, client: tuple[str, int] = CLIENT) -> list[OscMessage]:
        """Packets as they come from the network; what was answered."""

        async def go() -> None:
            self.now += 1.0  # everybody has their budget again
            for data in packets:
                self.server.datagram_received(data, client)
            self.rig.run(2.0)
            await asyncio.sleep(0)

        self.runner.run(go())
        return self.wire.take()

    def close(self) -> None:
        self.rig.close()
        self.runner.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    patch = pytest.MonkeyPatch()
    patch.setenv("JAMD_HOME", str(tmp_path_factory.mktemp("home")))
    desk = Desk()
    yield desk
    desk.close()
    patch.undo()


def check_state(desk: Desk) -> None:
    """The state can be kept, sent, and played."""
    state = desk.rig.session.state
    assert msgspec.json.decode(msgspec.json.encode(state), type=State) == state
    for name, value in state.params.items():
        known = PARAMETER_BY_NAME[name]
        assert known.low <= value <= known.high
    assert state.parts.keys() == set(PARTS)
    assert all(isinstance(value, bool) for value in state.parts.values())
    assert TEMPO_MIN <= state.tempo <= TEMPO_MAX
    assert math.isfinite(state.gain_db)
    assert len(state.chart.bars) > 0
    assert parse_chart(state.chart.text()).bars == state.chart.bars
    if state.chord_text:
        parse_chord(state.chord_text)
    assert json.loads(json.dumps(desk.rig.session.status(), allow_nan=False))


def wishes(desk: Desk) -> dict[str, object]:
    """The state without what time alone changes."""
    state = msgspec.to_builtins(desk.rig.session.state)
    return {key: value for key, value in state.items() if key not in ("jam_from", "jam_until", "slots", "clock")}


def check_answers(answers: list[OscMessage], most: int = 200) -> None:
    assert len(answers) <= most
    for answer in answers:
        if answer.address == "/error":
            address, code, text = answer.arguments
            assert code != "internal", text
            assert len(build("/error", address, code, text)) < 1200 if not text.isascii() else 420


# --- packets --------------------------------------------------------------------------------------------------------------


def padded(data: bytes) -> bytes:
    return data + b"\0" * (4 - len(data) % 4)


real = st.builds(
    lambda route, number: route.template.replace("/N/", f"/{number}/"),
    st.sampled_from([route for route in ROUTES if not route.action.startswith(ELSEWHERE)]),
    st.integers(1, 8),
)
near = st.builds(lambda one, cut, more: one[:cut] + more + one[cut + 1 :], real, st.integers(1, 20), st.text("abz/0?*[]{}!,-", max_size=3))
wild = st.text("/abcdejmnoprst0123*?[]{}!,-", max_size=24).map(lambda one: f"/{one}")
odd = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300).map(lambda one: f"/{one}")
addresses = st.one_of(real, real, near, wild, odd)
texts = st.one_of(
    st.sampled_from(["| Dm7 | G7 |", "C7", "1/4", "gate", "link", "all", "clock", "../../x", "/etc/passwd", "/gain", "| C |" * 500]),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
    st.integers(1, 3).map(lambda n: "x" * 4000 * n),
)
values = st.one_of(
    st.tuples(st.just("i"), st.integers(-(2**31), 2**31 - 1).map(lambda v: struct.pack(">i", v))),
    st.tuples(st.just("i"), st.integers(-2, 70).map(lambda v: struct.pack(">i", v))),
    st.tuples(st.just("h"), st.integers(-(2**63), 2**63 - 1).map(lambda v: struct.pack(">q", v))),
    st.tuples(st.just("f"), st.floats(width=32).map(lambda v: struct.pack(">f", v))),
    st.tuples(st.just("f"), st.floats(0, 1, width=32).map(lambda v: struct.pack(">f", v))),
    st.tuples(st.just("d"), st.floats().map(lambda v: struct.pack(">d", v))),
    st.tuples(st.just("s"), texts.map(lambda v: padded(v.encode()))),
    st.tuples(st.just("b"), st.binary(max_size=16).map(lambda v: struct.pack(">i", len(v)) + v + b"\0" * (-len(v) % 4))),
    st.tuples(st.sampled_from("TFNI[]"), st.just(b"")),
    st.tuples(st.sampled_from("tmrcS?"), st.binary(min_size=4, max_size=8)),
)
messages = st.builds(
    lambda address, found: padded(address.encode()) + padded(("," + "".join(t for t, _ in found)).encode()) + b"".join(b for _, b in found),
    addresses,
    st.lists(values, max_size=5),
)
tags = st.one_of(
    st.just(1), st.just(1), st.integers(0, 2**64 - 1), st.integers(0, 20).map(lambda s: int((time.time() + 2208988800 + s) * 2**32))
)


def bundle(tag: int, elements: list[bytes]) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", tag) + b"".join(struct.pack(">i", len(one)) + one for one in elements)


packets = st.recursive(messages, lambda inner: st.builds(bundle, tags, st.lists(inner, max_size=5)), max_leaves=12)
damaged = st.builds(lambda data, at, new: data[: at % (len(data) + 1)] + new + data[at % (len(data) + 1) + len(new) :], packets,
                    st.integers(0, 4000), st.binary(max_size=8))  # fmt: skip
slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=300)


@slow
@given(data=st.one_of(st.binary(max_size=600), packets, damaged))
def test_any_packet_is_read_or_refused(data: bytes) -> None:
    from jamd.contract.errors import MessageError

    try:
        found = read_packet(data)
    except MessageError as error:
        assert error.code == "malformed"
        return
    assert all(one.address.startswith("/") and one.delay >= 0.0 for one in found)


@slow
@given(data=st.lists(st.one_of(packets, packets, damaged, st.binary(max_size=200)), max_size=4))
def test_any_packets_leave_a_valid_session(desk: Desk, data: list[bytes]) -> None:
    answers = desk.hear(*data)
    check_answers(answers, 2000)
    check_state(desk)
    assert "/pong" in [one.address for one in desk.hear(build("/ping"))]  # and what had been put off until now
    desk.renew()


@slow
@given(address=real, found=st.lists(values, max_size=4))
def test_any_arguments_are_taken_or_refused(desk: Desk, address: str, found: list[tuple[str, bytes]]) -> None:
    data = padded(address.encode()) + padded(("," + "".join(t for t, _ in found)).encode()) + b"".join(b for _, b in found)
    desk.renew()
    before = wishes(desk)
    answers = desk.hear(data)
    check_answers(answers)
    check_state(desk)
    if any(one.address == "/error" for one in answers) and not address.startswith(("/jam/panic", "/scene", "/slot", "/clock")):
        assert wishes(desk) == before


# --- bounds ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        padded(b"/" + b"x" * 60_000) + b",\0\0\0",
        padded(b"/" + b"*a" * 2_000) + b",\0\0\0",
        padded(b"/slot/*/" + b"{,a,u,n}" * 20) + b",\0\0\0",
        padded(b"/slot/*/*") + b",\0\0\0",
        build("/slot/*/launch"),
        build("/jam/chord", "Q" * 7000),
        build("/jam/style", "x" * 60_000),
        build("/jam/chart", "| C7 " * 3_000),
        b"#bundle\0" + b"\0" * 7 + b"\1" + b"\0" * 60_000,
    ],
)
def test_answers_are_short_and_quick(desk: Desk, data: bytes) -> None:
    """No packet is answered with much more than itself, or takes long."""
    desk.hear(data)
    began = time.perf_counter()
    answers = desk.hear(data)
    assert time.perf_counter() - began < 0.5
    assert answers
    assert all(one.address == "/error" for one in answers)
    sizes = [len(build(one.address, *one.arguments)) for one in answers]
    assert max(sizes) < 420
    assert sum(sizes) < max(len(data), 10 * 420)


def test_deep_bundles_are_refused_or_read(desk: Desk) -> None:
    data = build("/ping")
    for _ in range(3_000):
        data = bundle(1, [data])
        if len(data) > LARGEST - 20:
            break
    answers = desk.hear(data)
    assert [one.address for one in answers] in (["/pong"], ["/error"])


def test_what_waits_for_its_time_is_bounded(desk: Desk) -> None:
    at = int((time.time() + 2208988800 + 300) * 2**32)
    desk.renew()
    for _ in range(5):
        desk.hear(*(bundle(at, [build("/jam/param/density", 0.5)] * 3) for _ in range(300)))
    assert len(desk.server._waiting) == server.WAITING
    desk.renew()
    for _ in range(40):
        desk.hear(*(bundle(at, [build("/slot/1/name", "x" * 1000)] * 40) for _ in range(10)))
    assert 0 < desk.server._waiting_bytes <= server.WAITING_BYTES
    desk.renew()
    late = bundle(int((time.time() + 2208988800 + 1e6) * 2**32), [build("/jam/param/density", 0.25)])
    assert desk.hear(late)[0].arguments[1] == "overload"
    desk.renew()


def test_time_tags_are_honoured(desk: Desk) -> None:
    desk.renew()
    desk.hear(build("/jam/param/density", 0.5))
    desk.hear(bundle(int((time.time() + 2208988800 + 0.1) * 2**32), [build("/jam/param/density", 0.75)]))
    assert desk.rig.session.state.params["density"] == 0.5
    desk.runner.run(asyncio.sleep(0.2))
    assert desk.rig.session.state.params["density"] == 0.75
    assert not desk.server._waiting and desk.server._waiting_bytes == 0


def test_equal_time_tags_are_done_in_the_order_of_arrival(desk: Desk) -> None:
    """And earlier ones first, whenever they come; what has just become due waits for what was to come before it."""
    for count in (2, 20, 100):
        desk.renew()
        at = int((time.time() + 2208988800 + 0.15) * 2**32)
        for number in range(count):
            desk.hear(bundle(at, [build("/gain", -0.1 * number)]))
        desk.hear(bundle(at - (1 << 28), [build("/gain", -60.0)]))  # a sixteenth of a second earlier
        desk.runner.run(asyncio.sleep(0.3))
        assert desk.rig.session.state.gain_db == pytest.approx(-0.1 * (count - 1))
    desk.renew()
    at = int((time.time() + 2208988800 + 0.1) * 2**32)
    desk.hear(bundle(at, [build("/gain", -1.0)]))
    time.sleep(0.15)  # the event loop stands still
    desk.hear(bundle(at, [build("/gain", -2.0)]))
    desk.runner.run(asyncio.sleep(0.05))
    assert desk.rig.session.state.gain_db == -2.0


def test_subscriptions_are_bounded(desk: Desk) -> None:
    desk.renew()
    codes = set()
    for port in range(1, 400):
        codes |= {one.arguments[1] for one in desk.hear(build("/subscribe", "params", 100, port)) if one.address == "/error"}
    assert codes == {"overload"}
    assert len(desk.server._subscribers) == subscribers.MOST
    desk.hear(build("/unsubscribe", "all"))
    assert len(desk.server._subscribers) == 0
    for host in range(2000):
        desk.hear(build("/ping"), client=(f"10.0.{host // 256}.{host % 256}", 9))
    assert not desk.server._subscribers._seen
    desk.renew()


def test_who_asks_too_much_is_left_out_and_nobody_else(desk: Desk) -> None:
    desk.renew()
    flood = [build("/jam/param/density", 0.5)] * int(BUDGET + 500)
    answers = desk.hear(*flood)
    assert 0 < len(answers) <= 30
    assert {one.arguments[1] for one in answers} == {"overload"}
    desk.server.datagram_received(build("/jam/param/density", 0.125), ("127.0.0.1", 10))
    assert desk.rig.session.state.params["density"] == 0.125
    desk.server.datagram_received(build("/ping"), CLIENT)  # whoever asks for life, or for silence, is answered
    desk.server.datagram_received(build("/jam/panic"), CLIENT)
    assert "/pong" in [one.address for one in desk.wire.take()]
    assert any("panic" in line for line in desk.rig.log[-3:])


def test_launches_that_are_sent_again_are_checked_again(desk: Desk) -> None:
    desk.renew()
    launch = build("/slot/7/launch")
    for _ in range(3):
        assert desk.hear(launch)[0].arguments[1] == "slot"

    async def fill() -> None:
        desk.rig.fill(7, np.ones((4800, 2), np.float32))
        desk.rig.run(20.0)

    desk.runner.run(fill())
    before = desk.rig.memory.slot(6).launches
    assert desk.hear(launch) == []
    assert desk.rig.memory.slot(6).launches == before + 1
    answers = desk.hear(*[launch] * int(BUDGET + 1500))
    assert {one.arguments[1] for one in answers} == {"overload"}
    desk.hear(build("/slot/7/clear"))
    assert desk.hear(launch)[0].arguments[1] == "slot"


def test_long_texts_are_refused(desk: Desk) -> None:
    answers = desk.hear(build("/jam/style", "x" * (LONGEST + 1)))
    assert answers[0].arguments[1] == "range"
    assert desk.hear(build("/jam/style", "x" * LONGEST)) == []
    desk.hear(build("/jam/style", ""))


def test_nonsense_is_cheap(desk: Desk) -> None:
    """2,000 packets that say nothing must cost far less than a second; ten times as much is allowed here, for busy machines."""
    desk.renew()
    junk = [build(f"/{'abcdefgh'[i % 8]}am/{i}/strat/{i * 7919 % 1000}") for i in range(1000)]
    junk += [bytes([35, i % 256]) * 20 for i in range(1000)]
    began = time.process_time()
    for data in junk:
        desk.server.datagram_received(data, CLIENT)
    assert time.process_time() - began < 2.0
    assert len(desk.wire.take()) == 2000
