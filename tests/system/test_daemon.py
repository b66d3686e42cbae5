"""The daemon as its users meet it: OSC from liblo, MIDI from rtmidi, sound at another client's JACK port."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import jack
import numpy as np
import pytest
import rtmidi

from jamd.contract.parameters import ROUTES
from tests.conftest import wait_until
from tests.system.conftest import Daemon, connect

RATE = 48_000


class Listener:
    """Another JACK client at jamd's mix; keeps what it hears with the time of each block."""

    def __init__(self, sources: tuple[str, ...] = ("jamd:out_1", "jamd:out_2")) -> None:
        self.client = jack.Client("listener", no_start_server=True)
        self.ports = [self.client.inports.register(f"in_{i}") for i in range(len(sources))]
        self.blocks: list[np.ndarray] = []
        self.lock = threading.Lock()

        @self.client.set_process_callback
        def process(frames: int) -> None:
            block = np.stack([port.get_array() for port in self.ports], axis=1).copy()
            with self.lock:
                self.blocks.append(block)

        self.client.activate()
        for port, source in zip(self.ports, sources, strict=True):
            connect(self.client, source, port.name)

    def audio(self) -> np.ndarray:
        with self.lock:
            return np.concatenate(self.blocks) if self.blocks else np.zeros((0, len(self.ports)), np.float32)

    def level(self, seconds: float) -> float:
        """RMS of the last seconds."""
        audio = self.audio()[-int(seconds * RATE) :]
        return float(np.sqrt((audio**2).mean())) if len(audio) else 0.0

    def close(self) -> None:
        self.client.deactivate()
        self.client.close()


@pytest.fixture
def listener(daemon: Daemon) -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def keys(daemon: Daemon) -> Iterator[rtmidi.MidiOut]:
    out = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="keys")
    out.open_virtual_port("out")
    client = jack.Client("connector", no_start_server=True)
    source = next(p for p in client.get_ports(is_midi=True, is_output=True) if p.name.startswith("keys"))
    client.connect(source, "jamd:midi_in")
    client.close()
    yield out
    out.close_port()
    out.delete()


def oscsend(daemon: Daemon, *words: object) -> None:
    subprocess.run(["oscsend", "127.0.0.1", str(daemon.port), *map(str, words)], check=True)


def error_of(daemon: Daemon, address: str, *arguments: Any) -> tuple[str, str]:
    """(code, message) of the error that a message meets."""
    reply = daemon.client.ask(address, *arguments, expect="/error")
    return str(reply.arguments[1]), str(reply.arguments[2])


def test_ports_are_there(daemon: Daemon) -> None:
    wanted = ["out_1", "out_2", "jam_1", "jam_2", "slots_1", "slots_2", "in_1", "in_2", "midi_in", "midi_out"]

    def shown() -> bool:
        names = set(subprocess.run(["jack_lsp"], capture_output=True, text=True, check=True).stdout.split())
        return {f"jamd:{name}" for name in wanted} <= names

    wait_until(shown, 10, "every port")


def test_ping_and_describe(daemon: Daemon) -> None:
    pong = daemon.client.ask("/ping", expect="/pong")
    assert pong.arguments[0] == "jamd"
    daemon.client.send("/describe")
    seen = {}
    while len(seen) < len(ROUTES):
        message = daemon.client.receive(2.0)
        assert message is not None, "not every address is described"
        seen[message.arguments[0]] = json.loads(message.arguments[1])
    assert seen["/clock/tempo"]["arguments"][0]["unit"] == "bpm"


def test_osc_start_makes_the_model_play_until_stop(still: Daemon, listener: Listener) -> None:
    wait_until(lambda: listener.level(0.2) == 0.0, 5, "silence")
    oscsend(still, "/jam/chart", "s", "| Cm7 | F7 | Bbmaj7 | Ebmaj7 |")
    oscsend(still, "/jam/start")
    wait_until(lambda: listener.level(1.0) > 1e-3, 20, "the sound of the jam")
    status = still.status()
    assert status["jam"]["state"] == "playing"
    assert status["engine"]["real_time_factor"] > 0
    assert status["clock"]["playing"]
    audio = listener.audio()
    assert np.isfinite(audio).all()
    assert np.abs(audio).max() <= 1.0
    oscsend(still, "/jam/stop")
    wait_until(lambda: still.status()["jam"]["state"] == "stopped", 10, "the end of the jam")
    wait_until(lambda: listener.level(0.2) == 0.0, 5, "silence")


def test_jam_begins_on_the_bar(still: Daemon) -> None:
    """The first sample of the jam's port is a step of the clock's bar line."""
    still.client.send("/clock/play")
    wait_until(lambda: still.status()["clock"]["bar"] >= 1, 5, "the first bar")
    still.client.send("/jam/start")
    start = wait_until(lambda: still.status()["jam"]["from_frame"], 5, "a start frame")
    clock = still.status()["clock"]
    beats = (int(str(start)) - clock["frame"]) / RATE * clock["tempo"] / 60 + (clock["bar"] - 1) * 4 + clock["beat"] - 1
    assert abs(beats / 4 - round(beats / 4)) < 0.02


def test_panic_silences_within_ten_milliseconds(still: Daemon, listener: Listener) -> None:
    """Heard at another client's port: from the reply to the panic on, after 10 ms nothing sounds."""
    still.client.send("/jam/start")
    wait_until(lambda: listener.level(0.5) > 1e-3, 20, "the sound of the jam")
    still.client.send("/jam/panic")
    still.client.ask("/ping", expect="/pong")
    at = len(listener.audio())
    wait_until(lambda: len(listener.audio()) > at + RATE // 2, 5, "half a second")
    after = np.abs(listener.audio()[at + 480 + 2 * 128 :]).max()
    assert after == 0.0
    assert still.status()["jam"]["state"] == "stopped"
    assert not still.status()["clock"]["playing"]


def test_chart_sent_mid_jam_is_followed_from_the_next_bar(still: Daemon) -> None:
    still.client.send("/jam/start")
    wait_until(lambda: still.status()["jam"]["state"] == "playing", 10, "the jam")
    before = still.status()["clock"]["bar"]
    oscsend(still, "/jam/chart", "s", "| Ab7 | Db7 |")
    jam = still.status()["jam"]
    assert jam["chart"] == "| Ab7 | Db7 |"
    assert before < jam["chart_bar"] <= before + 2
    wait_until(lambda: still.status()["engine"].get("chord") in ("Ab7", "Db7"), 10, "the new chord")


def test_metre_changes_with_the_chart(still: Daemon) -> None:
    still.client.send("/clock/play")
    oscsend(still, "/jam/chart", "s", "3/4 | C7 | F7 |")
    wait_until(lambda: still.status()["clock"]["beats_per_bar"] == 3, 10, "three beats")


def test_pad_launches_a_slot_on_the_bar(still: Daemon, listener: Listener, keys: rtmidi.MidiOut) -> None:
    oscsend(still, "/slot/1/render", "i", 1)
    wait_until(lambda: still.slot(1) == "rendering", 5, "rendering")
    code, message = error_of(still, "/slot/1/launch")
    assert (code, "rendering" in message) == ("slot", True)
    wait_until(lambda: still.slot(1) == "ready", 120, "the clip")
    still.client.send("/clock/play")
    wait_until(lambda: still.status()["clock"]["bar"] >= 1, 5, "the clock")
    keys.send_message([0x99, 36, 100])
    wait_until(lambda: still.slot(1) in ("queued", "playing"), 5, "the launch")
    wait_until(lambda: still.slot(1) == "playing" and listener.level(0.5) > 1e-4, 10, "the clip's sound")
    oscsend(still, "/slot/1/stop")
    wait_until(lambda: still.slot(1) == "ready", 10, "the stop")
    wait_until(lambda: listener.level(0.2) == 0.0, 5, "silence")


def test_slot_launches_at_once_when_the_clock_stands(still: Daemon) -> None:
    wait_until(lambda: still.slot(1) == "ready", 5, "the clip of the test before")
    still.client.send("/slot/1/launch")
    wait_until(lambda: still.slot(1) == "playing", 2, "the clip")


def test_held_notes_name_the_chord(still: Daemon, keys: rtmidi.MidiOut) -> None:
    for note in (51, 55, 58, 62):
        keys.send_message([0x90, note, 80])
    wait_until(lambda: still.status()["jam"]["chord"] == "Ebmaj7", 5, "the chord")
    for note in (51, 55, 58, 62):
        keys.send_message([0x80, note, 0])
    wait_until(lambda: still.status()["jam"]["chord"] == "", 5, "the chart again")


@pytest.mark.parametrize(
    ("address", "arguments", "code"),
    [
        ("/nowhere", (), "address"),
        ("/jam/strat", (), "address"),
        ("/jam/param/density", ("loud",), "type"),
        ("/jam/param/density", (1.5,), "range"),
        ("/jam/chord", ("H7",), "chart"),
        ("/jam/chart", ("| Dm7 | Xyz |",), "chart"),
        ("/jam/chart", ("",), "chart"),
        ("/clock/tempo", (10,), "range"),
        ("/slot/9/launch", (), "slot"),
        ("/slot/*/[", (), "address"),
        ("/jam/part/bass", (1, 2), "arguments"),
    ],
)
def test_what_cannot_be_done_is_answered_and_changes_nothing(still: Daemon, address: str, arguments: tuple[Any, ...], code: str) -> None:
    before = still.status()
    assert error_of(still, address, *arguments)[0] == code
    after = still.status()
    for key in ("jam", "params", "parts", "gain", "slots"):
        assert before[key] == after[key]
    assert before["clock"]["tempo"] == after["clock"]["tempo"]


@pytest.mark.parametrize("data", [b"", b"\x00" * 8, b"/jam/start", b"#bundle\x00" + b"\xff" * 12, b"/a\x00\x00,zz\x00"])
def test_malformed_packets_are_answered(still: Daemon, data: bytes) -> None:
    still.client.send_raw(data)
    message = still.client.receive(2.0)
    assert message is not None
    assert message.address == "/error"
    assert message.arguments[1] in ("malformed", "address")
    assert still.client.ask("/ping", expect="/pong").arguments[0] == "jamd"


def test_setters_answer_with_their_value(still: Daemon) -> None:
    oscsend(still, "/jam/param/density", "f", 0.25)
    assert still.client.ask("/jam/param/density").arguments == (0.25,)
    oscsend(still, "/jam/part/*", "i", 0)
    assert all(still.client.ask(f"/jam/part/{name}").arguments == (0,) for name in ("piano", "bass", "drums", "horn"))
    oscsend(still, "/jam/part/*", "i", 1)
    oscsend(still, "/jam/param/density", "f", 0.5)
    assert still.client.ask("/jam/chart").arguments == ("| Dm7 | G7 |",)


def test_parts_that_are_off_are_silent(still: Daemon, listener: Listener) -> None:
    """With no part on nothing sounds though the jam runs; with one on again, the band is back."""
    oscsend(still, "/jam/start")
    wait_until(lambda: listener.level(1.0) > 1e-3, 20, "the sound of the jam")
    oscsend(still, "/jam/part/*", "i", 0)
    wait_until(lambda: listener.level(0.3) == 0.0, 20, "the silence of the band")
    assert still.status()["jam"]["state"] == "playing"
    oscsend(still, "/jam/part/*", "i", 1)
    wait_until(lambda: listener.level(0.5) > 1e-3, 20, "the band")


def test_subscription_sends_the_value_at_once_and_then_changes(still: Daemon) -> None:
    first = still.client.ask("/subscribe", "params", 20, expect="/params")
    assert json.loads(first.arguments[0])["params"]["energy"] == 0.5
    still.client.send("/jam/param/energy", 0.9)
    deadline = time.monotonic() + 5
    while True:
        message = still.client.receive(deadline - time.monotonic())
        assert message is not None
        if message.address == "/params" and json.loads(message.arguments[0])["params"]["energy"] == pytest.approx(0.9):
            break
    still.client.send("/unsubscribe", "all")
    still.client.send("/jam/param/energy", 0.5)


def test_jamd_send(daemon: Daemon) -> None:
    def send(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "jamd", "send", "--connect", f"127.0.0.1:{daemon.port}", *words],
            capture_output=True,
            text=True,
        )

    assert send("/ping").stdout.startswith("/pong jamd")
    assert send("/clock/tempo", "133").returncode == 0
    assert send("/clock/tempo").stdout.strip() == "/clock/tempo 133.0"
    assert send("/clock/tempo", "132").stdout == "ok\n"
    assert send("/slot/3/gain").stdout.split() == ["/slot/3/gain", "0.0"]
    assert {line.split()[0] for line in send("/jam/param/e*").stdout.splitlines()} == {"/jam/param/energy"}
    assert send("/adapter/list").stdout.startswith("/adapter/list")
    assert json.loads(send("--json", "/slot/3/gain").stdout) == {"address": "/slot/3/gain", "arguments": [0.0]}
    (status,) = send("--json", "/status").stdout.splitlines()
    assert json.loads(status)["arguments"][0]["clock"]["tempo"] == 132.0
    assert send("--json", "/clock/tempo", "132").stdout == ""
    following = send("/subscribe", "all")
    assert following.returncode == 0 and following.stdout
    bad = send("/jam/chord", "H7")
    assert bad.returncode == 1
    assert bad.stderr.startswith("jamd: /jam/chord: chart:")
    assert len(bad.stderr.splitlines()) == 1


def test_gain_is_heard(still: Daemon, listener: Listener) -> None:
    wait_until(lambda: still.slot(1) == "ready", 5, "the clip")
    still.client.send("/slot/1/launch")
    wait_until(lambda: listener.level(0.3) > 1e-4, 5, "the clip")
    still.client.send("/gain", -90)
    wait_until(lambda: listener.level(0.1) == 0.0, 5, "silence")
    still.client.send("/gain", 0)
    wait_until(lambda: listener.level(0.3) > 1e-4, 5, "the clip again")
