"""Control to audible change, heard at another client's JACK port while the band plays; and start to first sound.

- start: `/jam/start`, the clock standing, to the first sample of the band; the lead of the configuration (350 ms) is in it.
- part off: the bass plays alone; from the packet to the moment after which its level stays 20 dB under what it was.
- chord: the piano alone changes between two chords without a common tone; from the packet to the middle of the first window of 85 ms in
  which, and in those of the 43 ms after, more than half of the tones' energy belongs to the new one. A chord falls on a beat, and is played
  when the pianist plays next: the wait for the beat is told apart.
- density, style: what has been written ahead plays first, then each note may differ; no ear can name the moment. Told is the earliest: the
  answer to the packet, the age of the queue then, and one step of the model.
"""

from __future__ import annotations

import random
import time

import numpy as np

from jamd.client import OscClient
from jamd.contract.units import SAMPLE_RATE
from tests.benchmarks.rig import Daemon, Probe, Row, jack_time, spread, wait_for

STEP_MS = 640 / SAMPLE_RATE * 1000
WINDOW = 4096
HOP = 256
STEADY = 8
"""Windows in a row, 43 ms, in which the new chord has to be heard."""
CHORDS = (("Cmaj7", (0, 4, 7, 11)), ("F#maj7", (6, 10, 1, 5)))
PARTS = ("piano", "bass", "drums", "horn")


def _only(client: OscClient, *parts: str) -> None:
    for part in PARTS:
        client.send(f"/jam/part/{part}", int(part in parts))


def _milliseconds(probe: Probe, count: int, frame: float, sent: int) -> float:
    """From a packet to a place in what was heard since a count of cycles."""
    block, rest = divmod(frame, probe.block)
    return float((probe.times[(count + int(block)) % probe.size] - sent) / 1000 + rest / SAMPLE_RATE * 1000)


def _levels(sound: np.ndarray, window: int = 480) -> np.ndarray:
    """RMS of every 10 ms."""
    return np.sqrt((sound[: len(sound) // window * window].reshape(-1, window) ** 2).mean(axis=1))


def first_sound(daemon: Daemon, probe: Probe, count: int) -> list[float]:
    times = []
    for _ in range(count):
        daemon.client.send("/jam/panic")
        wait_for(lambda: probe.quiet("jam", 0.1), 10, "silence")
        time.sleep(random.random() * 0.05)
        since, sent = probe.count, jack_time()
        daemon.client.send("/jam/start")
        heard = probe.first_sound("jam", since, 5.0)
        if heard is not None:
            times.append((heard - sent) / 1000)
    return times


def part_off(daemon: Daemon, probe: Probe, count: int) -> list[float]:
    client, times = daemon.client, []
    for _ in range(count):
        _only(client, "bass")
        time.sleep(1.5 + random.random() * 0.5)
        since, sent = probe.count, jack_time()
        client.send("/jam/part/bass", 0)
        time.sleep(1.0)
        before = _levels(probe.since("jam", since - int(SAMPLE_RATE / probe.block))[:SAMPLE_RATE])
        after = _levels(probe.since("jam", since))
        loud = np.flatnonzero(after > np.median(before) / 10)
        if np.median(before) > 1e-3 and len(loud) and loud[-1] < len(after) - 10:
            times.append(_milliseconds(probe, since, (loud[-1] + 1) * 480, sent))
    return times


def _share(sound: np.ndarray, tones: tuple[int, ...], others: tuple[int, ...]) -> np.ndarray:
    """Of the energy from 120 to 1000 Hz on two sets of tones, the part on the first, for every hop; 0 where it is quiet. Shape: [hops]."""
    frequencies = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    band = np.flatnonzero((frequencies > 120) & (frequencies < 1000))
    classes = np.round(12 * np.log2(frequencies[band] / 440.0) + 69).astype(int) % 12
    windows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(windows, axis=1))[:, band] ** 2
    new, old = (power[:, np.isin(classes, one)].sum(axis=1) for one in (tones, others))
    both = new + old
    return np.where(both > 0.03 * np.percentile(both, 90), new / (both + 1e-12), 0.0)


def chord(daemon: Daemon, probe: Probe, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds from the packet, and from the beat that it fell on."""
    client = daemon.client
    times, late = [], []
    _only(client, "piano")
    client.send("/jam/param/density", 1.0)
    for turn in range(count):
        name, tones = CHORDS[turn % 2]
        others = CHORDS[1 - turn % 2][1]
        time.sleep(1.0 + random.random() * 0.5)
        clock = daemon.status()["clock"]
        read = jack_time()
        since, sent = probe.count, jack_time()
        client.send("/jam/chord", name)
        time.sleep(1.6)
        share = _share(probe.since("jam", since), tones, others)
        steady = np.lib.stride_tricks.sliding_window_view(share > 0.5, STEADY).all(axis=1)
        found = np.flatnonzero(steady)
        if not len(found):
            continue
        heard = _milliseconds(probe, since, int(found[0]) * HOP + WINDOW / 2, sent)
        beat_ms = 60_000 / clock["tempo"]
        at = (clock["beat"] % 1.0) * beat_ms + (sent - read) / 1000 + 180.0
        wait = 180.0 + (-at) % beat_ms
        times.append(heard)
        late.append(heard - wait)
    client.send("/jam/chord/resume")
    client.send("/jam/param/density", 0.5)
    return times, late


def earliest(daemon: Daemon, count: int) -> list[float]:
    """Of knobs: answered, then the queue, then a step."""
    times = []
    for turn in range(count):
        began = time.perf_counter()
        daemon.client.send("/jam/param/density", (turn % 2) * 0.5 + 0.25)
        queue = daemon.status()["audio"]["queue_ms"]
        times.append((time.perf_counter() - began) * 1000 + queue + STEP_MS)
        time.sleep(0.05 + random.random() * 0.1)
    return times


def measure(daemon: Daemon, count: int) -> list[Row]:
    """Rows of (what, trials that were heard, p50 / p95 / p99 / max)."""
    client = daemon.client
    probe = Probe({"jam": "jamd:jam_1"}, 8.0)
    try:
        client.send("/jam/chart", "| Cmaj7 |")
        client.send("/clock/tempo", 120)
        _only(client, *PARTS)
        starts = first_sound(daemon, probe, count)
        knobs = earliest(daemon, 2 * count)
        off = part_off(daemon, probe, count)
        chords, late = chord(daemon, probe, count)
    finally:
        _only(client, *PARTS)
        client.send("/jam/panic")
        probe.close()
    return [
        ("start to first sound", f"{len(starts)} of {count}", spread(starts, 0)),
        ("part off to 20 dB less", f"{len(off)} of {count}", spread(off, 0)),
        ("chord to its tones, the wait for the beat (120 bpm) in it", f"{len(chords)} of {count}", spread(chords, 0)),
        ("chord: its beat to its tones", f"{len(late)} of {count}", spread(late, 0)),
        ("density, style: earliest (answer + queue + step)", f"{len(knobs)} of {2 * count}", spread(knobs, 0)),
    ]
