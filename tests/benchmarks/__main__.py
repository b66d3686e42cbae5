"""`make bench`: tables in Markdown. Everything that is compared runs in the same minute on the same machine.

Timings on shared machines are noisy: look at medians and at the ratio to the silent client, not at single figures.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from typing import Any

import jack
import numpy as np

from jamd.client import OscClient
from jamd.contract.errors import JamdError

PORT = 9177
RATE = 48_000


class Probe:
    """A JACK client that hears one port and stamps each cycle with JACK's own clock."""

    def __init__(self, source: str, seconds: float = 30.0) -> None:
        self.clock = ctypes.PyDLL("libjack.so.0").jack_get_time
        self.clock.restype = ctypes.c_uint64
        self.client = jack.Client(f"probe{uuid.uuid4().hex[:4]}", no_start_server=True)
        self.block = self.client.blocksize
        self.size = int(seconds * RATE) // self.block
        self.samples = np.zeros((self.size, self.block), np.float32)
        self.times = np.zeros(self.size, np.int64)
        self.count = 0
        self.port = self.client.inports.register("in")

        @self.client.set_process_callback
        def process(frames: int) -> None:
            place = self.count % self.size
            self.times[place] = self.clock()
            self.samples[place] = self.port.get_array()
            self.count += 1

        self.client.activate()
        self.client.connect(source, self.port)

    def quiet(self, seconds: float = 0.02) -> bool:
        blocks = max(int(seconds * RATE / self.block), 1)
        if self.count < blocks:
            return False
        index = np.arange(self.count - blocks, self.count) % self.size
        return bool(np.abs(self.samples[index]).max() < 1e-4)

    def first_sound(self, since: int, timeout: float) -> float | None:
        """Microseconds on JACK's clock of the first loud sample after a count of cycles."""
        deadline, place = time.monotonic() + timeout, since
        while time.monotonic() < deadline:
            while place < self.count:
                loud = np.flatnonzero(np.abs(self.samples[place % self.size]) > 1e-4)
                if len(loud):
                    return float(self.times[place % self.size] + loud[0] / RATE * 1e6)
                place += 1
            time.sleep(0.0005)
        return None

    def close(self) -> None:
        self.client.deactivate()
        self.client.close()


class SilentClient:
    """A client that does nothing, in a process of its own: what this machine loses by itself."""

    SCRIPT = """
import ctypes, jack, signal, sys, time
clock = ctypes.PyDLL("libjack.so.0").jack_get_time; clock.restype = ctypes.c_uint64
client = jack.Client("silent", no_start_server=True)
port = client.outports.register("out")
state = [0, 0, 0, 0]
@client.set_process_callback
def process(frames):
    now = clock()
    if state[0] and (now - state[0]) * 48 > frames * 1500: state[1] += 1
    state[0] = now; state[2] += 1
@client.set_xrun_callback
def xrun(us): state[3] += 1
client.activate()
signal.signal(signal.SIGTERM, lambda *_: (print(state[1], state[2], state[3], flush=True), sys.exit(0)))
while True: time.sleep(1)
"""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", self.SCRIPT], stdout=subprocess.PIPE, text=True)

    def finish(self) -> tuple[int, int, int]:
        """(late cycles, cycles, xruns)."""
        self.process.terminate()
        out, _ = self.process.communicate(timeout=10)
        late, cycles, xruns = (int(word) for word in out.split())
        return late, cycles, xruns


def spread(values: list[float], unit: str = "ms") -> str:
    p50, p95, p99 = np.percentile(values, [50, 95, 99])
    return f"{p50:.1f} / {p95:.1f} / {p99:.1f} / {max(values):.1f} {unit}"


def status(client: OscClient) -> dict[str, Any]:
    return json.loads(client.ask("/status", timeout=5.0).arguments[0])


def wait_for(check: Any, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: {what} did not happen")
        time.sleep(0.02)


def jam(client: OscClient, seconds: float) -> list[tuple[str, str]]:
    """Real-time factor, step times and calm over a jam, beside a client that does nothing."""
    before = status(client)["audio"]
    silent = SilentClient()
    client.send("/jam/start")
    time.sleep(seconds)
    after = status(client)
    engine, audio = after["engine"], after["audio"]
    late, cycles, xruns = silent.finish()
    client.send("/jam/panic")
    calls = audio["callbacks"] - before["callbacks"]
    ours = audio["late_cycles"] - before["late_cycles"]
    return [
        ("jam of", f"{seconds:.0f} s"),
        ("real-time factor, the last 10 s", f"{engine['real_time_factor']:.2f}"),
        ("model step p50 / p99 (budget 13.3)", f"{engine['frame_ms_p50']:.1f} / {engine['frame_ms_p99']:.1f} ms"),
        ("underruns", f"{audio['underruns'] - before['underruns']} "
         f"({(audio['underrun_frames'] - before['underrun_frames']) / RATE * 1000:.0f} ms)"),
        ("music left out to catch up", f"{engine['skipped_frames'] / RATE:.2f} s"),
        ("late cycles, jamd", f"{ours} of {calls} ({ours / max(calls, 1):.3%})"),
        ("late cycles, silent client in the same run", f"{late} of {cycles} ({late / max(cycles, 1):.3%})"),
        ("xruns, jamd and silent client", f"{audio['xruns'] - before['xruns']}, {xruns}"),
        ("longest callback", f"{audio['max_callback_us']} us"),
    ]  # fmt: skip


def trigger(client: OscClient, count: int) -> list[tuple[str, str]]:
    """OSC packet sent to the first sample at another client's port, the clock standing."""
    client.send("/jam/panic")
    client.send("/slot/1/render", 1)
    wait_for(lambda: any(s["state"] == "ready" for s in status(client)["slots"]), 120, "the clip")
    probe = Probe("jamd:slots_1")
    times, lost = [], 0
    for _ in range(count):
        wait_for(probe.quiet, 5, "silence")
        time.sleep(random.random() * 0.02)
        since, sent = probe.count, probe.clock()
        client.send("/slot/1/launch")
        heard = probe.first_sound(since, 1.0)
        client.send("/slot/1/stop")
        if heard is None:
            lost += 1
        else:
            times.append((heard - sent) / 1000)
    probe.close()
    return [
        (f"trigger to sound, {count} launches by OSC, p50 / p95 / p99 / max", spread(times)),
        ("launches not heard", str(lost)),
    ]


def change(client: OscClient, count: int) -> list[tuple[str, str]]:
    """A part switched off: packet sent to the first frame that is written without it, and when that frame is played."""
    times = []
    client.send("/jam/start")
    wait_for(lambda: status(client)["jam"]["state"] == "playing", 10, "the jam")
    for index in range(count):
        client.ask("/subscribe", "clock", 60_000, expect="/clock")
        began = time.perf_counter()
        client.send("/jam/part/drums", index % 2)
        wait_for(lambda index=index: status(client)["parts"]["drums"] == index % 2, 5, "the change")
        queue = status(client)["audio"]["queue_ms"]
        times.append((time.perf_counter() - began) * 1000 + queue + 13.3)
        time.sleep(0.1)
    client.send("/jam/part/drums", 1)
    client.send("/jam/panic")
    return [(f"part off to the sound without it, {count} changes (applied + queue + one step), p50 / p95 / p99 / max", spread(times))]


def corpus() -> list[tuple[str, str]]:
    out = subprocess.run([sys.executable, "-m", "model.corpus", "--speed", "12"], capture_output=True, text=True).stdout.strip()
    return [("corpus: notes, stems, mix and labels", out or "needs pyfluidsynth and a soundfont")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--triggers", type=int, default=200)
    options = parser.parse_args()
    os.environ.setdefault("JACK_NO_AUDIO_RESERVATION", "1")
    server_name = f"jamd-bench-{uuid.uuid4().hex[:6]}"
    os.environ["JACK_DEFAULT_SERVER"] = server_name
    jack.set_error_function(lambda _: None)
    jack.set_info_function(lambda _: None)
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(["jackd", "-n", server_name, "-d", "dummy", "-r", "48000", "-p", "128"], stdout=quiet, stderr=quiet)
    client = OscClient(("127.0.0.1", PORT))
    daemon: subprocess.Popen[bytes] | None = None
    try:

        def server_there() -> bool:
            try:
                jack.Client("probe", no_start_server=True).close()
            except jack.JackOpenError:
                return False
            return True

        wait_for(server_there, 10, "the start of jackd")
        with tempfile.TemporaryDirectory() as home:
            began = time.monotonic()
            daemon = subprocess.Popen(
                [sys.executable, "-m", "jamd", "run", "--osc", f"127.0.0.1:{PORT}"],
                env=os.environ | {"JAMD_HOME": home}, stdout=quiet, start_new_session=True,
            )  # fmt: skip

            def ready() -> bool:
                try:
                    return bool(status(client)["engine"].get("ready"))
                except JamdError:
                    return False

            wait_for(ready, 180, "the daemon")
            rows = [("start to ready (compiling the callback included)", f"{time.monotonic() - began:.1f} s")]
            rows += jam(client, options.seconds)
            rows += trigger(client, options.triggers)
            rows += change(client, 30)
            daemon.send_signal(signal.SIGINT)
            daemon.wait(30)
        rows += corpus()
        cores = os.cpu_count()
        print(f"\n{platform.machine()}, {cores} cores, Python {platform.python_version()}, jackd dummy driver, 128 frames at 48 kHz\n")
        print("| measure | result |\n|---|---|")
        for name, value in rows:
            print(f"| {name} | {value} |")
    finally:
        client.close()
        for process in (daemon, server):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()


if __name__ == "__main__":
    main()
