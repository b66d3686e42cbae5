"""The rule-based band: a pure function of its seed that plays what its labels say."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest

from jamd.contract.chart import parse_chart
from jamd.contract.units import FRAME_SAMPLES, PARTS, SAMPLE_RATE
from model.corpus.labels import frame_labels
from model.corpus.piece import FEELS, Piece, make_piece
from model.corpus.render import render_mix, render_stems, write_midi
from model.corpus.songs import make_chart


def part(piece: Piece, name: str) -> np.ndarray:
    return piece.notes[piece.notes["part"] == PARTS.index(name)]


def test_same_seed_same_piece() -> None:
    one, two = make_piece(42), make_piece(42)
    assert one.notes.tobytes() == two.notes.tobytes()
    assert one.chart == two.chart
    assert make_piece(43).notes.tobytes() != one.notes.tobytes()


@pytest.mark.parametrize("seed", range(40))
def test_notes_are_playable(seed: int) -> None:
    piece = make_piece(seed)
    notes = piece.notes
    assert len(notes) > 0
    assert (np.diff(notes["start"]) >= 0).all()
    assert (notes["duration"] > 0).all()
    assert (notes["velocity"] >= 1).all()
    assert (notes["beat"] < piece.bars * piece.beats_per_bar).all()
    np.testing.assert_allclose(notes["start"], notes["beat"] * 60 / piece.tempo)
    for name, low, high in (("bass", 28, 55), ("piano", 28, 100), ("horn", 36, 92)):
        chosen = part(piece, name)
        assert ((chosen["pitch"] >= low) & (chosen["pitch"] <= high)).all(), name
    for name in ("bass", "horn"):  # one note at a time
        chosen = part(piece, name)
        assert (chosen["beat"][:-1] + chosen["length"][:-1] <= chosen["beat"][1:] + 0.041).all(), name


@pytest.mark.parametrize("seed", range(20))
def test_parts_that_are_off_do_not_play(seed: int) -> None:
    piece = make_piece(seed)
    for note in piece.notes:
        bar = int(note["beat"] // piece.beats_per_bar)
        assert piece.parts[bar, note["part"]]


def test_every_feel_key_and_metre_comes_up() -> None:
    pieces = [make_piece(seed) for seed in range(150)]
    assert {piece.feel for piece in pieces} == set(FEELS)
    assert {piece.beats_per_bar for piece in pieces} == {3, 4}
    roots = {chord.root for piece in pieces for bar in piece.chart.bars for _, chord in bar.chords}
    assert roots >= set(range(12))
    tempos = [piece.tempo for piece in pieces]
    assert min(tempos) < 75
    assert max(tempos) > 240


def test_bass_plays_the_harmony() -> None:
    hits = total = 0
    for seed in range(40):
        piece = make_piece(seed, parts=[True] * 4)
        for note in part(piece, "bass"):
            if note["beat"] % piece.beats_per_bar < 0.1:
                chord = piece.chart.chord_at(float(note["beat"]) + 0.08)
                total += 1
                hits += int(note["pitch"]) % 12 in chord.pitch_classes
    assert hits / total > 0.95


@pytest.mark.parametrize("knob", ["density", "energy", "register"])
def test_knobs_move_the_band_one_way(knob: str) -> None:
    measured = []
    for value in (0.0, 0.5, 1.0):
        counts, levels, pitches = [], [], []
        for seed in range(6):
            given = {"density": 0.5, "energy": 0.5, "register": 0.5} | {knob: value}
            piece = make_piece(seed, feel="swing", tempo=140, bars=24, parts=[True] * 4, **given)
            counts.append(len(piece.notes))
            levels.append(piece.notes["velocity"].mean())
            pitches.append(part(piece, "piano")["pitch"].mean() + part(piece, "horn")["pitch"].mean())
        measured.append({"density": np.mean(counts), "energy": np.mean(levels), "register": np.mean(pitches)}[knob])
    assert measured[0] < measured[1] < measured[2]
    assert measured[2] > measured[0] * (1.5 if knob == "density" else 1.7 if knob == "energy" else 1.1)


@pytest.mark.parametrize("tempo", [100, 160, 260])
def test_ride_swings_as_the_label_says(tempo: float) -> None:
    places = []
    piece = make_piece(5, feel="swing", tempo=tempo, bars=64, parts=[True] * 4)
    for note in part(piece, "drums"):
        if note["pitch"] == 51 and 0.3 < note["beat"] % 1 < 0.85:
            places.append(note["beat"] % 1)
    assert len(places) > 20
    assert np.median(places) == pytest.approx(piece.swing, abs=0.015)


@pytest.mark.parametrize("seed", range(4))
def test_labels_follow_the_grid_and_the_chart(seed: int) -> None:
    piece = make_piece(seed)
    labels = frame_labels(piece)
    steps = -(-round(piece.seconds * SAMPLE_RATE) // FRAME_SAMPLES)
    assert all(len(value) == steps for name, value in labels.items() if name != "chords")
    middle = (np.arange(steps) + 0.5) * FRAME_SAMPLES / SAMPLE_RATE
    np.testing.assert_allclose(labels["beat"], middle * piece.tempo / 60)
    for step in range(0, steps, 37):
        beat = labels["beat"][step]
        assert labels["chords"][labels["chord_now"][step]] == piece.chart.chord_at(beat)
        change, following = piece.chart.next_change(beat)
        assert labels["chords"][labels["chord_next"][step]] == following
        assert labels["time_to_next"][step] == pytest.approx(change - beat, abs=1e-4)


@pytest.mark.parametrize("feel", FEELS)
def test_charts_read_back(feel: str) -> None:
    for seed in range(20):
        chart = make_chart(np.random.default_rng(seed), feel)
        assert parse_chart(chart.text()).bars == chart.bars


def test_render_is_exact_and_the_stems_are_the_parts() -> None:
    piece = make_piece(3, feel="swing", tempo=150, bars=4, parts=[True, True, True, False])
    frames = round(piece.seconds * SAMPLE_RATE)
    stems = render_stems(piece)
    assert set(stems) == {"piano", "bass", "drums"}
    assert all(stem.shape == (frames, 2) and np.abs(stem).max() > 0.001 for stem in stems.values())
    mix = render_mix(piece)
    assert mix.shape == (frames, 2)
    assert np.abs(mix).max() < 0.98
    np.testing.assert_array_equal(mix, render_mix(piece))
    first = part(piece, "drums")["start"][0]
    heard = np.flatnonzero(np.abs(stems["drums"]).max(axis=1) > 1e-4)[0] / SAMPLE_RATE
    assert heard == pytest.approx(first, abs=0.01)


def test_midi_file_holds_the_notes(tmp_path: Path) -> None:
    piece = make_piece(8)
    write_midi(piece.notes, tmp_path / "x.mid", piece.tempo, piece.beats_per_bar)
    file = mido.MidiFile(tmp_path / "x.mid")
    assert sum(m.type == "note_on" for track in file.tracks for m in track) == len(piece.notes)
    assert file.length == pytest.approx((piece.notes["start"] + piece.notes["duration"]).max(), rel=0.05)
