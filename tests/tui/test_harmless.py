"""What others wrote (names, styles, log lines, errors) is seen on the terminal, and does nothing there."""

from __future__ import annotations

import asyncio
import json
import unicodedata
from typing import Any

import pytest
from rich.console import Console
from textual.widgets import Input

from tests.tui.conftest import text_of, until
from tests.tui.driving import show
from tui.app import Dashboard
from tui.harmless import harmless, harmless_lines
from tui.lean import PanelUpdate
from tui.screens.base import BaseScreen
from tui.screens.prompt import Prompt
from tui.state import State
from tui.widgets.panel import Panel

EVIL = "Evil\x1b]52;c;cm0gLXJm\x07\x9b2J\u202e\u2028\nx"
SEEN = "Evil�]52;c;cm0gLXJm��2J���x"


def state_of_evil() -> State:
    state = State()
    state.set_link("connected")
    for topic, value in (
        ("slots", [{"slot": 1, "state": "ready", "bars": 4, "tempo": 120.0, "seed": 1, "name": EVIL}]),
        ("adapters", {"playing": [[EVIL, 1.0]], "adapters": [{"name": EVIL, "state": "active", "style": EVIL, "scores": {EVIL: EVIL}}]}),
        ("engine", {"ready": True, "model": EVIL, "device": EVIL, "slow": EVIL, "jam": {"state": "playing", "style": EVIL, "chord": EVIL}}),
        ("record", {"recording": True, "folder": EVIL, "seconds": 1.0}),
        ("takes", {"folder": EVIL, "count": 1, "takes": [{"name": EVIL, "files": [EVIL]}]}),
        ("midi", {"learning": EVIL, "bindings": [{"address": EVIL}], "ports": [EVIL]}),
        ("learn", [{"name": EVIL, "phase": EVIL, "text": EVIL}]),
        ("clock", {"source": EVIL}),
        ("log", EVIL),
    ):
        state.take(f"/{topic}", (json.dumps(value),))
    return state


def written(screen: Any) -> str:
    """As Textual, and as the short way, write all that is in sight, without what moves and colours."""
    console = Console(force_terminal=True, color_system="truecolor", width=400)
    strips = list(screen._compositor.render_strips())
    panels = [panel for panel in screen.query(Panel) if panel.size]
    short = [PanelUpdate([(panel, panel.size.region, 0, 0)]).render_segments(console) for panel in panels]
    return "".join(segment.text for strip in strips for segment in strip) + "".join(short)


@pytest.mark.parametrize("name", ["main", "adapters", "slots", "midi", "sessions", "settings"])
def test_no_screen_hands_it_on(name: str) -> None:
    async def go() -> None:
        app = Dashboard(None, state_of_evil())
        async with app.run_test(size=(200, 60)) as pilot:
            await show(app, pilot, name)
            screen = app.screen
            assert isinstance(screen, BaseScreen)
            screen.show()
            await pilot.pause()
            text = written(screen)
            assert "\x1b]" not in text and not {"\x07", "\x9b", "\u202e", "\u2028", "\n"} & set(text)
            if name in ("main", "adapters", "slots", "sessions"):
                assert SEEN in text

    asyncio.run(go())


def test_notes_and_prompts_do_not_either() -> None:
    async def go() -> None:
        app = Dashboard(None, state_of_evil())
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            app.notify(f"two\nlines of {EVIL}", markup=False)
            await until(lambda: "lines of Evil�]52" in text_of(app), "the note")
            assert "\x1b" not in text_of(app)
            await show(app, pilot, "slots")
            await pilot.press("n")
            await until(lambda: isinstance(app.screen, Prompt) and app.screen.query(Input), "the prompt")
            await until(lambda: "Evil�]52" in text_of(app), "the name in it")
            assert "\x1b" not in text_of(app)

    asyncio.run(go())


def test_nothing_else_is_changed() -> None:
    for text in ("", "grün", "Cmaj7♯11 △ ø", "木 🎹", "a\u00a0b", "e\u0301", "─ ▶ ⣿"):
        assert harmless(text) is text or harmless(text) == text
    assert harmless(EVIL) == SEEN and len(harmless(EVIL)) == len(EVIL)
    assert harmless_lines("| C |\n\t| D |\r\n") == "| C |\n | D | \n"
    every = "".join(map(chr, range(0x110000)))
    left = {unicodedata.category(character) for character in harmless(every)}
    assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}
