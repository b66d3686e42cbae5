"""Settings: all of the configuration with its help, as the file says; and the colours."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot

from jamd.contract.config import Config
from tests.system.conftest import Daemon
from tests.tui.conftest import text_of, until
from tests.tui.driving import drive, show
from tui.app import Dashboard
from tui.kept import FILE, keep_theme
from tui.themes import THEMES
from tui.widgets.settings import SettingList


def test_everything_is_listed_with_its_help(still: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAMD_HOME", str(tmp_path))
    (tmp_path / "jamd.toml").write_text("[engine]\ndepth_ms = 200.0\n")

    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await until(lambda: "small on cpu" in text_of(app) and "null" in text_of(app), "what runs")
        listed = app.screen.query_one(SettingList)
        tables = msgspec.structs.fields(Config)
        fields = [f"{table.name}.{field.name}" for table in tables for field in msgspec.structs.fields(type(table.default))]
        assert [one.key for one in listed.entries(app.state)] == fields
        await until(lambda: "• 200.0" in text_of(app), "what is other than the default")
        await pilot.press(*["down"] * fields.index("engine.depth_ms"))
        await until(lambda: "[engine] depth_ms = 200.0" in text_of(app), "how to change it")
        text = text_of(app)
        assert "default 120.0" in text and "How much of the jam is written ahead of the audio thread." in text
        (tmp_path / "jamd.toml").write_text("[engine]\ndepht_ms = 200.0\n")
        await show(app, pilot, "main")
        await show(app, pilot, "settings")
        await until(lambda: app.screen.query_one(SettingList).wrong != "" and "unknown key" in text_of(app), "what is wrong")

    drive(still, "settings", keys, (120, 40))


def test_colours_are_chosen(still: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        assert app.theme == THEMES[0].name
        await pilot.press("h")
        await until(lambda: app.theme == THEMES[1].name and f"● {THEMES[1].name}" in text_of(app), "the next theme")
        await pilot.press("tab", "end", "enter")
        await until(lambda: app.theme == THEMES[-1].name and f"● {THEMES[-1].name}" in text_of(app), "the one under the cursor")

    drive(still, "settings", keys)


def test_colours_are_kept_for_the_next_time(tmp_path: Path) -> None:
    keeps = tmp_path / "state"

    async def run(choose: str = "") -> str:
        app = Dashboard(None, keeps=keeps)
        async with app.run_test() as pilot:
            before = app.theme
            if choose:
                app.theme = choose
                await pilot.pause()
        return before

    assert asyncio.run(run(THEMES[2].name)) == THEMES[0].name
    assert asyncio.run(run()) == THEMES[2].name
    assert [path.name for path in keeps.iterdir()] == [FILE]
    (keeps / FILE).write_text('{"theme": "of another version"}')
    assert asyncio.run(run("nord")) == THEMES[0].name
    assert asyncio.run(run()) == "nord"
    (keeps / FILE).write_text("[]")
    assert asyncio.run(run()) == THEMES[0].name
    keeps.chmod(0o500)
    keep_theme(keeps / "below", "nord")  # no place for it is no fault
    keeps.chmod(0o700)
