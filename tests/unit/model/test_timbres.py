"""Instruments that the excitation is made from: every sound has a table, and the right one plays."""

from __future__ import annotations

import numpy as np
import pytest

from jamd.contract.chart import parse_chart
from jamd.contract.clock import Clock
from jamd.contract.units import FRAME_SAMPLES, PARTS, SAMPLE_RATE
from model.conditioning import INSTRUMENTS as TOLD
from model.conditioning import instrument_vector
from model.corpus.notes import NOTE_DTYPE, make_notes
from model.corpus.personas import INSTRUMENTS as CORPUS
from model.generator.events import PlannedNote
from model.generator.models import Models, load_models
from model.generator.performer import Performer
from model.generator.situation import Situation
from model.layers.chamber import Chamber
from model.layers.excitation import DIRECT, excite
from model.layers.timbres import INSTRUMENTS, KITS, TABLES, Orchestra, Tables, Timbres
from model.metrics.heard import Floats
from model.style.words import PROGRAMS, SOUNDS, programs_of, read_style
from model.training.timbres import sound_of


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models("small")


def test_every_sound_of_the_words_and_of_the_corpus_has_a_table() -> None:
    tables = INSTRUMENTS | {"drums": KITS}
    for part in PARTS:
        assert set(tables[part]) == set(PROGRAMS[part])
        assert set(CORPUS[part]) <= set(tables[part])
        assert tables[part][0] == SOUNDS[part]
        assert all(sound_of(part, name).program == PROGRAMS[part][name] for name in tables[part])


def test_what_the_player_never_met_is_told_as_what_is_nearest() -> None:
    assert np.array_equal(instrument_vector({"piano": 16}), instrument_vector({"piano": 4}))
    assert instrument_vector({"drums": 25}).sum() == 1
    assert instrument_vector({"horn": 57}).sum() == 0  # a trombone was trained on without a name
    assert instrument_vector(programs_of(SOUNDS)).sum() == len(TOLD)


def test_a_line_up_takes_each_parts_own_table() -> None:
    orchestra = Tables.plain().orchestra()
    tables = orchestra.tables
    numbered = Orchestra(
        tables._replace(stretch=np.repeat(np.arange(len(TABLES), dtype=np.float32)[:, None], tables.stretch.shape[1], axis=1)),
        orchestra.hits,
        orchestra.steps + np.arange(len(KITS), dtype=np.float32)[:, None, None],
    )
    chosen = numbered.line_up({"piano": "vibes", "bass": "synth", "horn": "flute", "drums": "808"})
    assert [TABLES[int(row[0])] for row in chosen.stretch] == ["vibes", "synth", "flute"]
    assert np.array_equal(chosen.hits, numbered.hits[KITS.index("808")]) and chosen.steps.min() >= KITS.index("808")
    usual = numbered.line_up({"piano": "harpsichord"})
    assert [TABLES[int(row[0])] for row in usual.stretch] == ["grand", "upright", "tenor"]
    assert [table.shape for table in usual] == [table.shape for table in Timbres.plain()]


def test_instruments_of_the_shipped_tables_differ_as_they_should(models: Models) -> None:
    """By measures of their own: a bar of metal has next to no second partial, a clarinet weak even ones; an organ goes on."""
    assert models.tones is not None
    orchestra = models.tones.orchestra()

    def partials(part: str, name: str, key: int) -> np.ndarray:
        return orchestra.line_up({part: name}).partials[list(INSTRUMENTS).index(part), key - 21]

    vibes, grand, organ, rhodes = (partials("piano", name, 60) for name in ("vibes", "grand", "organ", "rhodes"))
    assert vibes[1, 1] - vibes[0, 1] < grand[1, 1] - grand[0, 1] - 0.5
    assert organ[0, 1] - organ[0, -1] < 1.5 < grand[0, 1] - grand[0, -1]
    assert not np.allclose(rhodes, grand, atol=0.5)
    clarinet = partials("horn", "clarinet", 56)
    assert clarinet[[1, 3], 3].mean() < clarinet[[0, 2], 3].mean() - 1.0


def test_an_instrument_that_changes_makes_no_click(models: Models) -> None:
    """The step in which it changes begins as the old one and ends as the new one."""
    situation = Situation(clock=Clock.started(0, 120.0, 4), charts=[(0, parse_chart("| C |"))])
    performer = Performer(models, situation, 0, seed=1)
    performer._active = make_notes([(0, 60, 100, 0.0, 8.0)], 120.0).astype(NOTE_DTYPE)
    performer.steps = 20
    assert models.tones is not None
    orchestra, first = models.tones.orchestra(), 20 * FRAME_SAMPLES
    old, new = (excite(performer._active, first, FRAME_SAMPLES, orchestra.line_up({"piano": name})) for name in ("grand", "organ"))
    chamber = Chamber()
    assert np.array_equal(performer._excite(), chamber(old))  # type: ignore[arg-type]
    situation.style = read_style("organ")
    changing = performer._excite()
    assert changing is not None and np.abs(new - old).max() > 0.01
    assert np.abs(changing[:DIRECT, 0] - old[:, 0]).max() < 1e-6
    assert np.abs(changing[:DIRECT, -1] - new[:, -1]).max() < 0.01 * np.abs(new - old).max()
    performer.steps += 1
    after = performer._excite()
    assert after is not None
    later = excite(performer._active, first + FRAME_SAMPLES, FRAME_SAMPLES, orchestra.line_up({"piano": "organ"}))
    assert np.array_equal(after[:DIRECT], later) and after[DIRECT:].any()


def test_a_part_that_is_switched_off_makes_no_click(models: Models) -> None:
    """Its chord bends no more sharply than it did while it sounded; one step later it is gone."""
    parts = {"piano": True, "bass": True, "drums": False, "horn": False}
    situation = Situation(clock=Clock.started(0, 120.0, 4), charts=[(0, parse_chart("| Cmaj7 |"))], parts=parts)
    performer = Performer(models, situation, 0, seed=3)
    chord = [PlannedNote(part=0, pitch=pitch, velocity=100, beat=0.0, length=8.0) for pitch in (52, 55, 59, 64)]
    performer.give([*chord, PlannedNote(part=1, pitch=36, velocity=30, beat=0.0, length=8.0)], range(4))
    made: list[float] = []
    excited = performer._excite

    def listen() -> Floats:
        sources = excited()
        assert sources is not None
        made.append(float(np.abs(sources[0]).max()))
        return sources

    performer._excite = listen  # type: ignore[method-assign]
    sound = [performer.block() for _ in range(60)]
    parts["piano"] = False
    sound += [performer.block() for _ in range(20)]
    bends = np.abs(np.diff(np.concatenate(sound).mean(axis=1), 2))
    assert bends[58 * 640 : 66 * 640].max() < 1.5 * bends[50 * 640 : 58 * 640].max()
    assert min(made[60:62]) > 0.01 and max(made[62:]) == 0.0


def test_no_two_strokes_are_the_same_but_of_a_machine(models: Models) -> None:
    """Sixteen strokes each, 0.25 s apart: those of hi-hats have other waveforms and the same level; a skin's go the same way."""
    assert models.tones is not None
    beat, count = SAMPLE_RATE // 4, 16

    def strokes(kit: str, pitch: int) -> Floats:
        notes = make_notes([(2, pitch, 90, 0.5 * number, 0.1) for number in range(count)], 120.0).astype(NOTE_DTYPE)
        sound = excite(notes, 0, 300 * FRAME_SAMPLES, models.tones.orchestra().line_up({"drums": kit}))  # type: ignore[union-attr]
        return sound[:, : beat * count].sum(axis=0).reshape(count, beat)[:, :2880]

    for kit, pitch, most in (("jazz", 42, 0.6), ("jazz", 51, 0.8), ("jazz", 36, 1.0), ("standard", 38, 0.99)):
        found = strokes(kit, pitch)[4:]  # what rings on from before is in all of them
        unit = found / np.linalg.norm(found, axis=1, keepdims=True)
        alike = (unit @ unit.T)[np.triu_indices(len(unit), 1)]
        assert len(np.unique(np.round(alike, 3))) > 3 and np.median(alike) < most, (kit, pitch, alike)
        assert pitch not in (36, 38) or alike.min() > 0.85
        assert np.std(20 * np.log10(np.linalg.norm(found, axis=1))) < 1.0
    machine = strokes("808", 42)[4:]
    assert np.allclose(machine, machine[0], atol=0.01 * np.abs(machine).max())


@pytest.mark.parametrize("closing", [42, 44, 46])
def test_the_hi_hat_that_closes_ends_what_rang_from_it_open(models: Models, closing: int) -> None:
    """From a few tens of milliseconds on, only the closing stroke is left; before it, and after other hits, all is as it was."""
    assert models.tones is not None
    timbres, frames = models.tones.orchestra().line_up({"drums": "jazz"}), 30 * FRAME_SAMPLES

    def play(*hits: tuple[int, float]) -> Floats:
        return excite(make_notes([(2, pitch, 90, beat, 0.1) for pitch, beat in hits], 120.0).astype(NOTE_DTYPE), 0, frames, timbres)

    opened, after = play((46, 0.0)), play((closing, 0.4))
    both, at = play((46, 0.0), (closing, 0.4)), round(0.2 * SAMPLE_RATE)
    assert np.array_equal(both[:, :at], opened[:, :at])
    rest, rang = (both - after)[:, at + 4800 :], opened[:, at + 4800 :]
    assert np.abs(rang).max() > 0.01
    assert np.abs(rest).max() < 0.01 * np.abs(rang).max()
    assert np.abs(play((46, 0.0), (51, 0.4)) - play((51, 0.4)) - opened).max() < 1e-6
