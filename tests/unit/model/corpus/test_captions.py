"""Captions say what is there, in very many ways, and keep the held-out wordings to themselves."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from jamd.contract.units import PARTS
from model.corpus.captions import HELD_OUT_TEMPLATES, TEMPLATES, caption
from model.corpus.grid import FEELS
from model.corpus.personas import INSTRUMENTS, PERSONAS, ROOMS
from model.corpus.wordings import DENSITY, ENERGY, FEEL, INSTRUMENT, ROOM, UNRELATED, held_out_words, tempo_words, unrelated_text

QUARTET: dict[str, Any] = {
    "feel": "swing", "tempo": 140.0, "instruments": {"piano": "grand", "bass": "upright", "drums": "jazz", "horn": "tenor"},
    "parts": (True, True, True, True), "density": 0.5, "energy": 0.5, "register": 0.5, "room": None,
}  # fmt: skip


def some(count: int, seed: int = 0, held_out: bool = False, **given: Any) -> list[str]:
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        drawn = {
            "feel": FEELS[int(rng.integers(len(FEELS)))],
            "tempo": float(rng.uniform(50, 300)),
            "instruments": {part: names[int(rng.integers(len(names)))] for part, names in INSTRUMENTS.items()},
            "parts": [bool(rng.random() < 0.7) for _ in PARTS],
            "density": rng.random(),
            "energy": rng.random(),
            "register": rng.random(),
            "room": ROOMS[int(rng.integers(len(ROOMS)))],
            "persona": PERSONAS[int(rng.integers(len(PERSONAS)))] if rng.random() < 0.5 else None,
        } | given
        out.append(caption(rng, held_out=held_out, **drawn))
    return out


def says(text: str, phrases: tuple[str, ...]) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text.lower()) for phrase in phrases)


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("feel", FEELS)
def test_feel_is_named_and_no_other(feel: str, held_out: bool) -> None:
    texts = some(300, feel=feel, held_out=held_out)
    own = FEEL[feel].usual + FEEL[feel].held_out
    assert np.mean([says(text, own) for text in texts]) > 0.9
    for other in set(FEELS) - {feel}:
        phrases = FEEL[other].usual + FEEL[other].held_out
        assert [text for text in texts if says(text, phrases)] == []


def test_nothing_is_said_that_is_not_there() -> None:
    for text in some(500, **QUARTET):
        for words in (*ENERGY, *DENSITY, *ROOM.values(), INSTRUMENT["trumpet"], INSTRUMENT["brushes"], INSTRUMENT["rhodes"]):
            assert not says(text, tuple(set(words.usual) - {"horn", "full", "hot"})), text
    silent = some(500, **(QUARTET | {"parts": (True, True, True, False)}))
    assert not any(says(text, ("tenor", "sax", "horn", "saxophone", "quartet")) for text in silent)


def test_extremes_are_said_most_of_the_time() -> None:
    quiet = some(300, **(QUARTET | {"energy": 0.0}))
    loud = some(300, **(QUARTET | {"energy": 1.0}))
    assert np.mean([says(text, ENERGY[0].usual) for text in quiet]) > 0.5
    assert np.mean([says(text, ENERGY[1].usual) for text in loud]) > 0.5
    assert not any(says(text, ENERGY[1].usual) for text in quiet)


def test_wordings_are_very_many() -> None:
    texts = some(2000)
    assert len(set(texts)) > 1900
    assert len(set(some(500, **(QUARTET | {"energy": 0.9, "density": 0.9})))) > 400
    assert all(3 <= len(text) < 300 for text in texts)
    assert not any(mark in text for text in texts for mark in "{}|#")
    assert not any(re.search(r"  |\b[Aa] [aeio](?!ne)|\ban? an? |^[ ,.;]", text) for text in texts)


def test_persona_is_told_by_its_habits_not_its_name() -> None:
    one = next(one for one in PERSONAS if one.lag >= 0.03 and one.voicing)
    texts = some(300, persona=one, parts=(True, True, True, True))
    assert not any(part in text for text in texts for part in one.name.split())
    late = ("behind the beat", "dragging a little", "lazy time", "late on the beat")
    assert 0.2 < np.mean([says(text, late) for text in texts]) < 0.95
    assert not any(says(text, late) for text in some(300, persona=None))
    assert some(20, persona=one.name) == some(20, persona=one)


def test_held_out_wordings_stay_held_out() -> None:
    assert 0.15 < len(HELD_OUT_TEMPLATES) / (len(TEMPLATES) + len(HELD_OUT_TEMPLATES)) < 0.3
    assert not set(HELD_OUT_TEMPLATES) & set(TEMPLATES)
    # fixed words of the held-out templates that no usual template has
    fixed = {" ".join(piece.split()) for template in HELD_OUT_TEMPLATES for piece in re.split(r"\{\w+\??\}|\|", template)}
    marks = {piece for piece in fixed if len(piece) >= 7} | {"~", "+", ">>"}
    usual = "\n".join(some(6000)).lower()
    assert {mark for mark in marks if mark in usual} == set()
    assert {word for word in held_out_words() if says(usual, (word,))} == set()
    unseen = "\n".join(some(3000, held_out=True)).lower()
    assert {mark for mark in marks if mark in unseen} == marks
    assert len([word for word in held_out_words() if says(unseen, (word,))]) > 0.8 * len(held_out_words())


def test_same_seed_same_caption() -> None:
    assert some(20, seed=3) == some(20, seed=3) != some(20, seed=4)


@pytest.mark.parametrize(
    ("tempo", "word"), [(60, "very slow"), (90, "slow"), (120, "medium"), (160, "brisk"), (210, "fast"), (280, "burner")]
)
def test_tempo_words(tempo: float, word: str) -> None:
    words, number = tempo_words(tempo)
    assert word in words.usual
    assert f"{tempo} bpm" in number.usual


def test_unrelated_texts_share_no_word_with_captions() -> None:
    used = {word for text in some(3000) + some(1000, held_out=True) for word in re.findall(r"[a-z]+", text.lower())}
    assert not used & set(UNRELATED)
    assert unrelated_text(np.random.default_rng(1)) == unrelated_text(np.random.default_rng(1))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"feel": "polka"}, "no feel 'polka'"),
        ({"room": "cellar"}, "no room 'cellar'"),
        ({"parts": (True,)}, "1 flags for 4 parts"),
        ({"instruments": {"piano": "kazoo"}}, "no instrument 'kazoo'"),
        ({"persona": "Nobody"}, "no persona"),
    ],
)
def test_unknown_values_are_told(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        caption(np.random.default_rng(0), **(QUARTET | given))
