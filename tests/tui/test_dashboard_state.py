"""What the dashboard knows, from what a real daemon has said; without Textual."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from jamd.contract.chart import parse_chart
from jamd.contract.errors import MessageError
from jamd.contract.parameters import PARAMETERS, ROUTES
from jamd.contract.parameters import TOPICS as ALL_TOPICS
from tests.tui.conftest import replay
from tui import harmony
from tui.commands import arguments_of
from tui.knobs import KNOBS, Hands, round_step
from tui.levels import FALL, FLOOR_DB, HOLD_S, Levels, Meter, decibels
from tui.state import State
from tui.topics import TOPICS, Meters
from tui.widgets import font
from tui.widgets.chart import lines
from tui.widgets.meters import bar
from tui.widgets.panel import changed_span, fit, length

CHART = parse_chart("| Dm7 G7 | Cmaj7 | % | A7 |")


def say(state: State, topic: str, **values: object) -> None:
    state.take(f"/{topic}", (json.dumps(values),))


def test_every_topic_of_the_daemon_is_known() -> None:
    assert set(TOPICS) == set(ALL_TOPICS) - {"all"}


def test_a_jam_is_known_from_its_messages() -> None:
    state = replay("jam")
    assert state.link == "connected" and state.daemon.startswith("jamd ")
    assert state.engine.model == "small" and state.engine.jam.state == "playing" and state.jamming
    assert state.clock.playing and state.clock.tempo == 132.0
    assert [state.slots[number - 1].state for number in (1, 2, 3, 9, 10, 17)] == [
        "playing",
        "ready",
        "ready",
        "ready",
        "queued",
        "rendering",
    ]
    assert state.slots[0].name == "intro" and state.slots[63].state == "empty"
    assert [name for name, _ in state.adapters.playing] == ["ann"]
    assert state.params.params["density"] == pytest.approx(0.72) and state.params.parts["horn"] == 0
    assert state.record.recording and state.record.folder == "evening"
    assert state.log[-1].startswith("recording to ")
    assert state.levels.meters["out"][0].level > FLOOR_DB and len(state.levels.history) > 10


def test_the_place_in_the_chart_follows_the_clock() -> None:
    state = replay("jam")
    clock, chart = state.clock, state.chart
    assert chart is not None
    beat = (clock.bar - state.engine.jam.chart_bar) * 4 + clock.beat - 1
    assert state.place.sounding == chart.chord_at(beat).symbol
    assert state.place.coming == chart.next_change(beat)[1].symbol
    assert replay("held").place.sounding == "Bb13"
    assert replay("fresh").place == harmony.Place(coming="Dm7", coming_bar=0, coming_chord=0)


@pytest.mark.parametrize(
    ("bar", "beat", "sounding", "coming", "beats", "where"),
    [
        (0, 0.0, "Dm7", "G7", 2.0, (0, 0)),
        (0, 2.0, "G7", "Cmaj7", 2.0, (0, 1)),
        (1, 3.5, "Cmaj7", "A7", 4.5, (1, 0)),
        (3, 3.99, "A7", "Dm7", 0.01, (3, 0)),
        (4 * 7 + 1, 0.0, "Cmaj7", "A7", 8.0, (1, 0)),
    ],
)
def test_places(bar: int, beat: float, sounding: str, coming: str, beats: float, where: tuple[int, int]) -> None:
    place = harmony.place(CHART, bar, beat, True, "", "")
    assert (place.sounding, place.coming, (place.bar, place.chord)) == (sounding, coming, where)
    assert place.beats == pytest.approx(beats)


def test_before_the_chart_begins_the_engine_says_what_sounds() -> None:
    place = harmony.place(CHART, -1, 1.0, True, "", "Ab7")
    assert (place.sounding, place.coming, place.beats, place.bar) == ("Ab7", "Dm7", 3.0, -1)


def test_only_what_people_see_is_a_change() -> None:
    state = State()
    clock = {"playing": True, "tempo": 120.0, "bar": 1, "beat": 1.1, "frame": 100}
    say(state, "clock", **clock)
    state.tick(1.0)
    assert {"clock", "beat"} <= state.take_changes()
    say(state, "clock", **clock | {"beat": 1.6, "frame": 900})
    state.tick(1.03)
    assert state.take_changes().isdisjoint({"beat", "place"})
    say(state, "clock", **clock | {"beat": 2.0, "frame": 1700})
    state.tick(1.06)
    assert "beat" in state.take_changes()


def test_what_cannot_be_read_is_told_once_and_changes_nothing() -> None:
    state = replay("jam")
    before = state.engine
    for _ in range(3):
        state.take("/engine", ('{"ready": "perhaps"}',))
    state.take("/clock", ("{",))
    state.take("/unknown", (1, 2))
    assert state.engine == before
    assert sum("cannot read /engine" in line for line in state.log) == 1


def test_fields_of_a_newer_daemon_are_passed_over() -> None:
    state = State()
    say(state, "engine", ready=True, model="small", colour="blue", memory_mb=812.5)
    assert state.engine.ready and state.engine.memory_mb == 812.5


def test_meters_fall_and_peaks_are_held() -> None:
    meter = Meter()
    meter.take(0.5, 10.0)
    assert meter.level == meter.held == pytest.approx(-6.02, abs=0.01)
    meter.take(0.0, 11.0)
    assert meter.level == pytest.approx(-6.02 - FALL, abs=0.01) and meter.held == pytest.approx(-6.02, abs=0.01)
    meter.tick(10.0 + HOLD_S + 1.0)
    assert meter.held == pytest.approx(-6.02 - FALL, abs=0.1)
    meter.tick(100.0)
    assert meter.level == meter.held == FLOOR_DB
    assert decibels(1.0) == 0.0 and decibels(0.0) == FLOOR_DB


def test_history_has_a_column_every_fifth_of_a_second_with_the_loudest_of_it() -> None:
    levels = Levels()
    for step in range(60):
        levels.take(Meters(peak_left=0.5 if step == 31 else 0.1, peak_right=0.1), step / 30)
        levels.tick(step / 30)
    assert 9 <= len(levels.history) <= 11
    assert [left for left, _ in levels.history].count(decibels(0.5)) == 1


def test_steps_of_knobs_are_round_and_none_is_lost() -> None:
    assert [round_step(span) for span in (1.0, 102.0, 5.0, 1.9)] == [0.02, 2.0, 0.1, 0.05]
    state, hands = replay("fresh"), Hands()
    density = KNOBS[0]
    assert density.name == "density"
    assert [hands.turn(density, 1, state) for _ in range(3)] == [0.52, 0.54, 0.56]  # the daemon still says 0.5
    assert hands.turn(density, -1000, state) == 0.0
    state.tick(state.now + 10.0)
    assert hands.value(density, state) == 0.5
    for knob in KNOBS:
        assert knob.low <= knob.value(state) <= knob.high
    assert {knob.name for knob in KNOBS} >= {parameter.name for parameter in PARAMETERS}


def route(template: str) -> object:
    return next(one for one in ROUTES if one.template == template)


@pytest.mark.parametrize(
    ("template", "text", "values"),
    [
        ("/jam/chart", "| Dm7 | G7 |", ["| Dm7 | G7 |"]),
        ("/jam/style", "tender ballad:0.7 | rhodes", ["tender ballad:0.7 | rhodes"]),
        ("/clock/tempo", "132", [132.0]),
        ("/adapter/use", "ann", ["ann", None]),
        ("/adapter/blend", "ann 0.5 bo 0.25", ["ann", 0.5, "bo", 0.25]),
        ("/slot/N/render", '4 "slow blues" 7', [4, "slow blues", 7]),
        ("/slot/N/quantize", "1/8", ["1/8"]),
    ],
)
def test_what_is_written_becomes_arguments(template: str, text: str, values: list[object]) -> None:
    assert arguments_of(route(template), text) == values  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("template", "text"),
    [("/clock/tempo", "fast"), ("/clock/tempo", "1000"), ("/jam/chart", " "), ("/slot/N/render", '4 "slow'), ("/jam/trade", "4 4")],
)
def test_what_makes_no_sense_is_refused(template: str, text: str) -> None:
    with pytest.raises(MessageError):
        arguments_of(route(template), text)  # type: ignore[arg-type]


def test_large_letters_are_as_wide_and_high_as_they_say() -> None:
    for text in ("0123456789.-:%", "ABCDEFG#b", "Em7b5", "Csus4/Bb", "F#maj13#11", "Ddim7", "Gaug", "AmM7", "N.C.", "E7(b9)"):
        for scale in (1, 2, 3):
            rows = font.write(text, scale)
            assert len(rows) == font.height(scale)
            assert {len(row) for row in rows} == {font.width(text, scale)}
    assert font.largest("12.3", 40, 5) == 2
    assert font.largest("12.3", 5, 5) == 0
    assert font.largest("Ж", 99, 99) == 0


def test_the_chart_shows_the_line_that_sounds() -> None:
    chart = parse_chart("| " + " | ".join(f"{root}7" for root in ("C", "D", "E", "F", "G", "A", "B", "Db", "Eb", "Gb", "Ab", "Bb")) + " |")
    place = harmony.place(chart, 5, 0.0, True, "", "")
    rows = lines(chart, place, 80, 2)
    text = ["".join(piece for piece, _ in row) for row in rows]
    assert text[0].split("│")[1:] == [f" {name:<18}" for name in ("G7", "A7", "B7", "Db7")]
    assert [piece for piece, look in rows[0] if look == "lit"] == ["A7"]
    assert [piece for piece, look in rows[0] if look == "coming"] == ["B7"]
    assert "Eb7" in text[1]


def test_meters_fill_their_width() -> None:
    for level in range(-60, 1, 3):
        meter = Meter()
        meter.take(10 ** (level / 20), 0.0)
        for width in (7, 19, 40):
            assert length(bar(meter, width)) == width


def test_the_smallest_change_is_drawn() -> None:
    old = (("abc", "text"), ("def", "lit"), ("ghi", "text"))
    assert changed_span(old, (("abc", "text"), ("dxf", "lit"), ("ghi", "text"))) == (3, 6)
    assert changed_span(old, (*old[:2], ("gh", "text"))) == (6, 9)
    assert changed_span((), old) == (0, 9)
    assert fit("abcdef", 4) == "abc…" and fit("ab", 4) == "ab  " and fit("ab", 0) == ""


def test_the_dashboard_loads_no_torch_and_nothing_of_the_daemon() -> None:
    script = (
        "import sys, tui.app\n"
        "bad = [name for name in sys.modules if name.split('.')[0] in ('torch', 'model') "
        "or name.startswith(('jamd.control', 'jamd.engine', 'jamd.audio', 'jamd.supervisor'))]\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr


def test_without_a_terminal_it_says_so() -> None:
    result = subprocess.run([sys.executable, "-m", "jamd", "tui"], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert result.returncode == 2
    assert result.stderr == "jamd: the dashboard needs a terminal, or --web\n"


@pytest.mark.parametrize(
    ("bar", "beat", "chart_bar", "beats", "where"),
    [(-2, 1.3, 1, 7.7, -1), (-1, 1.0, 1, 4.0, -1), (-1, 4.5, 1, 0.5, -1), (-1, 1.0, 3, 12.0, -1), (1, 1.0, 1, 2.0, 0), (2, 1.0, 1, 8.0, 1)],
)
def test_a_count_in_has_no_bar_0(bar: int, beat: float, chart_bar: int, beats: float, where: int) -> None:
    """Bars go ..., -2, -1, 1, 2, ..."""
    state = State()
    say(state, "engine", jam={"chart": "| Dm7 G7 | Cmaj7 | % | A7 |", "chart_bar": chart_bar})
    say(state, "clock", playing=True, bar=bar, beat=beat)
    state.tick(1.0)
    assert state.place.beats == pytest.approx(beats)
    assert state.place.bar == where


def test_a_band_that_waits_for_its_clock_can_be_called_off() -> None:
    state = State()
    say(state, "engine", jam={"state": "stopped"})
    say(state, "clock", source="midi", waiting=True)
    assert state.jamming
    say(state, "clock", source="midi", waiting=False)
    assert not state.jamming
