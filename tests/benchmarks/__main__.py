"""`make bench`: tables in Markdown. Everything that is compared runs in the same minutes on the same machine.

Timings on shared machines are noisy: look at medians, and at the ratio to what runs beside.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import jack
import numpy as np

from tests.benchmarks import change, soak, triggers
from tests.benchmarks.rig import Daemon, JackServer, Row, table
from tests.flood import watch

SPREAD = "p50 / p95 / p99 / max, ms"


def set_block(frames: int) -> None:
    """Another block size, on the running server."""
    client = jack.Client("bench-block", no_start_server=True)
    client.activate()
    if client.blocksize != frames:
        client.blocksize = frames
    client.close()


def flood(daemon: Daemon, seconds: float) -> list[Row]:
    """2,000 packets and 1,000 MIDI messages a second while a jam plays."""
    daemon.client.send("/jam/start")
    before = daemon.status()["audio"]
    command = [sys.executable, "-m", "tests.flood", str(daemon.port), str(seconds), "--midi", "1000"]
    pouring = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    seen = watch(daemon.process.pid, daemon.port, seconds)
    packets, notes = pouring.communicate()[0].split()
    while daemon.client.receive(0.05) is not None:
        pass
    after = daemon.status()["audio"]
    daemon.client.send("/jam/panic")
    grown = ", ".join(f"{name.removeprefix('jamd.')} {value:+.1f}" for name, value in seen.grown().items())
    return [
        ("OSC packets, MIDI messages", f"{packets}, {notes} in {seconds:.0f} s"),
        ("`/ping` meanwhile, p50 / p95", f"{statistics.median(seen.pings_ms):.1f} / {np.percentile(seen.pings_ms, 95):.1f} ms"),
        ("`/ping` not answered in a second", f"{seen.unanswered} of {len(seen.pings_ms) + seen.unanswered}"),
        ("memory, last third above the first, MB", grown),
        ("underruns", str(after["underruns"] - before["underruns"])),
    ]


def corpus() -> Row:
    out = subprocess.run([sys.executable, "-m", "model.corpus", "--speed", "12"], capture_output=True, text=True).stdout.strip()
    return ("corpus: notes, stems, mix and labels", out or "needs pyfluidsynth and a soundfont")


def show(title: str, head: Row, rows: list[Row], notes: str = "") -> None:
    print(f"\n### {title}\n\n{notes + chr(10) + chr(10) if notes else ''}{table(head, rows)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="of the soak; 60 for the long one")
    parser.add_argument("--triggers", type=int, default=500)
    parser.add_argument("--changes", type=int, default=30)
    parser.add_argument("--flood", type=float, default=30.0, help="seconds, up to 600")
    parser.add_argument("--only", nargs="*", choices=("triggers", "change", "flood", "soak", "corpus"))
    options = parser.parse_args()
    wanted = options.only or ("triggers", "change", "flood", "soak", "corpus")
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} before it began, Python {platform.python_version()},", end=" ")
    print("jackd with the dummy driver at 48 kHz")
    server = JackServer(128)
    daemon: Daemon | None = None
    try:
        with tempfile.TemporaryDirectory() as home:
            daemon = Daemon(Path(home))
            print(f"\nStart of the daemon to ready: {daemon.start_s:.1f} s (128 frames unless said otherwise)", flush=True)
            if "triggers" in wanted:
                rows: list[Row] = []
                lines: list[str] = []
                for block in (128, 256):
                    set_block(block)
                    found, lines = triggers.measure(daemon, options.triggers)
                    rows += found
                set_block(128)
                notes = f"{options.triggers} triggers each, in turns at random: packet sent to the first sample at another client's port."
                notes = " ".join([notes, *lines])
                show("Trigger to sound", ("program", "frames", SPREAD, "not heard"), rows, notes)
            if "change" in wanted:
                show("Control to audible change", ("change", "heard", SPREAD), change.measure(daemon, options.changes))
            if "soak" in wanted:
                by_minute, over_all = soak.measure(daemon, options.minutes)
                show(f"Soak of {options.minutes:g} minutes", soak.HEAD, by_minute)
                show("Over all of it", ("measure", "result"), over_all)
            if "flood" in wanted:
                show("Flood", ("measure", "result"), flood(daemon, min(options.flood, 600.0)))
            daemon.close()
            daemon = None
        if "corpus" in wanted:
            show("Corpus", ("measure", "result"), [corpus()])
    finally:
        if daemon is not None:
            daemon.close()
        server.close()


if __name__ == "__main__":
    main()
