"""Slots: filled by the real model, set up, launched, written and emptied by keys alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from textual.pilot import Pilot

from tests.system.conftest import Daemon
from tests.tui.conftest import text_of, until
from tests.tui.driving import drive, write
from tui.app import Dashboard

NUMBER = 19


@pytest.fixture
def tone(still: Daemon, home: Path) -> Iterator[Daemon]:
    """The daemon with a clip in a slot, which is as new before and after."""
    (home / "clips").mkdir(exist_ok=True)
    time = np.arange(96_000) / 48_000
    soundfile.write(home / "clips" / "hum.wav", 0.25 * np.sin(2 * np.pi * 220 * time)[:, None].repeat(2, 1), 48_000)

    def as_new() -> None:
        for name, *values in (("clear",), ("quantize", "1"), ("mode", "trigger"), ("loop", 1), ("gain", 0.0), ("name", "")):
            still.client.send(f"/slot/{NUMBER}/{name}", *values)
        still.drain()

    as_new()
    yield still
    as_new()


async def at_slot(pilot: Pilot[None]) -> None:
    """The cursor on slot 19."""
    await pilot.press("down", "down", "right", "right")


def row(daemon: Daemon) -> dict[str, Any]:
    """The slot as the daemon says."""
    return next((one for one in daemon.status()["slots"] if one["slot"] == NUMBER), {})


def test_a_slot_is_set_up_and_played(tone: Daemon, home: Path) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await at_slot(pilot)
        await until(lambda: f"slot {NUMBER}" in text_of(app) and "nothing" in text_of(app), "the slot")
        await write(app, pilot, "o", "hum.wav")
        await until(lambda: app.state.slots[NUMBER - 1].state == "ready" and "1 bar at 120" in text_of(app), "the clip")
        await pilot.press("u", "u")
        await until(lambda: row(tone)["quantize"] == "4", "two quanta on, none lost")
        await pilot.press("U", "U", "U", "U")
        await until(lambda: row(tone)["quantize"] == "1/4" and "1/4 notes" in text_of(app), "four back")
        await pilot.press("e", "e")
        await until(lambda: row(tone)["mode"] == "toggle" and "starts and stops" in text_of(app), "two modes on")
        await pilot.press("E", "E", "y", "minus", "minus", "minus")
        await until(lambda: (row(tone)["mode"], row(tone)["loop"], row(tone)["gain"]) == ("trigger", 0, -3.0), "mode, loop and gain")
        await until(lambda: "-3 dB" in text_of(app) and "once" in text_of(app), "them on the screen")
        await pilot.press("y", "plus", "plus", "plus")
        await write(app, pilot, "n", "a hum")
        await until(lambda: row(tone)["name"] == "a hum" and "a hum" in text_of(app), "the name")
        await pilot.press("enter")
        await until(lambda: tone.slot(NUMBER) == "playing" and "▶ playing" in text_of(app), "the launch")
        await pilot.press("backspace")
        await until(lambda: tone.slot(NUMBER) == "ready", "the stop")
        await write(app, pilot, "w", "again.wav")
        await until(lambda: (home / "clips" / "again.wav").exists(), "the file")
        await pilot.press("x", "escape")
        assert row(tone)["state"] == "ready"
        await write(app, pilot, "x", "")
        await until(lambda: tone.slot(NUMBER) == "empty" and "· empty" in text_of(app), "the clearing")

    drive(tone, "slots", keys)
    (home / "clips" / "again.wav").unlink()


def test_a_slot_is_filled_by_the_band(tone: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await at_slot(pilot)
        await write(app, pilot, "f", "1 'a soft waltz' 7")
        await until(lambda: app.state.slots[NUMBER - 1].state == "ready" and "1 bar at 120, seed 7" in text_of(app), "the clip", 180.0)

    drive(tone, "slots", keys, (140, 50))
