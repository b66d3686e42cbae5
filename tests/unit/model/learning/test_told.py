"""What the musician says of a recording is believed; the place in the chart is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jamd.contract.chart import Chart, parse_chart
from jamd.contract.errors import UsageError
from jamd.contract.units import SAMPLE_RATE
from model.conditioning import group_slice
from model.corpus.piece import Piece
from model.generator.events import _LAYOUT, _OFFSET
from model.learning.controls import bar_start, frame_controls, heard_chart, planner_contexts
from model.learning.listening import Ear
from model.learning.material import gather
from model.learning.recordings import Audio
from model.learning.told import Told
from tests.unit.model.learning.files import write

Rendered = tuple[Piece, Audio]


def chords_of(piece: Piece, start_s: float, seconds: float) -> list[str]:
    """At the middles of half bars from a time on."""
    half = piece.beats_per_bar * 30 / piece.tempo
    return [piece.chart.chord_at((start_s + (i + 0.5) * half) * piece.tempo / 60).symbol for i in range(int(seconds / half))]


@pytest.mark.parametrize("start_s", [0.0, 9.3])
def test_told_beats_and_chart_are_the_pieces_own(solo: Rendered, start_s: float) -> None:
    piece, audio = solo
    told = Told(piece.tempo, piece.chart, starts_s=0.0)
    heard = Ear(audio[int(start_s * SAMPLE_RATE) :], SAMPLE_RATE, ("piano",), told.after(start_s)).hear(2.0, 16.0)
    assert heard.knows_bars and heard.knows_chords and heard.solo == "piano"
    times = np.linspace(0.0, 14.0, 50)
    assert heard.form is not None
    true = (times + start_s + 2.0) * piece.tempo / 60
    assert np.allclose((heard.beat_at(times) + heard.form[0] * heard.per_bar - true + 1e-6) % piece.chart.beats, 0, atol=1e-4)
    assert all(span.sure for span in heard.chords)
    middles = [(span.start_s + span.end_s) / 2 + start_s + 2.0 for span in heard.chords]
    assert [span.heard.chord for span in heard.chords] == [piece.chart.chord_at(middle * piece.tempo / 60) for middle in middles]


def test_the_place_in_the_chart_is_found(solo: Rendered) -> None:
    piece, audio = solo
    cut = 5 * piece.beats_per_bar * 60 / piece.tempo  # five bars in
    heard = Ear(audio[int(cut * SAMPLE_RATE) :], SAMPLE_RATE, ("piano",), Told(piece.tempo, piece.chart)).hear()
    assert heard.form is not None and heard.knows_chords
    place = (heard.beat_at(np.array([0.0]))[0] + heard.form[0] * heard.per_bar) % piece.chart.beats
    assert abs(place - 5 * piece.beats_per_bar) < 0.2


def test_a_chart_that_is_not_played_is_not_believed(solo: Rendered) -> None:
    _, audio = solo
    other = parse_chart("| Dbm7 | Gb7 | Bmaj7 | Bmaj7 | Am7b5 | D7 | Gm7 | C7 |")
    heard = Ear(audio, SAMPLE_RATE, ("piano",), Told(chart=other)).hear()
    assert heard.form is None


def test_beats_one_by_one_follow_a_change_of_tempo(solo: Rendered) -> None:
    _, audio = solo
    beats = np.concatenate([1.0 + 0.5 * np.arange(16), 9.0 + 0.4 * np.arange(16)])
    ear = Ear(audio, SAMPLE_RATE, ("piano",), Told(beats_s=beats))
    late = ear.hear(10.0, 14.0)
    assert late.tempo == pytest.approx(150.0)
    assert np.allclose(late.beat_at(np.array([0.2, 0.6])) % 4, [(16 + 3) % 4, 0], atol=1e-6)
    assert ear.hear(0.0, 8.0).tempo == pytest.approx(120.0)
    assert ear.beats[0] <= 0.0 and ear.beats[-1] >= ear.seconds


def test_clips_know_what_was_told_and_the_planner_is_told_the_form(solo: Rendered, tmp_path: Path) -> None:
    piece, audio = solo
    path = write(tmp_path / "solo.flac", audio)
    told = {path.resolve(): Told(piece.tempo, piece.chart, swing=0.61, starts_s=0.0)}
    material = gather([path], force=True, plays=("piano",), told=told)
    assert len(material.clips) >= 2
    for clip in material.clips:
        heard = clip.heard
        assert heard.knows_bars and heard.swing == 0.61
        chart = heard_chart(heard)
        assert chart is not None
        controls, given = frame_controls(heard, 200)
        assert {"grid", "swing", "chord", "parts"} <= set(given)
        assert controls[:, group_slice("grid")].any(axis=1).all()
        contexts = planner_contexts(heard, chart)
        form = slice(_OFFSET["form"], _OFFSET["form"] + _LAYOUT["form"])
        assert contexts[:, form].any(axis=1).all()
        assert contexts[:, _OFFSET["density"]] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("values", "why"),
    [({"tempo": 1000.0}, "tempo"), ({"swing": 0.9}, "swing"), ({"starts_s": 1.0}, "without a tempo"), ({"tempo": 20.0}, "outside")],
)
def test_what_cannot_be_is_refused(values: dict[str, float], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Told(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["| C / / G7 | Am7 D7 Dm7 G7 | F Bb | Ebmaj7 |", "3/4 | C / G7 | Am7 D7 G7 | F | C |"])
def test_every_chord_of_a_told_chart_is_told_on_its_beat(text: str) -> None:
    chart = parse_chart(text)
    ear = Ear(np.zeros((24 * SAMPLE_RATE, 2), np.float32), SAMPLE_RATE, ("piano",), Told(120.0, chart, starts_s=0.0))
    bar_s = chart.beats_per_bar * 0.5
    for first in (0, 1, 6):
        found = heard_chart(ear.hear(first * bar_s, (first + 4) * bar_s))
        assert found is not None and found.bars == tuple(chart.bars[(first + index) % 4] for index in range(4))
    heard = ear.hear(0.0, 8.0)
    for time in np.arange(0.25, 8.0, 0.5):
        (span,) = (span for span in heard.chords if span.start_s <= time < span.end_s)
        assert span.sure and span.heard.chord == chart.chord_at(time * 2)


def test_a_chart_that_repeats_in_itself_is_found_like_one_that_does_not(solo: Rendered) -> None:
    piece, audio = solo
    chart = piece.chart
    places = []
    for one in (chart, Chart(chart.beats_per_bar, chart.bars * 2)):
        heard = Ear(audio, SAMPLE_RATE, ("piano",), Told(piece.tempo, one)).hear()
        assert heard.form is not None and heard.bars_sure > 0.9
        places.append((heard.beat_at(np.array([0.0]))[0] + heard.form[0] * heard.per_bar) % chart.beats)
    assert places[0] == pytest.approx(places[1]) and min(places[0], chart.beats - places[0]) < 0.5


def test_a_chart_that_is_not_believed_leaves_the_bars_as_they_are_heard(solo: Rendered) -> None:
    piece, audio = solo
    vamp = parse_chart("| Db7alt |")
    plain, told = (Ear(audio, SAMPLE_RATE, ("piano",), one) for one in (Told(piece.tempo), Told(piece.tempo, vamp)))
    assert told.chart_beat is None and told.bars == plain.bars and np.array_equal(told.beats, plain.beats)
    waltz = Ear(audio, SAMPLE_RATE, ("piano",), Told(piece.tempo, parse_chart("3/4 | Db7alt |")))
    assert waltz.bars.per_bar == 3 and waltz.bars.sure == 0.0


@pytest.mark.parametrize("late", [0.0, 1.4, 1.9, 3.2])
@pytest.mark.parametrize("one_by_one", [False, True])
def test_the_bar_in_which_a_stretch_begins_is_known(late: float, one_by_one: bool) -> None:
    """At 120 in four a bar is 2 s."""
    told = Told(120.0, starts_s=0.0) if not one_by_one else Told(120.0, beats_s=0.5 * np.arange(60))
    heard = Ear(np.zeros((int(12 * SAMPLE_RATE), 2), np.float32), SAMPLE_RATE, ("piano",), told.after(late)).hear()
    assert bar_start(heard) == pytest.approx(-(late % 2.0), abs=1e-6)
