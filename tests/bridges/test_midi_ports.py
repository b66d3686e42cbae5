"""MIDI ports over a real JACK server: opened when they come, closed when they go, alive after the server died."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import rtmidi
from hypothesis import given
from hypothesis import strategies as st

from bridges.midi import MidiPorts, PortChange
from bridges.midi.frames import LARGEST, Unpacker, pack
from jamd.contract.config import MidiConfig
from jamd.control.midi import MidiMap
from jamd.control.midi.bindings import Binding
from jamd.control.midi.lights import PadLights, device_for
from tests.conftest import wait_until

NAME = "Launchpad X"
DEVICE = """
import select, sys, time, jack, rtmidi
jack.set_error_function(lambda _: None)
jack.set_info_function(lambda _: None)
for _ in range(1000):  # rtmidi's own libjack may wait for ever for a server that is just starting
    try:
        jack.Client("probe", no_start_server=True).close()
        break
    except jack.JackOpenError:
        time.sleep(0.01)
out = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="Restarted")
out.open_virtual_port("keys")
into = rtmidi.MidiIn(rtapi=rtmidi.API_UNIX_JACK, name="Restarted")
into.open_virtual_port("lights")
while not select.select([sys.stdin], [], [], 0.02)[0]:
    out.send_message([0x90, 60, 100])
"""


class Device:
    """A controller with an input and an output, as the system sees one that is plugged in."""

    def __init__(self, name: str) -> None:
        self.out = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name=name)
        self.out.open_virtual_port("LPX MIDI Out")
        self.input = rtmidi.MidiIn(rtapi=rtmidi.API_UNIX_JACK, name=name, queue_size_limit=8192)
        self.input.ignore_types(sysex=False, timing=False, active_sense=False)
        self.input.open_virtual_port("LPX MIDI In")

    def shown(self) -> list[bytes]:
        """What it was sent since the last time."""
        out = []
        while (event := self.input.get_message()) is not None:
            out.append(bytes(event[0]))
        return out

    def unplug(self) -> None:
        for midi in (self.out, self.input):
            midi.close_port()
            midi.delete()


class Listener:
    """Open ports, with everything that was heard and said."""

    def __init__(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.lines: list[str] = []
        self.changes: list[PortChange] = []
        self.ports = MidiPorts(inputs, outputs, lambda port, message: self.heard.append((port, message)), self.lines.append,
                               self.changes.append)  # fmt: skip

    def wait(self, check: Callable[[], object], seconds: float, what: str) -> None:
        """Poll the ports as a program does, until a check holds."""

        def polled() -> object:
            self.ports.poll()
            return check()

        try:
            wait_until(polled, seconds, what)
        except pytest.fail.Exception as failure:
            pytest.fail(f"{failure}: {self.lines}")

    def is_open(self, direction: str, name: str) -> bool:
        return (direction, name) in self.ports.opened


@pytest.fixture
def listen(jack_server: str) -> Iterator[Callable[[Sequence[str], Sequence[str]], Listener]]:
    listeners: list[Listener] = []

    def start(inputs: Sequence[str], outputs: Sequence[str]) -> Listener:
        listeners.append(Listener(inputs, outputs))
        return listeners[-1]

    yield start
    for listener in listeners:
        process = listener.ports._process
        listener.ports.close()
        assert process is None or process.poll() is not None


@pytest.fixture
def device(jack_server: str) -> Iterator[Callable[[str], Device]]:
    there: list[Device] = []

    def plug(name: str) -> Device:
        there.append(Device(name))
        return there[-1]

    yield plug
    for one in there:
        if not one.out.is_deleted:
            one.unplug()


def is_part(some: Sequence[object], all_of_them: Sequence[object]) -> bool:
    """Whether they came in order and once; some may be missing."""
    rest = iter(all_of_them)
    return all(one in rest for one in some)


def name() -> str:
    return f"Pads {uuid.uuid4().hex[:6]}"


def test_ports_come_and_go_and_come_again(
    listen: Callable[[Sequence[str], Sequence[str]], Listener], device: Callable[[str], Device]
) -> None:
    pads, keys = name(), name()
    first_keys = device(keys)
    listener = listen([pads.lower(), keys], [pads.lower()])
    listener.wait(lambda: len(listener.changes) == 3, 10, "the first look")
    assert [(change.state, change.direction) for change in listener.changes].count(("absent", "input")) == 1
    assert any(line.startswith(f"MIDI input {pads.lower()!r} is not there yet: there are ") and keys in line for line in listener.lines)

    for turn in range(3):
        there = device(pads)
        listener.wait(lambda: listener.is_open("input", pads.lower()) and listener.is_open("output", pads.lower()), 5, "opening")
        note = bytes([0x90, 60 + turn, 100])
        listener.heard.clear()
        time.sleep(0.1)  # JACK connects within a few cycles
        there.out.send_message(list(note))
        first_keys.out.send_message([0xC0, turn])
        wait_until(lambda: len(listener.heard) == 2, 5, "two messages")
        assert sorted(listener.heard) == sorted([(pads.lower(), note), (keys, bytes([0xC0, turn]))])  # noqa: B023
        assert listener.ports.send(pads.lower(), note)
        shown: list[bytes] = []
        wait_until(lambda: shown.extend(there.shown()) or note in shown, 5, "the light")  # noqa: B023
        there.unplug()
        listener.wait(lambda: not listener.is_open("input", pads.lower()) and not listener.is_open("output", pads.lower()), 5, "closing")
        assert not listener.ports.send(pads.lower(), note)
    states = [change.state for change in listener.changes if change.name == pads.lower() and change.direction == "input"]
    assert states == ["absent", *["open", "gone"] * 3]
    assert listener.is_open("input", keys)


def test_system_messages_come_whole(listen: Callable[[Sequence[str], Sequence[str]], Listener], device: Callable[[str], Device]) -> None:
    there, port = device(pads := name()), pads
    listener = listen([port], [port])
    listener.wait(lambda: listener.is_open("input", port) and listener.is_open("output", port), 10, "opening")
    time.sleep(0.1)
    long = bytes([0xF0, *range(100), *range(100), 0xF7])
    for message in (long, b"\xf8", b"\xf2\x01\x02", b"\xe0\x01\x40"):
        there.out.send_message(list(message))
        wait_until(lambda: (port, message) in listener.heard, 5, "a message")  # noqa: B023
        assert listener.ports.send(port, message)
        shown: list[bytes] = []
        wait_until(lambda: shown.extend(there.shown()) or message in shown, 5, "a message out")  # noqa: B023


def test_messages_at_line_rate_all_come(
    listen: Callable[[Sequence[str], Sequence[str]], Listener], device: Callable[[str], Device]
) -> None:
    there, port = device(pads := name()), pads
    listener = listen([port], [])
    listener.wait(lambda: listener.is_open("input", port), 10, "opening")
    time.sleep(0.1)
    sent = [bytes([0xB0, number % 120, number // 120]) for number in range(2000)]
    shares = []
    for _ in range(3):  # JACK waits for ten times two periods, 53 ms, for a client: a machine that stalls longer is given another try
        listener.heard.clear()
        for index, message in enumerate(sent):  # 1,000 messages of three bytes a second is what a MIDI cable carries
            there.out.send_message(list(message))
            if index % 10 == 9:
                time.sleep(0.01)
        end = time.monotonic() + 5
        while len(listener.heard) < len(sent) and time.monotonic() < end:
            time.sleep(0.05)
        assert is_part(listener.heard, [(port, message) for message in sent])
        shares.append(len(listener.heard) / len(sent))
        if shares[-1] >= 0.9:
            return
    pytest.fail(f"of the messages came {shares}: {listener.lines}")


def test_many_messages_at_once_all_go_out(
    listen: Callable[[Sequence[str], Sequence[str]], Listener], device: Callable[[str], Device]
) -> None:
    there, port = device(pads := name()), pads
    listener = listen([], [port])
    listener.wait(lambda: listener.is_open("output", port), 10, "opening")
    sent = [bytes([0x90, number % 128, number // 128]) for number in range(3000)]  # more than rtmidi holds
    assert all([listener.ports.send(port, message) for message in sent])
    shown: list[bytes] = []
    wait_until(lambda: shown.extend(there.shown()) or len(shown) >= 0.6 * len(sent), 20, "the messages")
    wait_until(lambda: shown.extend(there.shown()) or shown[-1] == sent[-1], 5, "the last message")
    assert is_part(shown, sent)


def test_the_last_messages_before_the_end_go_out(
    listen: Callable[[Sequence[str], Sequence[str]], Listener], device: Callable[[str], Device]
) -> None:
    there, port = device(pads := name()), pads
    listener = listen([], [port])
    listener.wait(lambda: listener.is_open("output", port), 10, "opening")
    time.sleep(0.2)
    sent = [bytes([0x90, note, 0]) for note in range(64)]
    for message in sent:
        listener.ports.send(port, message)
    listener.ports.close()
    assert there.shown() == sent


def test_two_names_that_match_one_device_share_nothing(
    listen: Callable[[Sequence[str], Sequence[str]], Listener], device: Callable[[str], Device]
) -> None:
    pads = name()
    device(pads)
    listener = listen([pads, pads.upper()], [])
    listener.wait(lambda: len(listener.changes) == 2, 10, "the first look")
    assert sorted(change.state for change in listener.changes) == ["absent", "open"]
    device(pads)
    listener.wait(lambda: len(listener.ports.opened) == 2, 5, "the second device")
    assert len(set(listener.ports.opened.values())) == 2


def test_nothing_wanted_starts_nothing(jack_server: str) -> None:
    ports = MidiPorts([], [], lambda port, message: None, lambda line: None)
    ports.poll()
    assert ports._process is None
    assert not ports.send("Moon", b"\xf8")
    ports.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_dies_or_hangs_is_started_again(
    listen: Callable[[Sequence[str], Sequence[str]], Listener], device: Callable[[str], Device], number: signal.Signals
) -> None:
    device(pads := name())
    listener = listen([pads], [])
    listener.wait(lambda: listener.is_open("input", pads), 10, "opening")
    process = listener.ports._process
    assert process is not None
    process.send_signal(number)
    listener.wait(lambda: not listener.is_open("input", pads), 10, "its end")
    listener.wait(lambda: listener.is_open("input", pads), 10, "its return")
    assert process.poll() is not None
    assert any("started again" in line for line in listener.lines)


def python_that(folder: Path, *lines: str) -> str:
    """A shell script to run in Python's place."""
    path = folder / "python"
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


def test_a_slow_start_is_not_taken_for_a_hang(
    listen: Callable[[Sequence[str], Sequence[str]], Listener], device: Callable[[str], Device], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("bridges.midi.ports.SILENCE_S", 1.0)
    monkeypatch.setattr(sys, "executable", python_that(tmp_path, "sleep 2.5", f'exec {sys.executable} "$@"'))
    device(pads := name())
    listener = listen([pads], [])
    listener.wait(lambda: listener.lines, 30, "anything")
    assert listener.is_open("input", pads), listener.lines


def test_a_process_that_never_starts_is_started_again(
    listen: Callable[[Sequence[str], Sequence[str]], Listener], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridges.midi.ports.START_S", 0.3)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", python_that(tmp_path, "exec sleep 60"))
        listener = listen([name()], [])
    listener.wait(lambda: any("started again" in line for line in listener.lines), 10, "its end")


def test_what_was_said_and_not_yet_read_is_no_silence(jack_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that reads may wait for its turn, or for a handler."""
    lines: list[str] = []
    held, go = threading.Event(), threading.Event()

    def hold(change: PortChange) -> None:
        held.set()
        go.wait(30)

    monkeypatch.setattr("bridges.midi.ports.SILENCE_S", 0.5)
    ports = MidiPorts([name()], [], lambda port, message: None, lines.append, hold)
    try:
        wait_until(held.is_set, 30, "the first look")
        wait_until(lambda: ports._process is not None and select.select([ports._process.stdout], [], [], 0.0)[0], 10, "a sign of life")
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            ports.poll()
            time.sleep(0.02)
        assert not any("hangs" in line for line in lines)
    finally:
        go.set()
        ports.close()


def test_the_ports_end_with_their_owner(jack_server: str) -> None:
    script = (
        "import os, time\nfrom bridges.midi import MidiPorts\n"
        "ports = MidiPorts(['Moon'], [], lambda port, message: None, lambda line: print(ports._process.pid, flush=True))\ntime.sleep(60)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    owner.stdout.close()
    wait_until(lambda: not Path(f"/proc/{child}").exists(), 5, "the end of the process that holds the ports")


class JackServer:
    """A server of its own that may be killed. JACK keeps room for eight names, and a killed server's is free only when one of the same
    name has ended in order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(["jackd", "-n", self.name, "-d", "dummy", "-r", "48000", "-p", "128"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        try:
            status = self.process.wait(0.5)
        except subprocess.TimeoutExpired:
            return
        pytest.fail(f"jackd ended with status {status}: killed servers may have left none of the eight names free")

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(10)

    def clean(self) -> None:
        if self.process is not None and self.process.poll() == -signal.SIGKILL:
            self.start()
            time.sleep(1.0)
        if self.process is not None and self.process.poll() is None:
            self.end()
        for left in Path("/dev/shm").glob(f"jack_sem.*_{self.name}_*"):
            left.unlink(missing_ok=True)


@pytest.fixture
def mortal_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[JackServer]:
    server = JackServer(f"jamd-test-{uuid.uuid4().hex[:8]}")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    yield server
    server.clean()


def test_ports_outlive_the_jack_server(mortal_server: JackServer) -> None:
    listener = Listener(["Restarted"], ["Restarted"])
    keys: subprocess.Popen[bytes] | None = None
    try:
        for turn in range(2):
            mortal_server.start()
            keys = subprocess.Popen([sys.executable, "-c", DEVICE], stdin=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL)  # fmt: skip
            listener.wait(lambda: len(listener.ports.opened) == 2, 30, "opening")
            listener.heard.clear()
            wait_until(lambda: ("Restarted", bytes([0x90, 60, 100])) in listener.heard, 5, "a note")
            if turn == 0:
                mortal_server.end(signal.SIGKILL)
                keys.communicate()
                taken = [listener.ports.send("Restarted", bytes([0x90, 1, 1])) for _ in range(5000)]  # rtmidi alone would hang
                assert all(taken)
                listener.wait(lambda: not listener.ports.opened, 5, "the end")
                assert any("the JACK server has gone" in line for line in listener.lines)
                assert not any("hangs" in line for line in listener.lines)
    finally:
        listener.ports.close()
        if keys is not None:
            keys.kill()
            keys.communicate()


def test_a_launchpad_learns_lights_and_comes_back(
    listen: Callable[[Sequence[str], Sequence[str]], Listener], device: Callable[[str], Device]
) -> None:
    """Ports, map and lights together, over real ports."""
    asked: list[tuple[str, tuple[object, ...]]] = []
    there = MidiMap(
        lambda address, arguments: asked.append((address, tuple(arguments))), lambda address: None, MidiConfig(), lambda _: None
    )
    pads = device(NAME)
    listener = listen([NAME], [NAME])
    listener.wait(lambda: len(listener.ports.opened) == 2, 10, "opening")
    known = device_for(listener.ports.opened["output", NAME])
    assert known is not None and known.name == NAME
    there.attach(NAME, known.bindings())
    lights = PadLights(known, lambda message: listener.ports.send(NAME, message))

    def play(*message: int) -> None:
        before = len(listener.heard)
        pads.out.send_message(list(message))
        wait_until(lambda: len(listener.heard) > before, 5, "a message")
        for port, data in listener.heard[before:]:
            there.handle(data, port)

    time.sleep(0.1)
    play(0x90, 81, 100)
    there.learn("/jam/param/density")
    play(0xB0, 91, 64)
    play(0xB0, 91, 127)
    assert asked == [("/slot/1/launch", ()), ("/jam/param/density", (1.0,))]
    assert there.bindings() == [Binding(address="/jam/param/density", kind="cc", number=91, channel=1, port=NAME)]

    shown: list[bytes] = []
    for turn in range(2):
        lights.hello()
        lights.update({1: "playing", 2: "ready"})
        wait_until(lambda: shown.extend(pads.shown()) or len(shown) >= 1 + 64 + 8, 5, "the lights")  # noqa: B023
        assert shown[0] == bytes.fromhex("F0002029020C0E01F7")
        assert shown[1:3] == [bytes([0x92, 81, 21]), bytes([0x90, 82, 9])]
        shown.clear()
        if turn == 0:
            pads.unplug()
            listener.wait(lambda: not listener.ports.opened, 5, "closing")
            pads = device(NAME)
            listener.wait(lambda: len(listener.ports.opened) == 2, 5, "opening again")
    time.sleep(0.1)
    play(0xB0, 91, 0)
    assert asked[-1] == ("/jam/param/density", (0.0,))


@given(frames=st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=300))), cuts=st.lists(st.integers(1, 50)))
def test_frames_come_whole_in_any_pieces(frames: list[tuple[int, int, bytes]], cuts: list[int]) -> None:
    data = b"".join(pack(kind, index, content) for kind, index, content in frames)  # type: ignore[arg-type]
    unpacker, got = Unpacker(), []
    for cut in [*cuts, len(data)]:
        got += list(unpacker.feed(data[:cut]))
        data = data[cut:]
    got += list(unpacker.feed(data))
    assert got == frames


def test_the_longest_message_fits_a_pipe_in_one_piece() -> None:
    assert len(pack(1, 0, bytes(LARGEST))) == os.pathconf("/", "PC_PIPE_BUF")  # type: ignore[arg-type]
