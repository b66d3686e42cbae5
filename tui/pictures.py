"""Pictures of every screen, made by the dashboard itself from a real daemon: `python -m tui.pictures OUT [--connect HOST:PORT]`.

Without a daemon to connect to, one without sound is started and plays while the pictures are taken; its folder is a fresh one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from jamd.client import parse_endpoint
from jamd.contract.errors import FailureError
from tui.app import Dashboard
from tui.registry import SCREENS
from tui.state import State

SIZE: Final = (120, 44)
START_S: Final = 180.0
RENDER_S: Final = 300.0
LISTEN_S: Final = 6.0
"""For so long levels are gathered before the first picture."""
LOOK_S: Final = 1.0
CHART: Final = "| Dm7 G7 | Cmaj7 | Em7b5 A7b9 | Dm7 | Gm7 C7 | Fmaj7 | Bb7#11 | A7alt |"
PORT: Final = 9129


@contextmanager
def a_daemon() -> Iterator[tuple[str, int]]:
    """One of our own, that plays; its address.

    Raises:
        FailureError: it does not start, or does not play.
    """
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "jamd", "run", "--audio", "null", "--osc", f"127.0.0.1:{PORT}"],
            env=os.environ | {"JAMD_HOME": folder}, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            asyncio.run(_play(("127.0.0.1", PORT), process))
            yield ("127.0.0.1", PORT)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            process.wait(timeout=30)


async def _play(endpoint: tuple[str, int], process: subprocess.Popen[bytes]) -> None:
    """Slots with clips, and a jam that has begun."""
    app = Dashboard(endpoint)
    async with app.run_test(size=SIZE):
        state = app.state
        await _until(lambda: state.link == "connected" and state.engine.ready, START_S, process)
        app.send("/clock/tempo", 132.0)
        app.send("/jam/chart", CHART)
        app.send("/jam/style", "tender ballad", 0.7, "rhodes trio", 0.3)
        for number in (1, 2, 3, 9, 10):
            app.send(f"/slot/{number}/render", 2)
        app.send("/slot/1/name", "intro")
        await _until(lambda: sum(slot.state == "ready" for slot in state.slots) == 5, RENDER_S, process)
        app.send("/jam/start")
        await _until(lambda: state.engine.jam.state == "playing", START_S, process)
        app.send("/slot/1/launch", 1)
        app.send("/slot/10/quantize", "8")
        app.send("/slot/10/launch", 1)
        app.send("/slot/17/render", 8)
        await _until(lambda: state.slots[0].state == "playing", START_S, process)


async def _until(check: Callable[[], object], seconds: float, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline or process.poll() is not None:
            raise FailureError("the daemon does not come to play", code="pictures")
        await asyncio.sleep(0.05)


async def take(endpoint: tuple[str, int], folder: Path, theme: str) -> list[Path]:
    """An SVG of each screen, named after it."""
    folder.mkdir(parents=True, exist_ok=True)
    app = Dashboard(endpoint, State())
    paths = []
    async with app.run_test(size=SIZE) as pilot:
        app.theme = theme
        await asyncio.sleep(LISTEN_S)
        for entry in SCREENS:
            await app.switch_mode(entry.name)
            await asyncio.sleep(LOOK_S)
            await pilot.pause()
            path = folder / f"{entry.name}.svg"
            path.write_text(app.export_screenshot(title=f"jamd: {entry.title}", simplify=True))
            paths.append(path)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tui.pictures", description=__doc__)
    parser.add_argument("out", type=Path, help="folder for the pictures")
    parser.add_argument("--connect", metavar="HOST:PORT", help="a daemon that runs already")
    parser.add_argument("--theme", default="jamd")
    options = parser.parse_args()
    if options.connect:
        paths = asyncio.run(take(parse_endpoint(options.connect), options.out, options.theme))
    else:
        with a_daemon() as endpoint:
            paths = asyncio.run(take(endpoint, options.out, options.theme))
    for path in paths:
        print(path)


if __name__ == "__main__":
    main()
