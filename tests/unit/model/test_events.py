"""Notes to planner events and back."""

from __future__ import annotations

import numpy as np
import pytest

from jamd.contract.chart import parse_chart
from model.conditioning import (
    CONTROL_WIDTH,
    DRUM_ROWS,
    GROUPS,
    PITCHED_WIDTH,
    ROLL_WIDTH,
    chord_vector,
    drop_groups,
    flag_index,
    roll,
)
from model.corpus.notes import NOTE_DTYPE, make_notes
from model.corpus.piece import make_piece
from model.generator.events import (
    ADVANCES,
    CONTEXT_WIDTH,
    REST,
    TICKS,
    BeatContext,
    blank,
    decode_event,
    encode,
    transpose_contexts,
)


@pytest.mark.parametrize("seed", range(6))
def test_events_keep_the_notes(seed: int) -> None:
    piece = make_piece(seed)
    events, beats = encode(piece.notes)
    notes = [n for event, beat in zip(events.tolist(), beats.tolist(), strict=True) if (n := decode_event(event, beat))]
    assert len(notes) == len(piece.notes)
    key = lambda n: (round(n[0] * TICKS), n[1], n[2])  # noqa: E731
    mine = sorted(((n.beat, n.part, n.pitch) for n in notes), key=key)
    theirs = sorted(((float(n["beat"]), int(n["part"]), int(n["pitch"])) for n in piece.notes), key=key)
    for (beat, part, pitch), (other, other_part, other_pitch) in zip(mine, theirs, strict=True):
        assert abs(beat - other) <= 0.5 / TICKS + 1e-9
        assert (part, pitch) == (other_part, other_pitch)
    assert (events[:, 0] < ADVANCES).all()


def test_long_silence_is_bridged_by_rests() -> None:
    notes = make_notes([(1, 40, 80, 0.0, 1.0), (1, 41, 80, 50.25, 1.0)], 120)
    events, beats = encode(notes)
    assert beats.tolist() == [0, 16, 32, 48, 50]
    assert events[1:4, 2].tolist() == [REST] * 3


def context(chart: object = "| Dm7 | G7 |", **changes: object) -> BeatContext:
    read = parse_chart(chart) if isinstance(chart, str) else chart
    values = {"chart": read, "chart_beat": 3.0, "bar": 0, "beat_in_bar": 3, "tempo": 140.0}
    values |= {"parts": (True, True, False, True)} | changes
    return BeatContext(**values)  # type: ignore[arg-type]


def test_contexts_differ_by_what_they_say() -> None:
    base = context().vector()
    assert base.shape == (CONTEXT_WIDTH,)
    for changes in ({"chart": parse_chart("| Dm7 | Db7 |")}, {"chart_beat": 4.0}, {"bar": 1}, {"beat_in_bar": 1},
                    {"tempo": 200.0}, {"parts": (True,) * 4}, {"density": 0.5}, {"feel": "bossa"},
                    {"lag": (0.0, 0.0, 0.0, 0.02)}, {"lag": (0.0,) * 4}, {"legato": (0.5, 1.0, 1.0, 1.0)}, {"voicing": "shell"},
                    {"wide": 0.0}, {"wide": 1.0}):  # fmt: skip
        assert not np.array_equal(base, context(**changes).vector()), changes


def test_what_is_left_out_of_a_context_is_as_if_never_told() -> None:
    given = {"swing": 0.6, "density": 0.4, "lag": (0.01,) * 4, "legato": (1.2,) * 4, "voicing": "triad", "wide": 1.0, "feel": "funk"}
    for name in given:
        told = context(**given).vector()[None].copy()
        blank(told, name)
        assert np.array_equal(told[0], context(**{key: value for key, value in given.items() if key != name}).vector()), name


def test_transposed_context_is_the_context_of_the_transposed_chart() -> None:
    chart = parse_chart("| Dm7 G7b9/F | Cmaj7 |")
    for shift in (-5, 1, 6):
        moved = context(chart=chart.transpose(shift)).vector()
        np.testing.assert_array_equal(transpose_contexts(context(chart=chart).vector(), shift), moved)


def test_roll_places_onsets_in_their_step() -> None:
    notes = np.zeros(2, NOTE_DTYPE)
    notes[0] = (0, 60, 100, 0, 0, 10.25 / 75, 4 / 75)
    notes[1] = (2, 51, 80, 0, 0, 12.5 / 75, 0.1)
    out = roll(notes, 8, 10)
    assert out.shape == (10, ROLL_WIDTH)
    keys = out[:, :PITCHED_WIDTH].reshape(10, 3, 88, 4)[:, 0, 60 - 21]
    assert np.flatnonzero(keys[:, 0]).tolist() == [2]
    assert keys[2, 1] == pytest.approx(0.25)
    assert np.flatnonzero(keys[:, 2]).tolist() == [2, 3, 4, 5, 6]
    drums = out[:, PITCHED_WIDTH:-1].reshape(10, DRUM_ROWS, 3)
    assert np.flatnonzero(drums[:, 8, 0]).tolist() == [4]
    assert (out[:, -1] == 1).all()


@pytest.mark.parametrize("seed", range(3))
def test_roll_by_single_steps_is_the_roll_of_the_stretch(seed: int) -> None:
    notes = make_piece(seed).notes
    whole = roll(notes, 100, 60)
    single = np.concatenate([roll(notes, step, 1) for step in range(100, 160)])
    np.testing.assert_allclose(single, whole, atol=1e-6)


def test_dropped_groups_are_blank_and_flagged() -> None:
    vectors = np.ones((3, CONTROL_WIDTH), np.float32)
    drop_groups(vectors, ["chord"])
    assert vectors[:, flag_index("chord")].max() == 0
    assert vectors[:, flag_index("grid")].min() == 1
    assert (vectors == 0).sum() == 3 * (GROUPS["chord"] + 1)


def test_no_chord_is_blank() -> None:
    assert chord_vector(parse_chart("| N.C. |").chord_at(0)).sum() == 0
