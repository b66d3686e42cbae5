"""The short way to the terminal: what it writes makes the same screen as drawing all of it anew."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from bridges.osc import build, read_packet
from tests.tui.conftest import RECORDED, replay, text_of
from tests.tui.driving import show
from tui.app import Dashboard
from tui.connection import read_text
from tui.lean import is_settled
from tui.registry import SCREENS
from tui.screens.base import BaseScreen

MOVE = re.compile(r"\x1b\[(\d+);(\d+)H")
LOOK = re.compile(r"\x1b\[[\d;]*m")


class Glass:
    """A terminal that knows how to move, and forgets all colours."""

    def __init__(self, app: Dashboard) -> None:
        self.app = app
        self.lines = [list(line) for line in text_of(app).split("\n")]
        self.writes = 0

    def display(self, _screen: object, update: Any) -> None:
        """In the place of `App._display`."""
        text = LOOK.sub("", update.render_segments(self.app.console))
        _, *rest = MOVE.split(text)
        self.writes += 1
        for line, column, cells in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
            assert "\x1b" not in cells
            self.lines[int(line) - 1][int(column) - 1 : int(column) - 1 + len(cells)] = cells

    @property
    def text(self) -> str:
        return "\n".join("".join(line) for line in self.lines)


@pytest.mark.parametrize("name", [entry.name for entry in SCREENS])
@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
def test_the_same_screen(name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        state = replay("jam")
        app = Dashboard(None, state)
        async with app.run_test(size=size) as pilot:
            await show(app, pilot, name)
            screen = app.screen
            assert isinstance(screen, BaseScreen)
            state.take_changes()  # a connection is drawn anew
            glass = Glass(app)
            monkeypatch.setattr(app, "_display", glass.display)
            for line in (RECORDED / "held.jsonl").read_text().splitlines():
                at, address, arguments = json.loads(line)
                state.take(address, tuple(arguments))
                state.tick(1000.0 + at)
                screen.show(state.take_changes())
            screen.show()  # levels fall, even if nothing new is said of them
            assert glass.text == text_of(app)
            if name == "main":
                assert glass.writes > 30
            glass.writes = 0
            screen.show()
            assert glass.writes == 0, "nothing has changed"

    asyncio.run(go())


def test_what_lies_in_front_is_left_alone() -> None:
    async def go() -> None:
        state = replay("jam")
        app = Dashboard(None, state)
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await show(app, pilot, "main")
            screen, updates = app.screen, []
            state.take_changes()
            assert isinstance(screen, BaseScreen)

            def gain(value: float) -> list[Any]:
                """What is written when a knob is turned."""
                updates.clear()
                state.take("/params", (json.dumps({"params": {"temperature": value}}),))
                app._display = lambda _, update: updates.append(update)  # type: ignore[method-assign]
                screen.show(state.take_changes())
                del app._display
                return list(updates)

            async def settle(check: Callable[[], object]) -> None:
                while not check():
                    await asyncio.sleep(0.02)

            await settle(lambda: is_settled(screen))
            assert len(gain(0.3)) == 1
            app.notify("over the knobs\n" * 12)
            await settle(lambda: "over the knobs" in text_of(app))
            assert not gain(0.5)
            await settle(lambda: not screen._compositor._dirty_regions)
            app.clear_notifications()
            await settle(lambda: "over the knobs" not in text_of(app) and is_settled(screen))
            assert len(gain(0.7)) == 1
            await pilot.press("question_mark")
            assert not gain(0.9)

    asyncio.run(asyncio.wait_for(go(), 60))


def test_a_text_is_read_as_any_packet_is() -> None:
    for address, arguments in (
        ("/clock", ["{}"]), ("/log", ['"grün ,s"']), ("/engine", ['{"chord": "C△"}']), ("/meters", [""]), ("/a", ["1234567890123456"]),
    ):  # fmt: skip
        (message,) = read_packet(build(address, *arguments))
        topic, text = read_text(build(address, *arguments))
        assert (f"/{topic}", text.decode()) == (message.address, *message.arguments)
    for data in (build("/pong", "jamd", "1", 3), build("/x", 1), build("/ping"), b"", b",s\0\0", b"#bundle\0" + bytes(8), b"abc,s\0\0"):
        assert read_text(data) == ("", b"")
