"""Learning at the real daemon: a knob and a pad of a JACK MIDI client, lights at midi_out, and what is left after a restart."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jack
import pytest

from tests.conftest import wait_until
from tests.system.conftest import Daemon, connect, start_daemon


class Pads:
    """A JACK client with a MIDI output and an input."""

    def __init__(self) -> None:
        self.client = jack.Client("pads", no_start_server=True)
        self.out = self.client.midi_outports.register("out")
        self.into = self.client.midi_inports.register("in")
        self.waiting: list[bytes] = []
        self.heard: list[bytes] = []

        @self.client.set_process_callback
        def process(frames: int) -> None:
            self.out.clear_buffer()
            while self.waiting:
                self.out.write_midi_event(0, self.waiting.pop(0))
            self.heard.extend(bytes(data) for _, data in self.into.incoming_midi_events())

        self.client.activate()
        connect(self.client, "pads:out", "jamd:midi_in")
        connect(self.client, "jamd:midi_out", "pads:in")

    def close(self) -> None:
        self.client.deactivate()
        self.client.close()


@pytest.fixture
def lit(jack_server: str, tmp_path: Path) -> Iterator[Callable[[], Daemon]]:
    daemons: list[Daemon] = []

    def start() -> Daemon:
        daemons.append(start_daemon("jack", tmp_path))
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.client.close()
        daemon.stop()


def turned(daemon: Daemon, pads: Pads, value: int) -> float:
    """The density after a turn of the knob, which a player, too, turns again if a busy machine has missed it."""
    pads.waiting.append(bytes([0xB2, 21, value]))
    time.sleep(0.1)
    return float(daemon.status()["params"]["density"])


def test_a_knob_is_learned_and_kept_and_pads_are_lit(lit: Callable[[], Daemon], shared_memory_is_clean: None) -> None:
    daemon = lit()
    pads = Pads()
    try:
        daemon.client.send("/midi/learn", "/jam/param/density", 0.2, 0.8)
        time.sleep(0.1)
        wait_until(lambda: turned(daemon, pads, 64) and "is bound to /jam/param/density" in daemon.log.read_text(), 10, "the binding")
        wait_until(lambda: turned(daemon, pads, 127) == pytest.approx(0.8), 5, "the knob's end")
        wait_until(lambda: turned(daemon, pads, 0) == pytest.approx(0.2), 5, "the knob's other end")
        reply = daemon.client.ask("/midi/learn", "/no/such/address", expect="/error")
        assert reply.address == "/error"

        daemon.client.send("/slot/1/render", 1)
        wait_until(lambda: daemon.slot(1) == "ready", 60, "a clip")
        daemon.drain()
        pads.heard.clear()
        pads.waiting.append(bytes([0x99, 36, 100]))
        wait_until(lambda: daemon.slot(1) == "playing", 5, "the launch by a pad")
        wait_until(lambda: any(m[0] & 0xF0 == 0x90 and m[1] == 36 and m[2] > 0 for m in pads.heard), 5, "its light")
        daemon.client.send("/midi/save", "mine.toml")
        time.sleep(1.3)  # the state is kept once a second
    finally:
        pads.close()
    assert daemon.stop() == 0, daemon.log.read_text()
    again = lit()
    topics = again.client.ask("/subscribe", "midi", expect="/midi")
    found = json.loads(topics.arguments[0])["bindings"]
    assert [binding["address"] for binding in found] == ["/jam/param/density"]
    pads = Pads()
    try:
        wait_until(lambda: turned(again, pads, 127) == pytest.approx(0.8), 5, "the knob after a restart")
        again.client.send("/midi/forget", "all")
        again.client.send("/midi/load", "mine.toml")
        wait_until(lambda: turned(again, pads, 0) == pytest.approx(0.2), 5, "the knob of the file")
    finally:
        pads.close()
    assert again.stop() == 0, again.log.read_text()
