"""Voicings are laid out as their names say, say their chord and keep their layout wherever they are set."""

from __future__ import annotations

import numpy as np
import pytest

from jamd.contract.chart import parse_chord
from model.corpus.personas import VOICINGS
from model.corpus.voicings import HIGHEST, LOWEST, OPEN, forms, is_open, opened, place

SUFFIXES = " 6 maj7 7 9 13 7b9 7#9 7alt 7#5 7sus4 m m6 m7 m9 mMaj7 m7b5 dim7 + sus4 maj7#11"  # every family, every bend
NAMES = [*(f"C{suffix}" for suffix in SUFFIXES.split(" ")), "Abmaj7", "F#m7", "Bb13", "Ebm7b5"]


def shown(name: str, kind: str, **options: bool) -> list[list[int]]:
    return forms(parse_chord(name), kind, **options)


@pytest.mark.parametrize("kind", VOICINGS)
def test_every_chord_has_forms_that_rise_and_say_it(kind: str) -> None:
    for name in NAMES:
        chord = parse_chord(name)
        for wide in (None, False, True):
            for with_root in (False, True):
                found = forms(chord, kind, wide=wide, with_root=with_root)
                assert found
                for form in found:
                    assert form == sorted(set(form)) and 2 <= len(form) <= 5, (name, kind, form)
                    assert form[-1] - form[0] <= (22 if wide is None else 34), (name, kind, form)
                    assert len({interval % 12 for interval in form}) == len(form), (name, form)
                    classes = {interval % 12 for interval in form}
                    assert classes & {2, 3, 4, 5}, (name, form)  # the third, or what stands for it
                    if kind not in ("quartal", "triad"):
                        assert classes <= set(chord.intervals) | {2, 9}, (name, form)


def test_forms_are_those_of_the_book() -> None:
    assert shown("C13", "rootless") == [[4, 9, 10, 14], [10, 14, 16, 21]]  # A: third below; B: seventh below
    assert shown("Cm7", "rootless_b") == [[-2, 3, 7, 14], [3, 10, 14, 19]]
    assert shown("Cmaj7", "shell") == [[4, 11], [11, 16]] and shown("Cmaj7", "shell", with_root=True) == [[0, 4, 11], [0, 11, 16]]
    assert shown("Cm7", "quartal") == [[5, 10, 15, 19]]  # "So What" over the root
    assert shown("C7alt", "quartal") == [[4, 10, 15, 20]]
    assert [form[0] % 12 for form in shown("C", "triad")] == [0, 4, 7]
    for close, dropped in zip(shown("Cmaj7", "drop2", wide=False), shown("Cmaj7", "drop2"), strict=True):
        assert dropped == sorted([*close[:2], close[2] - 12, close[3]])


def test_open_kinds_are_open_and_the_others_close() -> None:
    for kind in VOICINGS:
        chord = parse_chord("Dm7")
        assert all(is_open(form) == (kind in OPEN) for form in forms(chord, kind)), kind
        assert all(is_open(form) == (kind == "quartal") for form in forms(chord, kind, wide=False)), kind
        assert all(is_open(form) or len(form) == 2 for form in forms(chord, kind, wide=True)), kind
    assert opened([0, 4, 7]) == [-8, 0, 7] and opened([4, 11]) == [4, 11] and opened([0, 10, 16]) == [0, 10, 16]
    assert shown("Cmaj7", "shell", wide=True, with_root=True) == [[0, 4, 11], [0, 11, 16]]
    assert shown("C13", "rootless", wide=True, with_root=True)[0] == [-12, -2, 4, 9, 14]  # the root below what was dropped
    fourths = [np.diff(form) for name in ("Cm7", "C7sus4", "Cmaj7", "C13") for form in shown(name, "quartal")]
    assert np.mean(np.concatenate(fourths) == 5) > 0.65


def test_a_form_keeps_its_layout_where_it_is_set() -> None:
    rng = np.random.default_rng(1)
    for name in NAMES:
        chord = parse_chord(name)
        for kind in VOICINGS:
            found = forms(chord, kind)
            layouts = {tuple(np.diff(form)) for form in found}
            previous: list[int] = []
            for centre in (50.0, 60.0, 66.0):
                previous = place(found, chord.root or 0, centre, previous, rng)
                assert tuple(np.diff(previous)) in layouts
                assert previous[0] >= LOWEST and previous[-1] <= HIGHEST
                assert {(pitch - (chord.root or 0)) % 12 for pitch in previous} == {pitch % 12 for pitch in found[0]}


def test_the_hand_moves_little_and_lies_around_the_centre() -> None:
    rng = np.random.default_rng(2)
    chords = [parse_chord(name) for name in ("Dm7", "G7", "Cmaj7", "A7") * 20]
    for centre in (54.0, 64.0):
        played: list[list[int]] = []
        for chord in chords:
            played.append(place(forms(chord, "rootless"), chord.root or 0, centre, played[-1] if played else [], rng))
        means = np.array([np.mean(chord) for chord in played])
        assert abs(means.mean() - centre) < 4
        assert np.median(np.abs(np.diff(means))) < 2.5  # A and B take turns
