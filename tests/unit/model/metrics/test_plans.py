"""Measures of plans and knobs: copied phrases, form, phrase lengths, what knobs do."""

from __future__ import annotations

import numpy as np
import pytest

from jamd.contract.units import PARTS
from model.corpus.notes import make_notes
from model.corpus.piece import make_piece
from model.metrics import copying, knobs, similarity
from model.metrics.heard import heard_from_score

HORN = PARTS.index("horn")
RATE = 48_000


def random_line(seed: int, count: int = 60, start: float = 0.0) -> list[tuple[int, int, float, float, float]]:
    """Notes of the horn on eighths and triplets."""
    rng = np.random.default_rng(seed)
    beats = start + np.cumsum(rng.choice([4, 6, 8, 12], count)) / 12
    return [(HORN, int(pitch), 90.0, float(beat), 0.3) for pitch, beat in zip(rng.integers(55, 80, count), beats, strict=True)]


CORPUS = [make_notes(random_line(seed), 120.0) for seed in range(40)]


@pytest.mark.parametrize("shift", [0, -5, 7])
def test_an_inserted_phrase_is_found_in_any_key_and_at_any_place(shift: int) -> None:
    index = copying.build_index(CORPUS)
    stolen = random_line(17)[20:35]
    moved = [(part, pitch + shift, v, beat + 101.0, length) for part, pitch, v, beat, length in stolen]
    last = moved[-1][3]
    rows = [*random_line(1000, 30), *moved, *random_line(1001, 15, last + 1)]
    rows[:30] = [row for row in rows[:30] if row[3] < moved[0][3]]
    found = copying.find_copies(make_notes(rows, 90.0), index)
    assert found.notes == 15 and found.line == 17 and found.start == 30
    assert found.share == pytest.approx(15 / 60) and found.covered == pytest.approx(15 / 60)


def test_other_lines_are_near_the_floor() -> None:
    index = copying.build_index(CORPUS)
    level = copying.floor(index, [make_notes(random_line(seed), 120.0) for seed in range(100, 120)])
    assert level.notes.max() <= 5
    copied = copying.find_copies(CORPUS[3], index)
    assert copied.notes == 60 and copied.share == 1.0 and level.rank(copied) == 1.0
    fresh = copying.find_copies(make_notes(random_line(999), 120.0), index)
    assert fresh.notes <= 5 and copying.Floor(np.array([5, 5]), np.zeros(2)).ratio(copied) == 12.0


def test_a_copy_with_other_timing_is_found_by_intervals_alone() -> None:
    swung = [(part, pitch, v, beat + 0.15 * (index % 2), length) for index, (part, pitch, v, beat, length) in enumerate(random_line(5))]
    notes = make_notes(swung, 120.0)
    assert copying.find_copies(notes, copying.build_index(CORPUS)).notes < 10
    assert copying.find_copies(notes, copying.build_index(CORPUS, rhythm=False)).notes == 60


def test_a_line_is_the_skyline_and_short_ones_are_none() -> None:
    rows = [(0, pitch, 80.0, beat, 1.0) for beat in range(6) for pitch in (60, 64, 67 + beat)]
    line = copying.line_of(make_notes(rows, 120.0), 0)
    assert line["pitch"].tolist() == [67, 68, 69, 70, 71, 72]
    assert copying.steps_of(line) == ((1, 12),) * 5
    assert copying.find_copies(make_notes(rows[:9], 120.0), copying.build_index(CORPUS)) == copying.Match(0, 0.0)


def test_transcribed_notes_match_too() -> None:
    heard = heard_from_score(CORPUS[8])
    notes = copying.notes_of_heard(heard, 120.0, part="horn")
    assert copying.find_copies(notes, copying.build_index(CORPUS)).notes == 60


def test_the_corpus_is_what_its_seeds_say() -> None:
    index = copying.build_index(copying.corpus_notes(range(3)))
    notes = make_piece(1).notes
    expected = max((len(steps) + 1 for steps in copying.lines_of(notes)), default=0)
    assert copying.find_copies(notes, index).notes == expected


def test_a_tune_of_eight_bars_is_most_like_itself_eight_bars_on() -> None:
    rng = np.random.default_rng(0)
    tune = [(0, int(rng.integers(50, 80)), 80.0, bar * 4 + int(rng.integers(16)) / 4, 0.5) for bar in range(8) for _ in range(5)]
    rows = [(part, pitch, v, beat + 32 * turn, length) for turn in range(4) for part, pitch, v, beat, length in tune]
    vectors = similarity.bar_vectors(make_notes(rows, 120.0), 32, 4)
    assert vectors.shape == (32, 28)
    found = similarity.lags(vectors)
    assert found.best == 8 and found.similarity[8] == pytest.approx(1.0) and found.contrast > 0.2


def test_empty_bars_are_like_nothing() -> None:
    vectors = similarity.bar_vectors(make_notes([], 120.0), 16, 4)
    assert np.isnan(similarity.self_similarity(vectors)).all() and similarity.lags(vectors).best == 0


def test_phrases_end_at_rests_of_more_than_a_beat() -> None:
    beats = [0, 0.5, 1.0, 2.5, 5.0, 5.5, 9.0]
    line = make_notes([(HORN, 60, 80.0, beat, 0.5) for beat in beats], 120.0)
    found = similarity.phrases(line)
    assert found.notes.tolist() == [4, 2, 1]
    assert found.beats == pytest.approx([3.0, 1.0, 0.5])
    assert found.summary()["notes_median"] == 2.0
    empty = similarity.phrases(line[:0])
    assert empty.summary()["phrases"] == 0.0
    assert similarity.compare_phrases([found], [found]) == {"notes": 0.0, "beats": 0.0}
    with pytest.raises(ValueError, match="without phrases"):
        similarity.compare_phrases([found], [empty])


def test_a_knob_that_works_one_that_does_not_and_one_that_is_backward() -> None:
    rng = np.random.default_rng(0)
    values = np.repeat([0.0, 0.25, 0.5, 0.75, 1.0], 4)
    up = knobs.follow(list(zip(values, values * 3 + rng.normal(0, 0.1, 20), strict=True)))
    assert up.spearman > 0.9 and up.monotone and up.chance < 0.01 and up.count == 20 and len(up.medians) == 5
    down = knobs.follow([(0.0, 3.0), (0.5, 2.0), (1.0, 1.0), (1.0, float("nan"))])
    assert down.spearman == pytest.approx(-1.0) and down.falls == 2 and not down.monotone and down.chance > 0.9
    assert knobs.follow([(0.0, 0.0), (0.5, 1.0), (1.0, 0.95)], tolerance=0.1).monotone
    assert np.isnan(knobs.follow([(0.0, 1.0), (0.5, 1.0), (1.0, 1.0)]).spearman)
    with pytest.raises(ValueError, match="too few"):
        knobs.follow([(0.0, 1.0), (1.0, 2.0)])


def bursts(count: int, gain: float) -> np.ndarray:
    rng = np.random.default_rng(count)
    since = np.mod(np.arange(3 * RATE) / RATE, 3 / count)
    wave = gain * np.exp(-since / 0.03) * rng.standard_normal(3 * RATE)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def test_density_and_energy_of_sound() -> None:
    renders = [(knob, bursts(4 + round(12 * knob), 0.05 + 0.2 * knob)) for knob in (0.0, 0.5, 1.0)]
    assert knobs.density_follows(renders, RATE).spearman == pytest.approx(1.0)
    assert knobs.energy_follows(renders, RATE).monotone
    assert np.isnan(knobs.note_rate(np.zeros((0, 2)), RATE))


def test_a_part_is_heard_by_its_stem_or_by_its_band() -> None:
    rng = np.random.default_rng(0)
    bass = 0.2 * np.sin(2 * np.pi * 80 * np.arange(RATE) / RATE)[:, None].repeat(2, axis=1)
    rest = 0.02 * rng.standard_normal((RATE, 2))
    assert knobs.part_heard(bass + rest, rest, "bass", RATE) and not knobs.part_heard(bass + rest, rest, "drums", RATE)
    assert knobs.band_gain(rest, rest, "piano", RATE) == 0.0
    assert knobs.stem_level(0.1 * rest, rest, RATE) == pytest.approx(-20.0, abs=0.01)
    assert knobs.stem_heard(bass, bass + rest, RATE) and not knobs.stem_heard(0 * bass, rest, RATE)
    assert np.isnan(knobs.stem_level(0 * rest, 0 * rest, RATE))
    for call in (lambda: knobs.band_gain(rest, rest, "kazoo", RATE), lambda: knobs.band_gain(rest, rest[:0], "bass", RATE),
                 lambda: knobs.stem_level(rest, rest[:-1], RATE)):  # fmt: skip
        with pytest.raises(ValueError):
            call()
