"""Sessions: recorded, listed and played again by what the screen says."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot

from tests.system.conftest import Daemon
from tests.tui.conftest import text_of, until
from tests.tui.driving import drive, write
from tui.app import Dashboard
from tui.state import State
from tui.widgets.takes import TakeList, command


def test_a_take_is_recorded_and_can_be_played_again(still: Daemon, home: Path) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await write(app, pilot, "n", "rainy evening")
        await until(lambda: app.state.record.seconds > 0.5 and "● REC rainy evening" in text_of(app), "the take")
        await until(lambda: "› ● rainy evening" in text_of(app), "its line")
        await pilot.press("r")
        await until(lambda: not app.state.record.recording and "› ■ rainy evening" in text_of(app), "its end")
        await until(lambda: [take.name for take in app.state.takes.takes][:1] == ["rainy evening"], "its place among the takes")
        await pilot.press("enter")
        await until(lambda: "Type this" in text_of(app), "the command")
        folder = home / "sessions" / "rainy evening"
        assert app.clipboard == f"jamd render --session '{folder}' --out 'rainy evening again.wav'"
        assert (folder / "mix.wav").is_file() and (folder / "events.jsonl").is_file()

    drive(still, "sessions", keys)

    async def later(app: Dashboard, pilot: Pilot[None]) -> None:
        await until(lambda: "■ rainy evening" in text_of(app), "the last take, in a dashboard that was not there then")

    drive(still, "sessions", later, (120, 44))


def test_that_which_runs_stands_above_the_others() -> None:
    state, listed = State(), TakeList()
    state.take("/takes", ('{"folder": "/s", "count": 2, "takes": [{"name": "two"}, {"name": "gig/one", "seconds": 61.0, "ended": 9}]}',))
    assert [take.name for take in listed.entries(state)] == ["two", "gig/one"]
    assert command(listed.entries(state)[1], state) == "jamd render --session /s/gig/one --out 'one again.wav'"
    assert [text.strip() for text, _ in listed.line(listed.entries(state)[0], state, 78)][:2] == ["■ two", "?"]
    state.take("/record", ('{"recording": true, "folder": "two", "seconds": 1.5, "last": ""}',))
    assert [(take.name, take.seconds) for take in listed.entries(state)] == [("two", 1.5), ("gig/one", 61.0)]
    assert listed.line(listed.entries(state)[0], state, 78)[-1] == ("now", "dim")
