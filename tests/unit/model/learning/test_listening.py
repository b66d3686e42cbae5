"""What is heard, against what was played."""

from __future__ import annotations

import numpy as np
import pytest

from jamd.contract.units import PARTS, SAMPLE_RATE
from model.conditioning import CONTROL_WIDTH, GROUPS, flag_index, group_slice
from model.corpus.piece import Piece
from model.learning.controls import frame_controls, heard_chart, planner_contexts
from model.learning.listening import Ear
from model.learning.measure import f_measure, judge, table
from model.learning.recordings import Audio
from model.learning.rhythm import track_beats


@pytest.mark.parametrize("which", ["band", "waltz"])
def test_tempo_beats_and_bars_of_a_band(which: str, request: pytest.FixtureRequest) -> None:
    piece, audio = request.getfixturevalue(which)
    heard = Ear(audio, SAMPLE_RATE).hear()
    assert heard.knows_bars
    assert heard.tempo == pytest.approx(piece.tempo, rel=0.02)
    assert heard.per_bar == piece.beats_per_bar
    true = np.arange(0, piece.seconds, 60 / piece.tempo)
    assert f_measure(heard.beats[(heard.beats > 0) & (heard.beats < piece.seconds)], true) > 0.9
    down = heard.beats[heard.first_downbeat :: heard.per_bar]
    assert f_measure(down[(down > 0) & (down < piece.seconds)], true[:: piece.beats_per_bar]) > 0.9


def test_chords_and_who_plays(band: tuple[Piece, Audio], solo: tuple[Piece, Audio], waltz: tuple[Piece, Audio]) -> None:
    all_kept = []
    for (piece, audio), playing in ((band, (True, True, True, False)), (solo, (True, False, False, False)), (waltz, (True,) * 4)):
        judged = judge(piece, audio)
        assert judged.tempo_right
        all_kept.append(judged.chord_roots[judged.chord_sure])
        assert judged.heard.parts in (playing, None)
        assert (judged.heard.solo == "piano") == (sum(playing) == 1)
    kept = np.concatenate(all_kept)
    assert len(kept) >= 30 and kept.mean() >= 0.75
    assert "tempo within 2 %" in table([judged])


def test_the_middle_of_a_stretch_is_heard_where_it_is(band: tuple[Piece, Audio]) -> None:
    _, audio = band
    ear = Ear(audio, SAMPLE_RATE)
    part = ear.hear(11.3, 24.0)
    beat = part.beat_at(np.array([0.7, 4.7]))  # 12 s and 16 s: downbeats at 120 bpm in four
    assert np.allclose(beat % 4, 0, atol=0.2) or np.allclose(beat % 4, 4, atol=0.2)
    assert part.chords[0].start_s == 0.0 and part.chords[-1].end_s <= part.seconds + 1e-6
    assert ear.hear(11.3, 24.0, 4.0).energy > part.energy > ear.hear(11.3, 24.0, -4.0).energy


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.5, 3.0])
def test_next_to_nothing_is_heard_as_nothing(seconds: float) -> None:
    heard = Ear(np.zeros((int(seconds * SAMPLE_RATE), 2), np.float32), SAMPLE_RATE).hear()
    assert heard.tempo == 0.0 and not heard.knows_tempo and not heard.knows_chords


def test_noise_has_no_tempo_that_is_told() -> None:
    noise = np.random.default_rng(0).standard_normal((20 * SAMPLE_RATE, 2)).astype(np.float32) * 0.1
    heard = Ear(noise, SAMPLE_RATE).hear()
    assert not heard.knows_bars and not any(span.sure for span in heard.chords if heard.knows_chords)


def test_beats_follow_a_tempo_that_drifts() -> None:
    times = np.cumsum(np.linspace(0.45, 0.55, 60))
    activation = np.zeros(int(times[-1] * 200) + 100)
    activation[np.round(times * 200).astype(int)] = 1.0
    assert f_measure(track_beats(activation, 120.0), times) > 0.95


def test_f_measure_counts_each_beat_once() -> None:
    true = np.arange(2.0, 12.0)
    assert f_measure(true, true) == 1.0
    assert f_measure(true + 0.2, true) == 0.0
    assert f_measure(np.arange(2.0, 12.0, 0.5), true) == pytest.approx(2 / 3)


def test_controls_are_those_of_the_corpus_where_sure_and_blank_where_not(band: tuple[Piece, Audio]) -> None:
    from model.corpus.labels import frame_labels

    piece, audio = band
    heard = Ear(audio, SAMPLE_RATE).hear()
    steps = len(audio) // 640
    vectors, given = frame_controls(heard, steps)
    assert vectors.shape == (steps, CONTROL_WIDTH) and np.isfinite(vectors).all()
    assert {"grid", "chord", "density", "energy"} <= set(given)
    for name in GROUPS:
        flag = vectors[:, flag_index(name)]
        assert set(np.unique(flag)) <= {0.0, 1.0}
        assert flag.any() == (name in given)
        assert not vectors[flag == 0][:, group_slice(name)].any()
    labels = frame_labels(piece)
    grid = vectors[:, group_slice("grid")]
    phase = np.arctan2(grid[:, 0], grid[:, 1]) / (2 * np.pi)
    away = np.abs((phase - labels["beat"][:steps] + 0.5) % 1 - 0.5)
    assert np.median(away) < 0.12  # of a beat
    told = vectors[:, flag_index("chord")] == 1
    roots = np.array([labels["chords"][index].root for index in labels["chord_now"][:steps]])
    assert 0.2 < told.mean() < 1.0
    assert (vectors[told][:, group_slice("chord")][:, :12].argmax(axis=1) == roots[told]).mean() > 0.7


def test_a_chart_for_the_planner_only_where_chords_are_sure(band: tuple[Piece, Audio]) -> None:
    from dataclasses import replace

    heard = Ear(band[1], SAMPLE_RATE).hear()
    sure = replace(heard, chords=tuple(replace(s, heard=replace(s.heard, root_sure=1.0, sure=1.0)) for s in heard.chords))
    unsure = replace(heard, chords=tuple(replace(s, heard=replace(s.heard, root_sure=0.2, sure=0.1)) for s in heard.chords))
    chart = heard_chart(sure)
    assert chart is not None and abs(len(chart.bars) - band[0].bars) <= 1
    assert len(planner_contexts(sure, chart)) == chart.beats + 1
    assert heard_chart(unsure) is None and heard_chart(replace(sure, bars_sure=0.1)) is None
    assert len(PARTS) == len(heard.timbre.parts)
