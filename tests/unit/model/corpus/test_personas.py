"""Invented players: within the ranges that the corpus can play, all different, six of them kept for tests."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from jamd.contract.units import PARTS
from model.corpus.grid import FEELS
from model.corpus.personas import INSTRUMENTS, PERSONAS, ROOMS, VOICINGS, Persona, held_out_personas, persona, training_personas
from model.corpus.piece import _TEMPO


def vector(one: Persona) -> np.ndarray:
    """Habits as numbers, each about as wide as the others."""
    return np.array(
        [
            *(one.feels.get(feel, 0.0) for feel in FEELS),
            *(np.log2(np.array(one.tempo) / 120.0)),
            one.swing / 0.06,
            one.lag / 0.04,
            2 * one.density,
            2 * one.energy,
            2 * one.register,
            one.legato / 0.4,
            *(float(one.voicing == kind) for kind in VOICINGS),
            *(one.line_up or (0.5,) * 4),
            *(float(one.instruments[part] == name) for part in PARTS for name in INSTRUMENTS[part]),
            *(float(one.part == part) for part in PARTS),
        ]
    )


@pytest.mark.parametrize("one", PERSONAS, ids=lambda one: one.name)
def test_habits_are_in_range(one: Persona) -> None:
    assert sum(one.feels.values()) == pytest.approx(1.0)
    assert -0.06 <= one.swing <= 0.06
    assert -0.03 <= one.lag <= 0.04
    assert all(-0.5 <= lean <= 0.5 for lean in (one.density, one.energy, one.register))
    assert 0.5 <= one.legato <= 1.3
    assert one.voicing is None or one.voicing in VOICINGS
    assert one.room in ROOMS
    assert tuple(one.instruments) == PARTS
    assert all(one.instruments[part] in INSTRUMENTS[part] for part in PARTS)
    assert one.part in PARTS
    assert one.line_up is None or one.line_up[PARTS.index(one.part)]
    assert len(one.description.split()) >= 4
    for feel in one.feels:
        low, high = _TEMPO[feel]
        assert min(high, one.tempo[1]) - max(low, one.tempo[0]) >= 4


def test_everybody_is_different() -> None:
    assert len(PERSONAS) >= 44
    assert len({one.name for one in PERSONAS}) == len({one.description for one in PERSONAS}) == len(PERSONAS)
    vectors = np.stack([vector(one) for one in PERSONAS])
    apart = np.linalg.norm(vectors[:, None] - vectors[None], axis=2) + 1e9 * np.eye(len(PERSONAS))
    first, second = divmod(int(apart.argmin()), len(PERSONAS))
    assert apart.min() > 1.5, f"{PERSONAS[first].name} is too like {PERSONAS[second].name}"


def test_every_feel_instrument_voicing_and_room_is_trained() -> None:
    known = training_personas()
    assert {feel for one in known for feel in one.feels} == set(FEELS)
    assert {one.voicing for one in known} >= set(VOICINGS)
    assert {one.room for one in known} == set(ROOMS)
    for part in PARTS:
        assert {one.instruments[part] for one in known} == set(INSTRUMENTS[part])


def test_six_are_held_out() -> None:
    unknown = held_out_personas()
    assert Counter((one.part, one.instruments["horn"] if one.part == "horn" else "") for one in unknown) == {
        ("piano", ""): 2,
        ("horn", "tenor"): 1,
        ("horn", "trumpet"): 1,
        ("bass", ""): 1,
        ("drums", ""): 1,
    }
    assert set(map(id, unknown)) | set(map(id, training_personas())) == set(map(id, PERSONAS))


def test_by_name() -> None:
    assert all(persona(one.name) is one for one in PERSONAS)
    with pytest.raises(ValueError, match="no persona 'Nobody'"):
        persona("Nobody")
