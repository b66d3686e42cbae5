"""Notes beside recordings, options, and takes: what `jamd learn` is told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from jamd.contract.clock import Clock
from jamd.contract.errors import UsageError
from jamd.contract.units import SAMPLE_RATE
from jamd.control.journal import Journal, JournalHead
from jamd.told import find_told, told_of

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


def take(folder: Path, clocks: list[Clock], charts: list[list[object]], later: tuple[tuple[int, str], ...] = ()) -> Path:
    """A take's folder with its journal, as a session writes it."""
    for name in ("mix", "jam", "input"):
        sound(folder / f"{name}.flac")
    failures: list[str] = []
    journal = Journal(
        folder / "events.jsonl", JournalHead(jamd="0", model="small", frame=FIRST, rate=SAMPLE_RATE, state={}), failures.append
    )
    journal.write("audio", FIRST, "FIRST")
    begin = {"kind": "begin", "body": {"clock": msgspec.to_builtins(clocks[0]), "charts": charts, "follows": False}}
    journal.write("engine", FIRST, msgspec.json.encode(begin).decode(), [0, 0])
    for clock in clocks[1:]:
        told = {"kind": "message", "body": {"type": "SetClock", "clock": msgspec.to_builtins(clock)}}
        journal.write("engine", FIRST, msgspec.json.encode(told).decode(), [1, 0])
    for bar, text in later:
        told = {"kind": "message", "body": {"type": "SetChart", "bar": bar, "text": text}}
        journal.write("engine", FIRST, msgspec.json.encode(told).decode(), [2, 0])
    journal.close()
    assert not failures
    return folder


def test_of_a_take_the_input_is_taken_and_its_clock_known(tmp_path: Path) -> None:
    clock = Clock.started(FIRST + 24_000, 140.0, 4)
    folder = take(tmp_path / "takes" / "monday", [clock], [[2, "| Dm7 | G7 |"]])
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
    folder = take(tmp_path / "take", [clock, clock.with_tempo(150.0, change).prune(change)], [[0, "| C7 |"]])
    _, told = find_told([folder])
    beats = told[(folder / "input.flac").resolve()].beats_s
    assert beats is not None and np.allclose(beats[:9], 0.5 * np.arange(9)) and np.allclose(np.diff(beats[8:]), 0.4)


def test_a_chart_that_comes_later_is_known_from_its_bar_on(tmp_path: Path) -> None:
    folder = take(tmp_path / "take", [Clock.started(FIRST, 120.0, 4)], [[0, "| C7 | F7 |"]], ((3, "| Am7 | D7 |"),))
    _, told = find_told([folder])
    chart = told[(folder / "input.flac").resolve()].chart
    assert chart is not None
    assert [chart.chord_at(4 * bar).symbol for bar in range(7)] == ["C7", "F7", "C7", "Am7", "D7", "Am7", "D7"]
