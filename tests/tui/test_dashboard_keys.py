"""The dashboard is driven by keys alone; what they do is asked of the real daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from textual.pilot import Pilot
from textual.widgets import Input

from tests.system.conftest import Daemon
from tests.tui.conftest import dashboard, text_of, until
from tui.app import Dashboard
from tui.screens.keys import Keys
from tui.screens.prompt import Prompt
from tui.widgets.knobs import Knobs
from tui.widgets.slots import SlotGrid

Drive = Callable[[Dashboard, Pilot[None]], Awaitable[None]]


def drive(daemon: Daemon, keys: Drive, size: tuple[int, int] = (80, 24)) -> None:
    async def go() -> None:
        async with dashboard(daemon, size) as (app, pilot):
            await keys(app, pilot)

    asyncio.run(go())


@pytest.fixture
def clip(still: Daemon, home: Path) -> Daemon:
    """A daemon with a clip in slot 10."""
    (home / "clips").mkdir(exist_ok=True)
    time = np.arange(96_000) / 48_000
    soundfile.write(home / "clips" / "tone.wav", 0.25 * np.sin(2 * np.pi * 220 * time)[:, None].repeat(2, 1), 48_000)
    still.client.send("/slot/10/load", "tone.wav")
    return still


def test_space_starts_and_stops_the_jam(still: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await pilot.press("space")
        await until(lambda: app.state.engine.jam.state == "playing", "the jam")
        assert still.status()["jam"]["state"] == "playing"
        await until(lambda: "▶ playing" in text_of(app), "the sign of it")
        await until(lambda: app.state.place.sounding in ("Dm7", "G7", "Cmaj7", "A7"), "a chord")
        await pilot.press("space")
        await until(lambda: still.status()["jam"]["state"] == "stopped", "the end")

    drive(still, keys)


def test_clock_tempo_metronome_and_panic(still: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await pilot.press("right_square_bracket")
        await until(lambda: app.state.clock.tempo == 121.0, "one bpm more")
        await pilot.press("left_square_bracket")
        await until(lambda: app.state.clock.tempo == 120.0, "one bpm less")
        await pilot.press("m", "c")
        await until(lambda: still.status()["clock"]["metronome"] == 1 and still.status()["clock"]["playing"], "the clock")
        await until(lambda: app.state.clock.bar >= 2, "the second bar")
        await pilot.press("exclamation_mark")
        await until(lambda: not still.status()["clock"]["playing"], "the panic")

    drive(still, keys)


def test_knobs_are_chosen_and_turned(still: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        assert isinstance(app.screen.focused, Knobs)
        await pilot.press("right", "right", "right")
        await until(lambda: abs(still.status()["params"]["density"] - 0.56) < 1e-6, "three steps, none lost")
        await pilot.press("shift+right")
        await until(lambda: abs(still.status()["params"]["density"] - 0.66) < 1e-6, "five steps at once")
        await pilot.press("home")
        await until(lambda: still.status()["params"]["density"] == 0.5, "the default")
        await pilot.press("up", "up", "left")  # round to the end of the list, and one back: the gain
        await until(lambda: still.status()["gain"] == -2.0, "less gain")
        await pilot.press("home")
        await until(lambda: still.status()["gain"] == 0.0, "the gain of before")

    drive(still, keys)


def test_parts_are_switched(still: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await pilot.press("p")
        await until(lambda: still.status()["parts"]["piano"] == 0, "no piano")
        await until(lambda: "○piano ●bass" in text_of(app), "the sign of it")
        await pilot.press("p")
        await until(lambda: still.status()["parts"]["piano"] == 1, "the piano")

    drive(still, keys)


def test_slots_are_launched_and_stopped(clip: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await until(lambda: app.state.slots[9].state == "ready", "the clip")
        await pilot.press("tab")
        assert isinstance(app.screen.focused, SlotGrid)
        await pilot.press("down", "right")
        await pilot.press("enter")
        await until(lambda: clip.slot(10) == "playing", "the launch")
        await until(lambda: "▶10" in text_of(app), "the sign of it")
        await until(lambda: app.state.levels.meters["slots"][0].level > -20.0, "its level")
        await pilot.press("backspace")
        await until(lambda: clip.slot(10) == "ready", "the stop")
        await pilot.press("l")
        await until(lambda: clip.slot(10) == "playing", "the row's launch")
        await pilot.press("k")
        await until(lambda: clip.slot(10) == "ready", "the row's stop")

    drive(clip, keys)


def test_chart_is_written_and_its_faults_are_shown(still: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await pilot.press("e")
        await until(lambda: isinstance(app.screen, Prompt), "the prompt")
        line = app.screen.query_one(Input)
        assert line.value == "| Dm7 | G7 | Cmaj7 | A7 |"
        line.value = "| Dm7 | H7 |"
        await pilot.press("enter")
        await until(lambda: "character 9" in text_of(app), "what is wrong")
        assert isinstance(app.screen, Prompt)
        line.value = "| Fmaj7 | Gm7 C7 |"
        await pilot.press("enter")
        await until(lambda: still.status()["jam"]["chart"] == "| Fmaj7 | Gm7 C7 |", "the chart")
        await until(lambda: "│ Fmaj7" in text_of(app), "the chart on the screen")

    drive(still, keys)


def test_style_and_chord_are_written(still: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await pilot.press("s")
        await until(lambda: isinstance(app.screen, Prompt), "the prompt")
        await pilot.press(*"cool", "enter")
        await until(lambda: still.status()["jam"]["style"] == "cool", "the style")
        await pilot.press("o")
        await until(lambda: isinstance(app.screen, Prompt), "the prompt")
        await pilot.press(*"Bb13", "enter")
        await until(lambda: app.state.engine.jam.chord == "Bb13", "the chord")
        await until(lambda: "held: Bb13" in text_of(app), "the chord on the screen")
        await pilot.press("O")
        await until(lambda: app.state.engine.jam.chord == "", "the chart again")

    drive(still, keys)


def test_recording_is_started_and_stopped(still: Daemon, home: Path) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await pilot.press("r")
        await until(lambda: app.state.record.recording and "● REC" in text_of(app), "the recording")
        await pilot.press("r")
        await until(lambda: not app.state.record.recording, "its end")

    drive(still, keys)
    assert list((home / "sessions").glob("*/mix.wav"))


def test_palette_does_what_an_address_does(still: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await pilot.press("ctrl+p")
        await pilot.press(*"count_in")
        await until(lambda: "Bars of clicks" in text_of(app), "the command")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, Prompt), "the prompt")
        app.screen.query_one(Input).value = "9"
        await pilot.press("enter")
        await until(lambda: "outside 0..4" in text_of(app), "what is wrong")
        app.screen.query_one(Input).value = "2"
        await pilot.press("enter")
        await until(lambda: still.status()["clock"]["count_in"] == 2, "the count-in")
        app.send("/clock/count_in", 0)
        await until(lambda: app.state.clock.count_in == 0, "none again")

    drive(still, keys)


def test_commands_of_slots_mean_the_slot_under_the_cursor(clip: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await pilot.press("tab", "down", "right", "ctrl+p")
        await pilot.press(*"N/name")
        await until(lambda: "A name for it" in text_of(app), "the command")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, Prompt), "the prompt")
        assert app.screen.query_one(Input).value == "10 "
        await pilot.press(*"intro", "enter")
        await until(lambda: app.state.slots[9].name == "intro", "the name")

    drive(clip, keys)


def test_errors_of_the_daemon_are_told(still: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await pilot.press("tab", "enter")
        await until(lambda: "slot 1 is empty" in text_of(app), "the error")

    drive(still, keys)


def test_keys_are_explained(still: Daemon) -> None:
    async def keys(app: Dashboard, pilot: Pilot[None]) -> None:
        await pilot.press("question_mark")
        await until(lambda: isinstance(app.screen, Keys) and "Turn down faster" in text_of(app), "the keys")
        text = text_of(app)
        assert all(word in text for word in ("Knobs", "This screen", "Everywhere", "Metronome", "Piano on or off"))
        await pilot.press("escape")
        assert not isinstance(app.screen, Keys)

    drive(still, keys, (80, 60))


def test_several_dashboards_at_once(still: Daemon) -> None:
    async def go() -> None:
        async with dashboard(still) as (one, first), dashboard(still, (120, 44)) as (other, _):
            await first.press("right")
            await until(lambda: abs(other.state.params.params["density"] - 0.52) < 1e-6, "the other one's knob")
            await until(lambda: "0.52" in text_of(other), "the other one's screen")
            assert one.state.link == other.state.link == "connected"

    asyncio.run(go())
