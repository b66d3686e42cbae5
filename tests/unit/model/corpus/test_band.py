"""Personas, studios, recordings and real takes inside made pieces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jamd.contract.chart import parse_chart
from jamd.contract.units import SAMPLE_RATE
from model.corpus import real
from model.corpus.effects import Recording, draw_recording, record
from model.corpus.personas import persona, training_personas
from model.corpus.piece import make_piece
from model.corpus.render import render_mix
from model.corpus.sounds import PLAIN, SOUNDS, at_hand, choose
from model.corpus.sources import Groove, Solo, Sources
from model.training.store import about_of, draw_persona


def names(prefix: str) -> list[str]:
    return [one.name for one in training_personas() if one.part == prefix]


@pytest.mark.parametrize("name", [one.name for one in training_personas()][::7])
def test_a_persona_leads(name: str) -> None:
    player = persona(name)
    for seed in (1, 2, 3):
        piece = make_piece(seed, persona=player)
        assert piece.persona == name
        assert player.feels.get(piece.feel, 0) > 0
        assert player.tempo[0] - 0.5 <= piece.tempo <= player.tempo[1] + 0.5
        assert piece.feel != "ballad" or piece.tempo < 90
        if player.line_up is not None:
            assert piece.parts.all(axis=0).tolist() == list(player.line_up)


def test_a_persona_is_heard_in_its_density() -> None:
    people = training_personas()
    busy, sparse = max(people, key=lambda one: one.density), min(people, key=lambda one: one.density)

    def mean(player: object) -> float:
        return float(np.mean([make_piece(seed, persona=player).density.mean() for seed in range(12)]))  # type: ignore[arg-type]

    assert mean(busy) > mean(sparse) + 0.3


def test_draws_of_personas_leave_out_the_held_out() -> None:
    drawn = [draw_persona(seed, 0.5) for seed in range(300)]
    assert 100 < sum(one is not None for one in drawn) < 200
    assert not any(one.held_out for one in drawn if one is not None)


def test_the_plain_band_does_not_depend_on_what_else_there_is() -> None:
    """Without sources and persona a seed gives the same notes in any studio."""
    assert np.array_equal(make_piece(11).notes, make_piece(11, sources=Sources((), (), (), ())).notes)
    assert all(sound.soundfont == "FluidR3_GM.sf2" for sound in at_hand(PLAIN))


def test_every_sound_has_a_stand_in() -> None:
    rng = np.random.default_rng(0)
    for sound in SOUNDS:
        found = choose(rng, sound.part, sound.program, PLAIN, sound.name)
        assert found.part == sound.part and found.program == sound.program
    with pytest.raises(ValueError, match="no sound"):
        choose(rng, "piano", 99, PLAIN)


def test_recordings_keep_time_and_length() -> None:
    click = np.zeros((SAMPLE_RATE, 2), np.float32)
    click[10_000] = 0.5
    for seed in range(12):
        how = draw_recording(np.random.default_rng(seed))
        out = record(click, how, np.random.default_rng(seed))
        assert out.shape == click.shape and np.isfinite(out).all()
        assert abs(int(np.argmax(np.abs(out[:, 0]))) - 10_000) < 24
    assert np.array_equal(record(click, Recording(), np.random.default_rng(0)), click)
    with pytest.raises(ValueError, match="no room"):
        draw_recording(np.random.default_rng(0), "bathroom")


def test_effects_do_what_they_are_called() -> None:
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal((SAMPLE_RATE, 2))).astype(np.float32)

    def band(audio: np.ndarray, low: float, high: float) -> float:
        spectrum = np.abs(np.fft.rfft(audio[:, 0])) ** 2
        hz = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
        return float(10 * np.log10(spectrum[(hz > low) & (hz < high)].mean()))

    bright = record(noise, Recording(high_db=6.0), rng)
    assert band(bright, 12_000, 20_000) - band(noise, 12_000, 20_000) == pytest.approx(6.0, abs=1.0)
    dark = record(noise, Recording(band_limit_hz=8000), rng)
    assert band(dark, 16_000, 20_000) < band(noise, 16_000, 20_000) - 5
    hiss = record(np.zeros_like(noise), Recording(noise_db=-60.0), rng)
    assert 20 * np.log10(hiss.std()) == pytest.approx(-60.0, abs=1.5)
    squeezed = record(noise * 4, Recording(threshold_db=-24.0, ratio=3.0), rng)
    assert squeezed[SAMPLE_RATE // 2 :].std() < noise.std() * 4 * 0.8


def solo(bars: int = 16) -> Solo:
    """An arpeggio over a blues, loud in its second half."""
    chart = parse_chart("| C7 | F7 | C7 | C7 | F7 | F7 | C7 | C7 | G7 | F7 | C7 | G7 | C7 | F7 | C7 | G7 |")
    rows = []
    for beat in range(bars * 4):
        chord = chart.chord_at(beat)
        assert chord.root is not None
        for half in range(2):
            pitch = 60 + (chord.root + (0, 4, 7, 10)[(2 * beat + half) % 4]) % 12
            rows.append((3, pitch, 60.0 if beat < bars * 2 else 100.0, beat + half * 0.6, 0.4))
    return Solo("Test", "Nobody", 66, 180.0, "swing", chart, tuple(rows), ())


def test_a_real_solo_stays_on_its_chords_in_every_key() -> None:
    for seed in range(12):
        take = real.take_solo(np.random.default_rng(seed), solo(), 50, 80, 66)
        for _, pitch, _, beat, _ in take.horn:
            chord = take.chart.chord_at(np.floor(beat))
            assert chord.root is not None and (pitch - chord.root) % 12 in (0, 4, 7, 10)
        assert all(50 <= row[1] <= 80 for row in take.horn)
        assert take.density.mean() > 0.9  # two notes a beat is as much as there is


def test_energy_of_a_take_follows_the_playing() -> None:
    take = real.take_solo(np.random.default_rng(3), solo(), 50, 80, 66)
    if take.bars == 16:
        assert take.energy[12] > take.energy[2] + 0.2


def test_pieces_with_sources_play_them() -> None:
    groove = Groove("d", "swing", 180.0, 4, "beat", 2, tuple((2, 51, 80.0, b + 0.02, 0.2) for b in range(8)))
    sources = Sources((solo(),), (groove,), (), ())
    taken = 0
    for seed in range(30):
        piece = make_piece(seed, sources=sources)
        horn = piece.notes[piece.notes["part"] == 3]
        if piece.tempo == 180.0 and piece.feel == "swing" and len(horn) > 1.8 * piece.bars * 4:
            taken += 1
            assert piece.parts[:, 3].all()
            assert len(piece.density) == piece.bars
    assert 5 <= taken <= 20  # about 0.4 of 30


def test_solos_out_of_the_range_of_tempos_are_not_taken() -> None:
    fast = replace(solo(), tempo=341.0)
    assert real.choose_take(np.random.default_rng(0), Sources((fast,), (), (), ()), 50, 80, 66, 0.6) is None
    assert real.choose_take(np.random.default_rng(0), Sources((fast, solo()), (), (), ()), 50, 80, 66, 0.6) is not None


def test_split_keeps_held_out_solos_apart() -> None:
    many = tuple(solo() for _ in range(45))
    sources = Sources(many, (), (), ())
    training, held = real.split(sources), real.split(sources, held_out=True)
    assert len(training.solos) == 43 and len(held.solos) == 2


def test_about_says_what_is_heard_and_the_mix_is_sound() -> None:
    piece = make_piece(5, persona=training_personas()[3])
    about = about_of(piece)
    assert about["persona"] == training_personas()[3].name
    assert about["instruments"] == {name: sound.name for name, sound in piece.sounds.items()}
    mix = render_mix(piece)
    assert np.isfinite(mix).all() and 0.02 < np.abs(mix).max() <= 0.98
