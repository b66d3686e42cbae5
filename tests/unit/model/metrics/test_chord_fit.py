"""Chord fit, on notes and tones whose harmony is known."""

from __future__ import annotations

import numpy as np
import pytest

from jamd.contract.chart import Chart, parse_chart
from model.metrics.chord_fit import (
    SLOTS,
    bass_of_notes,
    bass_of_sound,
    beat_chroma_of_notes,
    beat_chroma_of_sound,
    changes_of_chart,
    chord_masks,
    measure_fit,
)
from model.metrics.chroma import bass_pitches, chroma
from model.metrics.heard import HeardNotes, heard, heard_from_score

RATE = 24_000
TEMPO = 120.0
CHART = parse_chart("| Dm7 G7 | Cmaj7 | F#m7b5 B7 | Em7 A7/C# |")


def play(chart: Chart, beats: int, shift: int = 0) -> HeardNotes:
    """Every chord as whole chord and bass, exactly as written, moved by some semitones."""
    pitch, start, end = [], [], []
    for beat, following in zip(changes_of_chart(chart, beats), [*changes_of_chart(chart, beats)[1:], beats], strict=True):
        chord = chart.chord_at(beat)
        assert chord.bass_class is not None
        for tone in [36 + chord.bass_class, *(60 + p for p in chord.pitch_classes)]:
            pitch.append(tone + shift)
            start.append(beat * 60 / TEMPO)
            end.append(following * 60 / TEMPO)
    return heard(pitch, start, end, np.ones(len(pitch)))


def tones(notes: HeardNotes, seconds: float) -> np.ndarray:
    """Three decaying harmonics a note. Shape: [frames]."""
    out = np.zeros(int(seconds * RATE))
    for note in notes:
        low, high = int(note["start"] * RATE), int(note["end"] * RATE)
        t = np.arange(high - low) / RATE
        hertz = 440.0 * 2 ** ((int(note["pitch"]) - 69) / 12)
        wave = sum(np.sin(2 * np.pi * hertz * h * t) / h**1.5 for h in (1, 2, 3) if hertz * h < RATE / 2)
        out[low:high] += wave * np.exp(-2 * t) * np.minimum(t * 200, 1.0)
    return (0.1 * out).astype(np.float32)


def test_notes_that_are_the_chart_fit_wholly() -> None:
    notes = play(CHART, 32)
    fit = measure_fit(beat_chroma_of_notes(notes, TEMPO, 0.0, 32), CHART, bass_of_notes(notes, CHART, TEMPO, 0.0, 32))
    assert fit.fit == pytest.approx(1.0) and fit.scale == pytest.approx(1.0)
    assert fit.bass == 1.0 and fit.bass_changes == 14 and fit.bass_transposed < 0.1
    assert fit.key_rank == 0 and fit.shuffle_rank == 0.0
    assert 0.3 < fit.chance < 0.4 and fit.shuffled < 0.7 and fit.transposed < 0.45


@pytest.mark.parametrize("shift", [1, 3, 6])
def test_notes_in_another_key_do_not_fit(shift: int) -> None:
    notes = play(CHART, 32, shift)
    fit = measure_fit(beat_chroma_of_notes(notes, TEMPO, 0.0, 32), CHART, bass_of_notes(notes, CHART, TEMPO, 0.0, 32))
    assert fit.fit < 0.5 and fit.key_rank > 0 and fit.bass < 0.2


def test_random_notes_fit_by_chance() -> None:
    rng = np.random.default_rng(0)
    start = np.sort(rng.uniform(0, 60, 3000))
    notes = heard(rng.integers(36, 96, 3000), start, start + 0.3, rng.uniform(0.2, 1.0, 3000))
    fit = measure_fit(beat_chroma_of_notes(notes, TEMPO, 0.0, 120), CHART)
    assert fit.fit == pytest.approx(fit.chance, abs=0.03)
    assert fit.fit == pytest.approx(fit.shuffled, abs=0.03)
    assert np.isnan(fit.bass) and fit.bass_changes == 0


def test_weights_are_seconds_times_amplitude_and_slots_are_shared() -> None:
    notes = heard([60, 64], [0.0, 0.5], [0.5, 0.75], [1.0, 0.5])
    energy = beat_chroma_of_notes(notes, 120.0, 0.0, 2)
    assert energy.shape == (2 * SLOTS, 12)
    assert energy[:, 0].sum() == pytest.approx(0.5) and energy[:, 4].sum() == pytest.approx(0.125)
    assert energy[:SLOTS, 0] == pytest.approx(0.125) and energy[SLOTS:, 0].sum() == 0


def test_the_offset_is_where_the_chart_begins() -> None:
    notes = play(CHART, 16)
    notes["start"] += 0.7
    notes["end"] += 0.7
    assert measure_fit(beat_chroma_of_notes(notes, TEMPO, 0.7, 16), CHART).fit == pytest.approx(1.0)
    assert measure_fit(beat_chroma_of_notes(notes, TEMPO, 0.0, 16), CHART).fit < 0.8


def test_no_chord_is_not_judged_and_silence_gives_nothing() -> None:
    chart = parse_chart("| C | N.C. |")
    notes = heard([60, 61], [0.0, 2.0], [2.0, 4.0], [1.0, 1.0])
    assert measure_fit(beat_chroma_of_notes(notes, TEMPO, 0.0, 8), chart).fit == pytest.approx(1.0)
    silent = measure_fit(np.zeros((32, 12)), chart)
    assert np.isnan(silent.fit) and silent.key_rank == 0


def test_anticipations_can_be_left_out() -> None:
    chart = parse_chart("| C | F#7 |")
    early = heard([60, 66], [0.0, 1.75], [1.75, 4.0], [1.0, 1.0])
    energy = beat_chroma_of_notes(early, TEMPO, 0.0, 8)
    assert measure_fit(energy, chart).fit < 1.0
    assert measure_fit(energy, chart, anticipation=0.5).fit == pytest.approx(1.0)


def test_masks_hold_the_slash_bass() -> None:
    masks = chord_masks(parse_chart("| C/D |"), 8)
    assert masks.shape == (8 * SLOTS, 12)
    assert set(np.nonzero(masks[0])[0]) == {0, 2, 4, 7} and (masks == masks[0]).all()


def test_changes_end_even_where_beats_are_thirds() -> None:
    chart = parse_chart("| C F G | C7 F7 G7 |")
    found = changes_of_chart(chart, 4000)
    assert len(found) == 3000 and np.all(np.diff(found) > 1.0)


def test_sound_is_heard_as_the_notes_it_is_made_of() -> None:
    audio = tones(play(CHART, 32), 16.5)
    times, energy = chroma(audio, RATE)
    low = bass_of_sound(*bass_pitches(audio, RATE), CHART, TEMPO, 0.0, 32)
    fit = measure_fit(beat_chroma_of_sound(times, energy, TEMPO, 0.0, 32), CHART, low)
    assert fit.fit > 0.85 and fit.key_rank == 0 and fit.fit > fit.shuffled + 0.25
    assert fit.bass > 0.9


def test_chroma_of_one_tone_and_of_silence() -> None:
    t = np.arange(RATE) / RATE
    _, energy = chroma(np.sin(2 * np.pi * 440.0 * t).astype(np.float32), RATE)
    assert energy.sum(axis=0).argmax() == 9 and energy[:, 9].sum() > 0.95 * energy.sum()
    _, silent = chroma(np.zeros((RATE, 2), np.float32), RATE)
    assert silent.sum() == 0


def test_heard_notes_of_a_score_leave_out_the_drums() -> None:
    score = np.zeros(2, [("part", "u1"), ("pitch", "u1"), ("velocity", "u1"), ("start", "f8"), ("duration", "f8")])
    score[:] = [(2, 51, 90, 0.0, 0.1), (1, 40, 127, 0.5, 0.25)]
    notes = heard_from_score(score)
    assert len(notes) == 1 and notes[0]["pitch"] == 40 and notes[0]["end"] == 0.75 and notes[0]["amplitude"] == 1.0
