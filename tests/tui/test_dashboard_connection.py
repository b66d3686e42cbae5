"""A connection that is lost is shown, and mends by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil

from tests.system.conftest import Daemon, free_port
from tests.tui.conftest import dashboard, start_again, text_of, until
from tui.app import Dashboard


def control_of(daemon: Daemon) -> psutil.Process:
    """The process that hears OSC."""
    return next(p for p in psutil.Process(daemon.process.pid).children() if "jamd.control" in p.cmdline())


def test_a_daemon_that_falls_silent_and_speaks_again(still: Daemon) -> None:
    """Nothing comes, not even a refusal: as over a network that has gone."""

    async def go() -> None:
        async with dashboard(still) as (app, pilot):
            control = control_of(still)
            control.suspend()
            try:
                await until(lambda: app.state.link == "lost", "the loss")
                await until(lambda: f"NO CONNECTION to 127.0.0.1:{still.port}" in text_of(app), "the sign of it")
                await pilot.press("space")
                await until(lambda: "no connection" in text_of(app), "what the key could not do")
            finally:
                control.resume()
            await until(lambda: app.state.link == "connected", "the return")
            frame = app.state.clock.frame
            await until(lambda: app.state.clock.frame > frame, "news of the clock")
            await until(lambda: "NO CONNECTION" not in text_of(app), "the sign's end")

    asyncio.run(go())


def test_a_daemon_that_dies_and_is_started_again(still: Daemon, home: Path) -> None:
    async def go() -> None:
        async with dashboard(still) as (app, _):
            control = control_of(still)
            control.kill()  # its supervisor starts another one, which knows of no subscribers
            await until(lambda: control_of_or_none(still) not in (None, control.pid), "another control process")
            await until(lambda: app.state.link == "connected", "the return")
            frame = app.state.clock.frame
            await until(lambda: app.state.clock.frame > frame, "news of the clock")

            assert still.stop() == 0
            await until(lambda: app.state.link == "lost", "the loss")
            await asyncio.to_thread(start_again, still, home)
            still.client.send("/clock/tempo", 99.0)
            await until(lambda: app.state.link == "connected" and app.state.clock.tempo == 99.0, "the return")
            await until(lambda: "♩=99" in text_of(app), "news on the screen")

    asyncio.run(go())


def control_of_or_none(daemon: Daemon) -> int | None:
    try:
        return control_of(daemon).pid
    except (StopIteration, psutil.NoSuchProcess):
        return None


def test_where_nobody_is_it_waits() -> None:
    async def go() -> None:
        app = Dashboard(("127.0.0.1", free_port()))
        async with app.run_test(size=(80, 24)):
            await until(lambda: "NO CONNECTION to 127.0.0.1" in text_of(app), "the sign")
            assert app.state.link == "lost"

    asyncio.run(go())
