"""Sessions: recorded, listed and played again by what the screen says."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot

from tests.system.conftest import Daemon
from tests.tui.conftest import text_of, until
from tests.tui.driving import drive, write
from tui.app import Dashboard
from tui.state import State
from tui.takes import Take, takes


def test_a_take_is_recorded_and_can_be_played_again(still: Daemon, home: Path) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await write(app, pilot, "n", "rainy evening")
        await until(lambda: app.state.record.seconds > 0.5 and "● REC rainy evening" in text_of(app), "the take")
        await until(lambda: "› ● rainy evening" in text_of(app), "its line")
        await pilot.press("r")
        await until(lambda: not app.state.record.recording and "› ■ rainy evening" in text_of(app), "its end")
        await until(lambda: takes(app.state)[0].seconds is not None, "its length")
        await pilot.press("enter")
        await until(lambda: "Type this" in text_of(app), "the command")
        folder = home / "sessions" / "rainy evening"
        assert app.clipboard == f"jamd render --session '{folder}' --out 'rainy evening again.wav'"
        assert (folder / "mix.wav").is_file() and (folder / "events.jsonl").is_file()

    drive(still, "sessions", keys)

    async def later(app: Dashboard, pilot: Pilot[None]) -> None:
        await until(lambda: "■ rainy evening" in text_of(app), "the last take, in a dashboard that was not there then")

    drive(still, "sessions", later, (120, 44))


def test_takes_come_from_all_that_is_said() -> None:
    state = State()
    state.take("/record", ('{"recording": false, "folder": "", "seconds": 0.0, "last": "recorded 3.5 s to /s/one"}',))
    state.take("/log", ('"recording to /s/two"',))
    state.take("/log", ('"engine ready: small"',))
    assert [(take.name, take.seconds, take.running) for take in takes(state)] == [("two", None, False), ("one", 3.5, False)]
    state.take("/record", ('{"recording": true, "folder": "two", "seconds": 1.5, "last": "recording to /s/two"}',))
    assert takes(state)[0] == Take("/s/two", 1.5, running=True)
    state.take("/log", ('"recorded 61.0 s to /s/two"',))
    state.take("/record", ('{"recording": true, "folder": "three", "seconds": 0.1, "last": "recorded 61.0 s to /s/two"}',))
    assert [(take.name, take.seconds) for take in takes(state)] == [("three", 0.1), ("two", 61.0)]
