"""The dashboard beside a real daemon; and states that were recorded from one, for pictures that are compared."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.conftest import wait_until
from tests.system.conftest import Daemon, start_daemon
from tui.app import Dashboard
from tui.state import State

RECORDED = Path(__file__).parent / "recorded"
PICTURES = Path(__file__).parent / "snapshots"
PATIENCE_S = 60.0
os.environ.pop("NO_COLOR", None)  # pictures are compared in colour, and with the same time of day everywhere
os.environ["TZ"] = "UTC"
time.tzset()


async def until(check: Callable[[], object], what: str, seconds: float = PATIENCE_S) -> None:
    """Let the application run until a check holds."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds:g} s")
        await asyncio.sleep(0.02)


@asynccontextmanager
async def dashboard(daemon: Daemon, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Dashboard, Pilot[None]]]:
    """The real application without a terminal, connected."""
    app = Dashboard(("127.0.0.1", daemon.port))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(lambda: app.state.link == "connected" and app.state.engine.ready and app.state.params.params, "the connection")
        await pilot.pause()
        yield app, pilot


def text_of(app: Dashboard) -> str:
    """What stands on the screen."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def replay(name: str) -> State:
    """The state after all that a daemon said in a situation (see `record`)."""
    state = State()
    state.set_link("connected")
    for line in (RECORDED / f"{name}.jsonl").read_text().splitlines():
        at, address, arguments = json.loads(line)
        state.tick(at)
        state.take(address, tuple(arguments))
    state.tick(float(int(at) + 1))  # slots that flash are lit then
    return state


def start_again(daemon: Daemon, home: Path) -> None:
    """After its end, at the same address."""
    with daemon.log.open("a") as log:
        daemon.process = subprocess.Popen(
            daemon.process.args, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, text=True,
            env=os.environ | {"JAMD_HOME": str(home)},
        )  # fmt: skip
    wait_until(daemon.ready, 120, "the daemon")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The daemon's folder."""
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture(scope="session")
def daemon(home: Path) -> Iterator[Daemon]:
    """A daemon without sound that all tests of the dashboard share."""
    daemon = start_daemon("null", home)
    yield daemon
    daemon.client.close()
    assert daemon.stop() == 0, daemon.log.read_text()


@pytest.fixture
def still(daemon: Daemon) -> Iterator[Daemon]:
    """The daemon, silent before and after, with the chart and tempo that it begins with."""

    def quiet() -> None:
        for address, *arguments in (
            ("/jam/panic",), ("/jam/chart", "| Dm7 | G7 | Cmaj7 | A7 |"), ("/jam/chord/resume",), ("/clock/tempo", 120.0),
            ("/clock/metronome", 0), ("/jam/trade", 0), ("/jam/style", ""), ("/jam/part/piano", 1), ("/jam/param/density", 0.5),
        ):  # fmt: skip
            daemon.client.send(address, *arguments)
        daemon.drain()

    quiet()
    yield daemon
    quiet()
