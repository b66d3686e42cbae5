"""What the tests of the screens share: a dashboard on one of them, driven by keys."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.system.conftest import Daemon
from tests.tui.conftest import PICTURES, dashboard, replay, until
from tui.app import Dashboard
from tui.registry import SCREENS
from tui.screens.prompt import Prompt
from tui.state import State

Drive = Callable[[Dashboard, Pilot[None]], Awaitable[None]]
PLACES = {entry.name: (str(key), entry.screen) for key, entry in enumerate(SCREENS, 1)}


async def show(app: Dashboard, pilot: Pilot[None], name: str) -> None:
    """Bring a screen to the front by its key."""
    key, screen = PLACES[name]
    await pilot.press(key)
    await until(lambda: isinstance(app.screen, screen) and app.screen.focused is not None, f"the screen {name}")
    await pilot.pause()


def drive(daemon: Daemon, screen: str, keys: Drive, size: tuple[int, int] = (80, 24)) -> None:
    """Run a dashboard on one of its screens."""

    async def go() -> None:
        async with dashboard(daemon, size) as (app, pilot):
            await show(app, pilot, screen)
            await keys(app, pilot)

    asyncio.run(go())


async def write(app: Dashboard, pilot: Pilot[None], key: str, text: str) -> None:
    """Answer the prompt that a key opens; what stands there already stays in front."""
    await pilot.press(key)
    await until(lambda: isinstance(app.screen, Prompt) and app.screen.query(Input), "the prompt")
    app.screen.query_one(Input).value += text
    await pilot.press("enter")


def is_whole(app: Dashboard) -> bool:
    """Whether the footer, which is composed anew after every change of the focus, has the keys of now."""
    named = [key.action for key in app.screen.query("FooterKey") if not key.has_class("-command-palette")]
    wanted = dict.fromkeys(one.binding.action for one in app.screen.active_bindings.values() if one.binding.show)
    return app.screen.focused is not None and named == list(wanted)


async def _picture(state: State, screen: str, size: tuple[int, int], theme: str, keys: Sequence[str]) -> str:
    app = Dashboard(None, state)
    async with app.run_test(size=size) as pilot:
        app.theme = theme
        await show(app, pilot, screen)
        await pilot.press(*keys)
        await until(lambda: is_whole(app), "the footer")
        await pilot.pause()
        return re.sub(r"terminal-\d+-", "terminal-", app.export_screenshot(simplify=True))


def compare(
    name: str, state: str, folder: Path, *, size: tuple[int, int] = (80, 24), theme: str = "jamd", link: str = "connected",
    keys: Sequence[str] = (),
) -> None:  # fmt: skip
    """A screen beside a picture of it that a person has looked at. `UPDATE_PICTURES=1 pytest tests/tui` writes the pictures anew.

    Args:
        name: of the picture: the screen's name, and what is special behind a hyphen.
        state: what was recorded, see `record`.
        folder: where a picture that is not as it should be is put.
        keys: pressed before.
    """
    known = replay(state)
    if link == "lost":
        known.set_link("lost")
    found = asyncio.run(_picture(known, name.split("-")[0], size, theme, keys))
    path = PICTURES / f"{name}.svg"
    if os.environ.get("UPDATE_PICTURES"):
        path.write_text(found)
    if found != path.read_text():
        (folder / path.name).write_text(found)
        pytest.fail(f"{name} looks otherwise: compare {folder / path.name} with {path}")
