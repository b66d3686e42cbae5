"""Trigger to sound: an OSC packet, or a MIDI note, to the first sample at another client's JACK port.

All programs run on one server and take turns, so that whatever else the machine does hits them alike. The time of a sample is that of
the cycle it is heard in (JACK's clock, at the start of the ear's callback) plus its place in the cycle. No trial is left out.
"""

from __future__ import annotations

import random
import tempfile
import threading
import time
from pathlib import Path

import jack

from tests.benchmarks.peers import Jamd, Player, installed
from tests.benchmarks.rig import Daemon, Probe, Row, jack_time, spread, wait_for

NOTE_ON = bytes([0x99, 36, 100])


class Keys:
    """A JACK client that puts a note into its next cycle."""

    def __init__(self, target: str) -> None:
        self.client = jack.Client("bench-keys", no_start_server=True)
        self._port = self.client.midi_outports.register("out")
        self._waiting = False
        self._sent = threading.Event()
        self.time = 0

        @self.client.set_process_callback
        def process(_: int) -> None:
            self._port.clear_buffer()
            if self._waiting:
                self._waiting = False
                self.time = jack_time()
                self._port.write_midi_event(0, NOTE_ON)
                self._sent.set()

        self.client.activate()
        self.client.connect(self._port, target)

    def strike(self) -> int:
        """JACK's time in microseconds at the start of the cycle that carries the note."""
        self._sent.clear()
        self._waiting = True
        self._sent.wait(1.0)
        return self.time

    def close(self) -> None:
        self.client.deactivate()
        self.client.close()


def _trial(probe: Probe, player: Player, keys: Keys | None) -> float | None:
    """Milliseconds, or None if nothing was heard in a second."""
    wait_for(lambda: probe.quiet(player.name), 10, f"silence of {player.name}", 0.005)
    time.sleep(random.random() * 0.02)
    since = probe.count
    if keys is not None:
        sent = keys.strike()
    else:
        sent = jack_time()
        player.fire()
    heard = probe.first_sound(player.name, since, 1.0)
    player.rest()
    return None if heard is None else (heard - sent) / 1000


def measure(daemon: Daemon, count: int) -> tuple[list[Row], list[str]]:
    """Rows of (program, p50 / p95 / p99 / max, not heard), and lines on what was left out."""
    with tempfile.TemporaryDirectory() as folder:
        jamd = Jamd(daemon)
        others, missing = installed(Path(folder))
        players: list[Player] = [jamd, *others]
        probe = Probe({player.name: player.port for player in players})
        keys = Keys("jamd:midi_in")
        contests: list[tuple[str, Player, Keys | None]] = [(f"{p.name}, OSC", p, None) for p in players]
        contests.append(("jamd, MIDI note", jamd, keys))
        times: dict[str, list[float | None]] = {name: [] for name, _, _ in contests}
        try:
            for _ in range(count):
                random.shuffle(contests)
                for name, player, hands in contests:
                    times[name].append(_trial(probe, player, hands))
        finally:
            keys.close()
            probe.close()
            for player in players:
                player.close()
    rows = []
    for name, found in times.items():
        heard = [value for value in found if value is not None]
        rows.append((name, str(probe.block), spread(heard, 2), str(len(found) - len(heard))))
    return rows, [f"{name} is not installed: left out" for name in missing]
