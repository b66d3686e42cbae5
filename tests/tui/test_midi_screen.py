"""MIDI: addresses are chosen to be learned, maps opened, changed and written, by keys alone."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from tests.system.conftest import Daemon
from tests.tui.conftest import text_of, until
from tests.tui.driving import drive, write
from tui.app import Dashboard
from tui.screens.choose import LEARNABLE, ChooseAddress, found

MAP = """version = 1
[defaults]
launch = true
chord = true
panic = true
[[bindings]]
address = "/jam/param/density"
kind = "cc"
number = 21
channel = 3
low = 0.2
high = 0.8
[[bindings]]
address = "/slot/3/launch"
kind = "note"
number = 40
mode = "gate"
"""


@pytest.fixture
def mapped(still: Daemon, home: Path) -> Iterator[Daemon]:
    """The daemon with a map in its folder, and nothing learned before and after."""
    (home / "maps").mkdir(exist_ok=True)
    (home / "maps" / "desk.toml").write_text(MAP)
    yield still
    for address, *values in (("/midi/cancel",), ("/midi/forget", "all"), ("/midi/defaults", 1)):
        still.client.send(address, *values)
    still.drain()
    (home / "maps" / "after.toml").unlink(missing_ok=True)


def test_an_address_is_chosen_and_waits_for_a_control(mapped: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await pilot.press("n")
        await until(lambda: isinstance(app.screen, ChooseAddress) and app.screen.query(OptionList), "the addresses")
        await pilot.press(*"launch")
        await until(lambda: "Plays the slot from its quantum on" in text_of(app), "those with the word")
        await pilot.press("down", "down", "enter")
        await until(lambda: app.state.midi.learning == "/slot/3/launch", "the learning")
        await until(lambda: "touch a control" in text_of(app) and "for /slot/3/launch" in text_of(app), "the sign of it")
        await pilot.press("escape")
        await until(lambda: app.state.midi.learning == "", "its end")
        await pilot.press("n")
        await until(lambda: isinstance(app.screen, ChooseAddress) and app.screen.query(OptionList), "the addresses")
        await pilot.press(*"zzz", "enter")
        assert isinstance(app.screen, ChooseAddress) and "no address has" in text_of(app)
        await pilot.press("escape")
        await write(app, pilot, "N", "/jam/param/energy 0.1 0.9 exp")
        await until(lambda: app.state.midi.learning == "/jam/param/energy", "the learning with a range")

    drive(mapped, "midi", keys)


def test_maps_are_opened_changed_and_written(mapped: Daemon, home: Path) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await until(lambda: "nothing is learned yet" in text_of(app), "the empty list")
        await write(app, pilot, "o", "desk.toml")
        await until(lambda: "cc 21 ch 3" in text_of(app) and "/jam/param/density  0.2..0.8" in text_of(app), "the first control")
        assert "note 40" in text_of(app) and "/slot/3/launch" in text_of(app)
        await pilot.press("down", "f")
        await until(lambda: [one["address"] for one in app.state.midi.bindings] == ["/jam/param/density"], "the forgetting")
        await pilot.press("d")
        await pilot.press("backspace", "0", "enter")
        await until(lambda: mapped.client.ask("/midi/defaults").arguments == (0,), "the defaults' end")
        await write(app, pilot, "w", "after.toml")
        await until(lambda: (home / "maps" / "after.toml").exists(), "the file")
        await write(app, pilot, "F", "")
        await until(lambda: app.state.midi.bindings == [] and "nothing is learned yet" in text_of(app), "the forgetting of all")

    drive(mapped, "midi", keys)
    written = tomllib.loads((home / "maps" / "after.toml").read_text())
    assert [one["address"] for one in written["bindings"]] == ["/jam/param/density"]
    assert written["defaults"]["launch"] is False


def test_every_address_that_is_offered_can_be_learned(mapped: Daemon) -> None:
    """The daemon takes each; and what is not offered it refuses, or it is about the dashboard itself."""
    one_of_each = [address for address in LEARNABLE if not any(f"/{number}/" in address for number in range(2, 65))]
    assert len(one_of_each) > 40
    for address in one_of_each:
        mapped.client.send("/midi/learn", address)
        reply = mapped.client.ask("/ping", expect="/pong", timeout=30.0)
        assert reply.address == "/pong", reply.arguments
    assert mapped.client.ask("/midi/learn", "/jam/chart", expect="/error", timeout=30.0).address == "/error"
    assert "/jam/chart" not in LEARNABLE


def test_words_find_addresses() -> None:
    assert found("energy")[0] == "/jam/param/energy"
    assert found("launch 12")[0] == "/slot/12/launch"
    assert "/jam/param/temperature" in found("daring")
    assert found("no such thing") == []
