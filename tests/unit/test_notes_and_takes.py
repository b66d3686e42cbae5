"""Notes beside recordings, options, and takes: what `jamd learn` is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile

from jamd.contract.chart import parse_chart
from jamd.contract.clock import Clock
from jamd.contract.errors import UsageError
from jamd.contract.messages import EngineInput, JamStop, SetChart, SetChord, SetClock
from jamd.contract.messages.base import Message
from jamd.contract.units import SAMPLE_RATE
from jamd.control.journal import Journal, JournalHead
from jamd.engine.history import History
from jamd.told import find_told, told_of
from model.generator.situation import Situation
from model.learning.told import NOTHING, Told

FIRST = 48_000


def sound(path: Path, seconds: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros((int(seconds * SAMPLE_RATE), 2), np.float32), SAMPLE_RATE)
    return path


def test_notes_beside_a_recording_go_before_options(tmp_path: Path) -> None:
    one, two = sound(tmp_path / "one.wav"), sound(tmp_path / "two.flac")
    (tmp_path / "changes.txt").write_text("3/4 | Dm7 | G7 |")
    (tmp_path / "one.toml").write_text('tempo = 132\nchart = "changes.txt"\nswing = 0.6\nstarts = -0.25\n')
    paths, told = find_told([tmp_path], told_of(150.0, "| C7 | F7 |", None))
    assert paths == [tmp_path] and set(told) == {one.resolve(), two.resolve()}
    first = told[one.resolve()]
    assert (first.tempo, first.per_bar, first.swing, first.starts_s) == (132.0, 3, 0.6, -0.25)
    second = told[two.resolve()]
    assert second.tempo == 150.0 and second.chart is not None and len(second.chart.bars) == 2 and second.starts_s is None
    assert find_told([one])[1] == {one.resolve(): first} and find_told([two])[1] == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tempo = fast", "told|value"), ("temp = 120", "temp"), ('chart = "| H7 |"', "H7|chord"), ("metre = 7", "metre"),
        ("tempo = 9", "outside"), ("starts = 1.0", "without a tempo"),
    ],
)  # fmt: skip
def test_notes_that_cannot_be_are_refused_by_name(tmp_path: Path, text: str, why: str) -> None:
    sound(tmp_path / "one.wav")
    (tmp_path / "one.toml").write_text(text)
    with pytest.raises(UsageError, match=rf"one\.toml: .*({why})"):
        find_told([tmp_path])


Said = tuple[float, dict[str, Any]]
"""Seconds of the take, and what the engine was told then."""


def at(seconds: float) -> int:
    return FIRST + round(seconds * SAMPLE_RATE)


def begin(seconds: float, clock: Clock, *charts: tuple[int, str], overrides: tuple[tuple[float, str | None], ...] = ()) -> Said:
    frame = max(clock.segments[0].frame, at(seconds))
    body = {"frame": frame, "clock": msgspec.to_builtins(clock), "charts": charts, "overrides": overrides, "follows": False}
    return seconds, {"kind": "begin", "body": body}


def message(seconds: float, told: Message) -> Said:
    return seconds, {"kind": "message", "body": msgspec.to_builtins(told)}


def journal(folder: Path, *said: Said) -> Path:
    """A take's folder with its journal, as a session writes it."""
    for name in ("mix", "jam", "input"):
        sound(folder / f"{name}.flac")
    failures: list[str] = []
    journal = Journal(
        folder / "events.jsonl", JournalHead(jamd="0", model="small", frame=FIRST, rate=SAMPLE_RATE, state={}), failures.append
    )
    journal.write("audio", FIRST, "FIRST")
    for seconds, told in said:
        journal.write("engine", at(seconds), msgspec.json.encode(told).decode(), [0, 0])
    journal.close()
    assert not failures
    return folder


def take(folder: Path, clocks: list[Clock], charts: list[tuple[int, str]], later: tuple[tuple[int, str], ...] = ()) -> Path:
    """Of one jam."""
    clock_changes = [message(0.0, SetClock(clock=clock)) for clock in clocks[1:]]
    return journal(
        folder, begin(0.0, clocks[0], *charts), *clock_changes, *(message(0.0, SetChart(text=text, bar=bar)) for bar, text in later)
    )


def told_about(folder: Path) -> Told:
    _, told = find_told([folder])
    return told[(folder / "input.flac").resolve()]


def chords(told: Told, count: int, every: int = 4) -> list[str]:
    assert told.chart is not None
    return [told.chart.chord_at(every * number).symbol for number in range(count)]


def test_of_a_take_the_input_is_taken_and_its_clock_known(tmp_path: Path) -> None:
    clock = Clock.started(FIRST + 24_000, 140.0, 4)
    folder = take(tmp_path / "takes" / "monday", [clock], [(2, "| Dm7 | G7 |")])
    loose = sound(tmp_path / "takes" / "loose.wav")
    paths, told = find_told([tmp_path / "takes"])
    recorded = folder / "input.flac"
    assert sorted(paths) == sorted([loose, recorded])
    known = told[recorded.resolve()]
    assert known.tempo == 140.0 and known.chart is not None and known.chart.text() == "| Dm7 | G7 |"
    assert known.starts_s == pytest.approx(0.5 + 8 * 60 / 140, abs=1e-4)  # the chart begins with bar 2


def test_a_take_with_a_change_of_tempo_has_its_beats(tmp_path: Path) -> None:
    clock = Clock.started(FIRST, 120.0, 4)
    change = FIRST + 4 * SAMPLE_RATE  # beat 8
    folder = take(tmp_path / "take", [clock, clock.with_tempo(150.0, change).prune(change)], [(0, "| C7 |")])
    _, told = find_told([folder])
    beats = told[(folder / "input.flac").resolve()].beats_s
    assert beats is not None and np.allclose(beats[:9], 0.5 * np.arange(9)) and np.allclose(np.diff(beats[8:]), 0.4)


def test_a_chart_that_comes_later_is_known_from_its_bar_on(tmp_path: Path) -> None:
    folder = take(tmp_path / "take", [Clock.started(FIRST, 120.0, 4)], [(0, "| C7 | F7 |")], ((3, "| Am7 | D7 |"),))
    _, told = find_told([folder])
    chart = told[(folder / "input.flac").resolve()].chart
    assert chart is not None
    assert [chart.chord_at(4 * bar).symbol for bar in range(7)] == ["C7", "F7", "C7", "Am7", "D7", "Am7", "D7"]


BLUES = "| C7 | F7 | Bb7 | Eb7 |"


def test_of_two_jams_by_two_clocks_only_a_tempo_of_both_is_told(tmp_path: Path) -> None:
    one, other, slower = (Clock.started(at(second), tempo, 4) for second, tempo in ((0.0, 140.0), (60.3, 140.0), (60.3, 90.0)))
    first, stop = begin(0.0, one, (0, "| C7 | F7 |")), message(58.0, JamStop(frame=at(58.5)))
    alike = told_about(journal(tmp_path / "alike", first, stop, begin(60.0, other, (0, "| Am7 | D7 |"))))
    assert alike.tempo == 140.0 and alike.chart is None and not alike.knows_beats
    assert told_about(journal(tmp_path / "two", first, stop, begin(60.0, slower, (0, "| Am7 | D7 |")))) == NOTHING
    assert told_about(journal(tmp_path / "cut", first, begin(60.0, slower, (0, "| Am7 | D7 |")))) == NOTHING


def test_a_false_start_is_no_jam(tmp_path: Path) -> None:
    one, other = Clock.started(at(8.0), 90.0, 4), Clock.started(at(21.0), 140.0, 4)
    folder = journal(
        tmp_path, begin(1.0, one, (0, "| C7 | F7 |")), message(13.0, JamStop(frame=at(13.01))), begin(20.0, other, (0, "| Am7 | D7 |"))
    )
    known = told_about(folder)
    assert known.tempo == 140.0 and known.starts_s == 21.0 and chords(known, 2) == ["Am7", "D7"]


def test_a_band_that_comes_back_while_the_clock_runs_on_is_one_jam(tmp_path: Path) -> None:
    clock = Clock.started(FIRST, 120.0, 4)
    again = begin(15.0, clock, (0, "| C7 | F7 |"), (8, "| Am7 | D7 |"))
    known = told_about(journal(tmp_path, begin(0.0, clock, (0, "| C7 | F7 |")), message(11.0, JamStop(frame=at(12.0))), again))
    assert known.tempo == 120.0 and known.starts_s == 0.0
    assert chords(known, 11) == ["C7", "F7"] * 4 + ["Am7", "D7", "Am7"]


def test_of_a_take_after_the_jam_nothing_is_told(tmp_path: Path) -> None:
    """The engine tells again what the last jam was told, though it has ended."""
    sent: list[Any] = []
    history, performer = History(sent.append), SimpleNamespace(steps=1, plan=SimpleNamespace(written=1))
    clock = Clock.started(at(-700), 140.0, 4)
    history.begin(Situation(clock, [(0, parse_chart("| C7 | F7 |"))]), {}, at(-700), at(-700), 1, False)
    for told in (JamStop(frame=at(-600)), SetClock(clock=clock.stopped())):
        history.note(told, performer, at(-600))  # type: ignore[arg-type]
    history.report(True)
    assert all(isinstance(one, EngineInput) for one in sent) and len(sent) == 3
    said = [((one.frame - FIRST) / SAMPLE_RATE, msgspec.json.decode(one.text)) for one in sent]
    assert told_about(journal(tmp_path / "none", *said)) == NOTHING
    another = told_about(journal(tmp_path / "another", *said, begin(0.5, Clock.started(at(0.5), 90.0, 3), (0, "3/4 | Dm7 |"))))
    assert (another.tempo, another.per_bar, another.starts_s) == (90.0, 3, 0.5) and chords(another, 1) == ["Dm7"]


@pytest.mark.parametrize("stop", [JamStop(frame=at(20.0)), SetClock(clock=Clock.started(FIRST, 120.0, 4).stopped())])
@pytest.mark.parametrize(("alone_s", "is_told"), [(0.0, True), (4.0, True), (20.0, False)])
def test_playing_on_after_the_jam_is_not_told_to_be_the_chart(tmp_path: Path, stop: Message, alone_s: float, is_told: bool) -> None:
    clock = Clock.started(FIRST, 120.0, 4)
    folder = journal(tmp_path, begin(0.0, clock, (0, "| C7 |")), message(20.0, stop))
    playing = np.zeros((50 * SAMPLE_RATE, 2), np.float32)
    playing[: int((20.0 + alone_s) * SAMPLE_RATE)] = 0.1
    playing *= np.random.default_rng(1).uniform(-1.0, 1.0, playing.shape).astype(np.float32)
    soundfile.write(folder / "input.flac", playing, SAMPLE_RATE)
    known = told_about(folder)
    assert (known.tempo == 120.0 and known.starts_s == 0.0 and chords(known, 1) == ["C7"]) if is_told else known == NOTHING


def test_playing_on_before_the_jam_is_not_told_to_be_the_chart(tmp_path: Path) -> None:
    folder = journal(tmp_path, begin(20.0, Clock.started(at(20.0), 120.0, 4), (0, "| C7 |")))
    playing = 0.1 * np.random.default_rng(1).uniform(-1.0, 1.0, (40 * SAMPLE_RATE, 2))
    soundfile.write(folder / "input.flac", playing, SAMPLE_RATE)
    assert told_about(folder) == NOTHING


def test_chords_over_the_chart_are_those_that_were_played(tmp_path: Path) -> None:
    said = message(1.0, SetChord(text="Abm7", beat=6.0)), message(4.0, SetChord(text=None, beat=12.0))
    known = told_about(journal(tmp_path / "during", begin(0.0, Clock.started(FIRST, 120.0, 4), (0, "| C7 | F7 G7 |")), *said))
    assert known.starts_s == 0.0 and chords(known, 10, 2) == ["C7", "C7", "F7", "Abm7", "Abm7", "Abm7", "F7", "G7", "C7", "C7"]
    clock = Clock.started(at(-30.0), 120.0, 4)  # bar 15 when the take begins
    known = told_about(journal(tmp_path / "before", begin(-30.0, clock, (0, "| C7 | F7 |"), overrides=((-1e9, "Abm7"), (68.0, None)))))
    beats, first = known.beats(10.0)
    played = [known.chart.chord_at(float(np.searchsorted(beats, second)) - first).symbol for second in (0.1, 2.1, 4.1, 6.1)]  # type: ignore[union-attr]
    assert played == ["Abm7", "Abm7", "F7", "C7"]
    resumed = told_about(journal(tmp_path / "long before", begin(-30.0, clock, (0, "| C7 | F7 |"), overrides=((0.0, "Abm7"), (4.0, None)))))
    assert resumed.chart == parse_chart("| C7 | F7 |") and resumed.starts_s == -30.0


def test_a_clock_that_jumps_to_a_bar_plays_on_from_there(tmp_path: Path) -> None:
    clock = Clock.started(FIRST, 120.0, 4)
    jumped = clock.placed(at(6.0), 0, 0.0, 120.0, 4)  # after three bars
    start = begin(0.0, clock, (0, BLUES))
    known = told_about(journal(tmp_path / "jump", start, message(5.0, SetClock(clock=jumped))))
    beats, first = known.beats(30.0)
    assert np.allclose(beats[first:], 0.5 * np.arange(len(beats) - first))
    assert chords(known, 9) == ["C7", "F7", "Bb7", "C7", "F7", "Bb7", "Eb7", "C7", "F7"]
    whole = told_about(journal(tmp_path / "chorus", start, message(7.0, SetClock(clock=clock.placed(at(8.0), 0, 0.0, 120.0, 4)))))
    assert whole.chart == parse_chart(BLUES)
    inside = clock.placed(at(6.5), 0, 0.0, 120.0, 4)  # a bar of one beat
    cut = told_about(journal(tmp_path / "inside", start, message(6.0, SetClock(clock=inside))))
    assert cut.tempo == 120.0 and cut.chart is None and not cut.knows_beats
    before = told_about(
        journal(tmp_path / "before", begin(-9.0, clock, (0, BLUES)), message(-1.0, SetClock(clock=clock.placed(FIRST, 2, 0.0, 120.0, 4))))
    )
    assert before.chart == parse_chart(BLUES) and before.starts_s == -4.0


@pytest.mark.parametrize("tempo", [140.0, 100.0])
def test_bars_of_two_metres_are_not_told(tmp_path: Path, tempo: float) -> None:
    clock = Clock.started(FIRST, 140.0, 4)
    frame = clock.frame_of_bar(4)
    later = (
        message(5.0, SetClock(clock=clock.with_metre(3, frame).with_tempo(tempo, frame))),
        message(5.0, SetChart(text="3/4 | Dm7 |", bar=4)),
    )
    known = told_about(journal(tmp_path, begin(0.0, clock, (0, "| C7 |")), *later))
    assert known.chart is None and not known.knows_beats and known.tempo == (140.0 if tempo == 140.0 else 0.0)


@pytest.mark.parametrize("tempo", [173.0, 93.0])
def test_beats_after_a_change_of_tempo_do_not_drift(tmp_path: Path, tempo: float) -> None:
    clock = Clock.started(FIRST, 120.0, 4)
    changed = clock.with_tempo(tempo, at(4.0))
    folder = take(tmp_path / "during", [clock, changed], [(0, "| C7 | F7 |")])
    beats, first = told_about(folder).beats(3600.0)
    true = [(changed.frame_at(beat) - FIRST) / SAMPLE_RATE for beat in range(len(beats) - first)]
    assert np.abs(beats[first:] - true).max() < 1 / SAMPLE_RATE
    started = Clock.started(at(-8.0), 120.0, 4)
    known = told_about(
        journal(tmp_path / "before", begin(-8.0, started, (0, BLUES)), message(-5.0, SetClock(clock=started.with_tempo(tempo, at(-4.0)))))
    )
    assert known.tempo == tempo and known.chart == parse_chart(BLUES) and known.starts_s == pytest.approx(-4.0 - 8 * 60 / tempo)
