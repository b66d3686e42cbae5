"""What the dashboard costs: `python -m tests.benchmarks.dashboard`, a table in Markdown.

A real daemon without sound jams and loops a clip, so that clock, meters, chart and slots change all the time; `jamd tui` runs in a
pseudo-terminal that takes what it writes. The daemon sends clock and meters 30 times a second. On a machine that is busy with other things
all work takes longer on its cores: the last column says how much, by the processor time of a fixed piece of work, median beside least.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import statistics
import struct
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

import psutil

from tests.conftest import wait_until
from tests.system.conftest import start_daemon

SIZES = ((80, 24), (120, 44), (160, 50))
START_S = 8.0


def piece_of_work() -> float:
    """Seconds of the processor that some arithmetic takes."""
    began = time.thread_time()
    sum(number * number % 7 for number in range(20_000))
    return time.thread_time() - began


class Screen:
    """A terminal of a size, with the dashboard in it."""

    def __init__(self, port: int, columns: int, lines: int) -> None:
        self.bytes = self.writes = 0
        pid, self._file = pty.fork()
        if pid == 0:
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
            os.execv(sys.executable, [sys.executable, "-m", "jamd", "tui", "--connect", f"127.0.0.1:{port}"])
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = psutil.Process(pid)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while data := os.read(self._file, 65536):
                self.bytes += len(data)
                self.writes += 1
        except OSError:  # it has ended
            pass

    def seconds(self) -> float:
        """Of the processor, since it began."""
        times = self.process.cpu_times()
        return times.user + times.system

    def close(self) -> None:
        os.write(self._file, b"q")
        self.process.wait(timeout=30)
        os.close(self._file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        daemon = start_daemon("null", Path(folder))
        try:
            daemon.client.send("/slot/1/render", 1)
            wait_until(lambda: daemon.slot(1) == "ready", 180, "the clip")
            daemon.client.send("/jam/start")
            daemon.client.send("/slot/1/launch", 1)
            wait_until(lambda: daemon.slot(1) == "playing", 60, "the slot")
            print("| terminal | share of a core | writes/s | KB/s | memory, MB | work takes |")
            print("|---|---|---|---|---|---|")
            for columns, lines in SIZES:
                screen = Screen(daemon.port, columns, lines)
                time.sleep(START_S)
                began, before, written, counted = time.monotonic(), screen.seconds(), screen.bytes, screen.writes
                works = []
                while time.monotonic() - began < options.seconds:
                    works.append(piece_of_work())
                    time.sleep(0.1)
                passed = time.monotonic() - began
                share, writes = (screen.seconds() - before) / passed, (screen.writes - counted) / passed
                kilobytes, memory = (screen.bytes - written) / passed / 1e3, screen.process.memory_info().rss / 1e6
                slowed = statistics.median(works) / min(works)
                print(f"| {columns} x {lines} | {share:.1%} | {writes:.0f} | {kilobytes:.0f} | {memory:.0f} | x {slowed:.2f} |", flush=True)
                screen.close()
        finally:
            daemon.client.close()
            daemon.stop()


if __name__ == "__main__":
    main()
