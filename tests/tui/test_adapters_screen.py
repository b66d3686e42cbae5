"""Adapters: swapped, mixed and auditioned in the real engine by keys alone; and a training that is watched."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from jamd.trainer.notes import Notes
from model.adapters.format import Adapter, Guard, write_adapter
from model.generator.models import load_models
from tests.system.conftest import Daemon
from tests.tui.conftest import text_of, until
from tests.tui.driving import drive, write
from tests.unit.model.adapters.rig import make_adapter
from tui.app import Dashboard
from tui.screens.prompt import Prompt

SCORES = {"player_base": 3.6, "player_held_out": 3.42}
GUARDS = {"chart": Guard(ok=True, value=0.95, limit=0.9), "grid": Guard(ok=False, value=0.5, limit=0.8)}
LOG = "step,seconds,rate,name,value\n0,0,0.001,base_player,3.6\n" + "".join(
    f"{step},{step * 3},0.001,{name},{3.6 - 0.01 * step}\n" for step in range(1, 31) for name in ("player_loss", "valid_player")
)


@pytest.fixture(scope="module")
def players(daemon: Daemon, home: Path) -> Iterator[Daemon]:
    """The daemon with two random adapters; of `ann` something is known."""
    models, root = load_models("small"), home / "adapters"
    ann = make_adapter(models, "ann", 0, size=0.1, targets=("qkv",))
    manifest = msgspec.structs.replace(ann.manifest, scores=SCORES, guards=GUARDS)
    write_adapter(root, Adapter(manifest, ann.tensors, ann.style))
    write_adapter(root, make_adapter(models, "bo", 1, size=0.1, targets=("qkv",)))
    yield daemon
    daemon.client.send("/adapter/use", "base")
    daemon.client.send("/adapter/strength", 1.0)
    daemon.drain()
    shutil.rmtree(root)


def told(app: Dashboard) -> dict[str, float]:
    """What the daemon says that plays."""
    return {name: round(strength, 3) for name, strength in app.state.adapters.playing}


def states(app: Dashboard) -> dict[str, str]:
    """Of the two of these tests."""
    return {one.name: one.state for one in app.state.adapters.adapters if one.name in ("ann", "bo")}


@pytest.fixture
def band(players: Daemon, still: Daemon) -> Daemon:
    """They, silent before and after."""
    return still


def test_players_are_swapped_mixed_and_auditioned(band: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await until(lambda: "○ ann" in text_of(app) and "○ bo" in text_of(app), "the list")
        line = next(line for line in text_of(app).splitlines() if "○ ann" in line)
        assert all(word in line for word in ("registered", "small", "2026-01-01", "-5.0%", "✗ 1/2"))
        shipped = [one.name for one in app.state.adapters.adapters].index("ann")
        await pilot.press(*["down"] * (shipped + 1))  # past the base and the partners that ship
        await until(lambda: "player 3.600 → 3.420" in text_of(app) and "✗ grid 0.5 (limit 0.8)" in text_of(app), "what is known of it")
        await pilot.press("l")
        await until(lambda: states(app)["ann"] == "ready" and "● ann" in text_of(app), "the loading")
        await pilot.press("enter")
        await until(lambda: told(app) == {"ann": 1.0} and "▶ ann" in text_of(app), "the swap")
        await pilot.press("left", "left")
        await until(lambda: told(app) == {"ann": 0.9}, "two steps less, none lost")
        await pilot.press("down", "right", "right", "right")
        await until(
            lambda: told(app) == {"ann": 0.9, "bo": 0.15} and "●────── 0.15" in text_of(app),
            "the blend, after the other was read from disk",
        )
        await pilot.press("a")
        await until(lambda: told(app) == {"bo": 0.15} and "♪ audition" in text_of(app), "the audition")
        await pilot.press("a")
        await until(lambda: told(app) == {"ann": 0.9, "bo": 0.15} and "♪ audition" not in text_of(app), "what was before it")
        await pilot.press("minus", "minus")
        await until(lambda: abs(app.state.adapters.strength - 0.9) < 1e-6, "less of all")
        await pilot.press("left", "left", "left")
        await until(lambda: told(app) == {"ann": 0.9}, "the end of the blend")
        await pilot.press("home", "enter")
        await until(lambda: told(app) == {} and "▶ base" in text_of(app) and "● ann" in text_of(app), "the base")
        assert json.loads(band.client.ask("/adapter/list").arguments[0])["playing"] == []
        await pilot.press("space")
        await until(lambda: set(states(app).values()) == {"ready"}, "the change in the music, at a bar line")
        await pilot.press("space", "end", "u")
        await until(lambda: states(app) == {"ann": "ready", "bo": "registered"}, "the unloading")

    drive(band, "adapters", keys)


def test_import_says_what_to_type(still: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await write(app, pilot, "i", "")
        await until(lambda: isinstance(app.screen, Prompt) and "write the path" in text_of(app), "what is wrong")
        await pilot.press("escape")
        await write(app, pilot, "i", "my band.zip")
        await until(lambda: "jamd adapters import 'my band.zip'" in text_of(app), "the command")
        assert app.clipboard == "jamd adapters import 'my band.zip'"

    drive(still, "adapters", keys)


def note(notes: Notes, **values: Any) -> None:
    notes.write(now=True, **values)


def test_a_training_is_watched(still: Daemon, home: Path) -> None:
    folder = home / "learning" / "petra"
    folder.mkdir(parents=True)
    notes = Notes(folder, "petra")
    (folder / "log.csv").write_text(LOG)
    note(notes, phase="player", share=0.42, step=30, loss=3.31, held_out=3.3, base=3.6, left_s=95.0, pid=os.getpid())

    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        words = ("petra ▶ player ██████████", "42%", "1:35 left", "step 30", "training loss 3.310", "held out 3.300", "base 3.600")
        await until(lambda: all(word in text_of(app) for word in words), "the training, with its figures")
        await until(lambda: any(0x2800 < ord(character) <= 0x28FF for character in text_of(app)), "its curves")
        note(notes, phase="done", share=1.0, text="accepted")
        await until(lambda: "petra ✓ done  accepted" in text_of(app), "its end")

    try:
        drive(still, "adapters", keys)
    finally:
        shutil.rmtree(folder)
