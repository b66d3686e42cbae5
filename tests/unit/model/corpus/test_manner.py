"""A manner makes other notes of the same piece, and its measures find what was told."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from jamd.contract.units import PARTS
from model.corpus.manner import NEUTRAL, Manner, draw_manner, draw_manners, of_persona
from model.corpus.notes import Notes, make_notes
from model.corpus.personas import PERSONAS, VOICINGS
from model.corpus.piece import Piece, make_piece
from model.corpus.voicings import OPEN
from model.evaluate.manner import SHOWN, TOLD, manner_of
from model.metrics.manner import MannerFound, chords_of, measure_manner
from model.style.words import read_style


def piece(manner: Manner | list[Manner] | None = None, seed: int = 3) -> Piece:
    return make_piece(seed, feel="swing", tempo=150.0, bars=32, parts=[True] * 4, manner=manner)


def of(notes: Notes, part: str) -> Notes:
    return notes[notes["part"] == PARTS.index(part)]


def test_a_neutral_manner_changes_nothing() -> None:
    assert np.array_equal(piece().notes, piece(NEUTRAL).notes)
    assert {one.lag for one in piece().manners} == {NEUTRAL.lag} and None not in {one.voicing for one in piece().manners}


def test_lag_and_legato_are_of_their_parts_alone() -> None:
    plain, late = piece(), piece(Manner(lag=(0.0, 0.0, 0.0, 0.04), legato=(0.5, 1.0, 1.0, 1.0)))
    for part in ("bass", "drums"):
        assert np.array_equal(of(plain.notes, part), of(late.notes, part))
    horns = of(plain.notes, "horn"), of(late.notes, "horn")
    assert np.median(horns[1]["beat"][:50] - horns[0]["beat"][:50]) == pytest.approx(0.04)
    pianos = of(plain.notes, "piano"), of(late.notes, "piano")
    assert np.array_equal(pianos[0]["beat"], pianos[1]["beat"])
    assert np.median(pianos[1]["length"] / pianos[0]["length"]) == pytest.approx(0.5, abs=0.02)


def test_open_chords_are_the_close_ones_with_a_voice_in_another_octave() -> None:
    close, wide = (chords_of(piece(Manner(voicing="rootless", wide=wide)).notes) for wide in (None, True))
    assert np.mean([c[-1] - c[0] for c in wide if len(c) > 2]) > np.mean([c[-1] - c[0] for c in close if len(c) > 2]) + 3
    said = [{frozenset(pitch % 12 for pitch in chord) for chord in chords if len(chord) == 4} for chords in (close, wide)]
    assert len(said[0] & said[1]) > 0.9 * max(map(len, said))
    drop2 = [chords_of(piece(Manner(voicing="drop2", wide=wide)).notes) for wide in (None, True, False)]
    assert drop2[0] == drop2[1]  # open as they are
    assert np.mean([c[-1] - c[0] for c in drop2[2]]) < 12 < np.mean([c[-1] - c[0] for c in drop2[0]]) - 2


def test_what_a_manner_leaves_open_the_piece_fills() -> None:
    assert Manner(wide=True).filled("shell") == Manner(voicing="shell", wide=True)
    assert all(Manner(voicing="triad").filled(kind) == Manner(voicing="triad", wide=False) for kind in VOICINGS)
    assert {kind for kind in VOICINGS if NEUTRAL.filled(kind).wide} == set(OPEN)


def test_what_is_told_is_found_again() -> None:
    """The measures of the evaluation, on the corpus' band: each word moves what it speaks of its way."""
    for words, against, name, sign in TOLD:
        moved = []
        for seed in range(4):
            told, other = (piece(manner_of(read_style(said)) if said else None, seed) for said in (words, against))
            assert told.swing == other.swing
            one, untold = (getattr(measure_manner(found.notes, found.swing), name) for found in (told, other))
            moved.append(sign * (one - untold))
        assert np.median(moved) > 0, words
    assert set(SHOWN) == {name for _, _, name, _ in TOLD}


def test_lateness_is_of_the_leads_beside_the_drums() -> None:
    rows = [(2, 51, 80.0, float(beat), 0.1) for beat in range(8)] + [(3, 60, 80.0, beat + 0.03, 0.5) for beat in range(8)]
    found = measure_manner(make_notes(rows, 120.0), 0.6)
    assert found.lateness == pytest.approx(0.03) and found.length == pytest.approx(0.5)
    nothing = measure_manner(make_notes([], 120.0), 0.6)
    assert isinstance(nothing, MannerFound) and np.isnan(nothing.length) and np.isnan(nothing.span)


def test_a_persona_has_its_own_manner() -> None:
    one = next(persona for persona in PERSONAS if persona.part == "horn" and persona.lag)
    made = make_piece(1, persona=one)
    assert {(held.lag, held.legato[3]) for held in made.manners} == {((0.0, 0.0, 0.0, one.lag), one.legato)}
    assert of_persona(one).voicing == one.voicing
    with pytest.raises(ValueError, match="own manner"):
        make_piece(1, persona=one, manner=Manner())
    with pytest.raises(ValueError, match="4 parts"):
        Manner(lag=(0.0,))
    with pytest.raises(ValueError, match="no voicing"):
        Manner(voicing="fat")


def test_manners_change_where_they_are_told_to() -> None:
    late = [NEUTRAL] * 16 + [Manner(lag=(0.0, 0.0, 0.0, 0.04))] * 16
    plain, changed = of(piece().notes, "horn"), of(piece(late).notes, "horn")
    assert np.array_equal(plain["beat"][plain["beat"] < 63], changed["beat"][changed["beat"] < 63])
    after, moved = plain["beat"][plain["beat"] > 65][:40], changed["beat"]
    assert np.median([np.abs(moved - beat - 0.04).min() for beat in after]) < 1e-6
    chords = piece([Manner(voicing="rootless")] * 16 + [Manner(voicing="shell")] * 16).notes
    sizes = [np.mean([len(chord) for chord in chords_of(chords[here])]) for here in (chords["beat"] < 62, chords["beat"] > 66)]
    assert sizes[0] > sizes[1] + 0.8
    changes = []
    for seed in range(20):
        drawn = list(islice(draw_manners(np.random.default_rng(seed)), 64))
        changes.append([bar for bar in range(1, 64) if drawn[bar] is not drawn[bar - 1]])
    slow = [bars for bars in changes if all(bar % 4 == 0 for bar in bars)]
    assert all(changes) and 4 <= len(slow) <= 16 and all(len(bars) > 20 for bars in changes if bars not in slow)
    with pytest.raises(ValueError, match="2 manners for 32 bars"):
        piece(late[:2])


def test_in_restless_pieces_manners_and_parts_come_and_go() -> None:
    made = [make_piece(seed, bars=64, restless=True) for seed in range(30)]
    assert all(len(set(one.manners)) > 4 for one in made)
    assert np.array_equal(made[3].notes, make_piece(3, bars=64, restless=True).notes)
    switched = [one for one in made if (np.diff(one.parts.astype(int), axis=0) != 0).sum() > 4]
    assert 8 <= len(switched) <= 26
    assert all(one.parts.any(axis=1).all() for one in made)
    rests = []
    for part in (part for one in switched for part in one.parts.T):
        rests += [len(run) for run in np.split(part, np.flatnonzero(np.diff(part)) + 1) if not run[0]]
    assert max(rests) > 12 and np.median(rests) > 4
    for one in switched:  # who is off is silent
        bars = np.minimum((one.notes["beat"] // one.beats_per_bar).astype(int), 63)
        assert one.parts[bars, one.notes["part"]].all()
    with pytest.raises(ValueError, match="restless"):
        make_piece(3, restless=True, manner=NEUTRAL)


def test_in_restless_pieces_knobs_are_turned_and_the_band_follows() -> None:
    made = [make_piece(seed, bars=64, restless=True) for seed in range(30)]
    turns = [np.count_nonzero(np.diff(one.register)) for one in made]
    often = [one for one, count in zip(made, turns, strict=True) if count > 12]
    assert 18 <= len(often) < 30
    for name in ("density", "energy", "register"):
        told = np.concatenate([getattr(one, name) for one in often])
        assert told.min() >= 0.0 and told.max() <= 1.0 and np.mean((told < 0.2) | (told > 0.8)) > 0.5
    told, heard = [], []
    for one in often:
        chords = one.notes[one.notes["part"] == 0]
        bars = (chords["beat"] // one.beats_per_bar).astype(int)
        told += list(one.register[np.minimum(bars, 63)])
        heard += list(chords["pitch"])
    assert np.corrcoef(told, heard)[0, 1] > 0.15
    fixed = make_piece(often[0].seed, bars=64, restless=True, register=0.5)
    assert (fixed.register == 0.5).all() and np.array_equal(fixed.density, often[0].density)


def test_drawn_manners_are_within_their_bounds() -> None:
    drawn = [draw_manner(np.random.default_rng(seed)) for seed in range(200)]
    lags, lengths = np.array([one.lag for one in drawn]), np.array([one.legato for one in drawn])
    assert lags.min() >= -0.03 and lags.max() <= 0.05 and (lags != 0).any(axis=0).all()
    assert lengths.min() >= 0.5 and lengths.max() <= 1.35 and (lengths[:, 2] == 1).all()
    assert {one.wide for one in drawn} == {True, False, None} and None in {one.voicing for one in drawn}
