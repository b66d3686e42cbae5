"""Clips and the situation that steers them, with small untrained networks: what is exact is exact with any weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from jamd.contract.chart import parse_chart, parse_chord
from jamd.contract.clock import Clock, ClockSegment
from jamd.contract.errors import EngineError, FailureError
from jamd.contract.prompts import read_prompts, write_prompts
from jamd.contract.units import FRAME_RATE, FRAME_SAMPLES, PARTS, SAMPLE_RATE
from model.codec import Codec
from model.config import CodecConfig, PlannerConfig, PlayerConfig
from model.generator.clip import CROSSFADE, ClipRender, ClipRequest, frames_of_bars, gain_to_match
from model.generator.events import PlannedNote
from model.generator.models import Models, load_models
from model.generator.offline import read_notes, render_clip, write_plan
from model.generator.performer import Performer
from model.generator.planner import Planner
from model.generator.player import Player
from model.generator.situation import Situation
from model.layers.excitation import RELEASED_S
from model.metrics.loudness import loudness
from model.style.words import read_style

CHART = parse_chart("| Dm7 G7 | Cmaj7 | A7 |")


@pytest.fixture(scope="module")
def models() -> Models:
    torch.manual_seed(0)
    codec = Codec(CodecConfig(width=16, encoder_blocks=1, decoder_blocks=1, latent=8, levels=3, codebook_size=16))
    torch.nn.init.normal_(codec.decoder.leave.weight, std=0.2)
    for book in codec.quantizer.books():
        book.codes.normal_()
    planner = Planner(PlannerConfig(width=16, layers=1, heads=2, feedforward=32, context=64))
    player = Player(
        PlayerConfig(width=16, layers=1, heads=2, feedforward=32, window=16, levels=3, codebook_size=16, latent=8,
                     depth_width=16)
    )  # fmt: skip
    player.set_codebooks(torch.stack([book.codes for book in codec.quantizer.books()]))
    for module in (codec, planner, player):
        module.eval().requires_grad_(False)
    return Models("tiny", codec, planner, player)


def run(models: Models, request: ClipRequest) -> ClipRender:
    render = ClipRender(models, request)
    while not render.done:
        render.advance()
    return render


@pytest.mark.parametrize("tempo", [61.3, 120.0, 277.0])
@pytest.mark.parametrize("loop", [False, True])
def test_clip_is_exactly_as_long_as_its_bars(models: Models, tempo: float, loop: bool) -> None:
    frames = frames_of_bars(2, tempo, 4)
    assert frames == round(2 * 4 * 60 / tempo * SAMPLE_RATE)
    clip = run(models, ClipRequest(CHART, tempo, frames, seed=3, loop=loop))
    assert clip.audio.shape == (frames, 2)
    assert clip.audio.dtype == np.float32
    assert 0 < np.abs(clip.audio).max() <= 1.0
    assert all(0 <= note.beat < 8 for note in clip.notes)


def test_same_seed_same_bytes(models: Models, tmp_path: Path) -> None:
    request = ClipRequest(CHART, 140.0, frames_of_bars(1, 140.0, 4), seed=7)
    for name in ("a", "b"):
        render_clip(models, request, tmp_path / f"{name}.wav", tmp_path / f"{name}.mid")
    render_clip(models, replace(request, seed=8), tmp_path / "c.wav")
    a, b, c = ((tmp_path / f"{name}.wav").read_bytes() for name in "abc")
    assert a == b
    assert a != c
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()
    info = soundfile.info(tmp_path / "a.wav")
    assert (info.samplerate, info.channels, info.frames) == (SAMPLE_RATE, 2, request.frames)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mid", "a.wav", "b.mid", "b.wav", "c.wav"]


def test_missing_folder_is_one_clear_error(models: Models, tmp_path: Path) -> None:
    request = ClipRequest(CHART, 200.0, 640, seed=7)
    with pytest.raises(FailureError, match="cannot write"):
        render_clip(models, request, tmp_path / "none" / "a.wav")


def test_loop_joins_without_a_jump(models: Models) -> None:
    """The end runs into what the stream really did before the start."""
    frames = frames_of_bars(1, 180.0, 4)
    clip = run(models, ClipRequest(CHART, 180.0, frames, seed=5, loop=True))
    audio, buffer = clip.audio, clip._buffer
    before = buffer[clip.run_up - 1]
    np.testing.assert_allclose(audio[-1], np.clip(before, -1, 1), atol=1e-5)
    np.testing.assert_allclose(audio[0], np.clip(buffer[clip.run_up], -1, 1), atol=1e-6)
    np.testing.assert_allclose(audio[:-CROSSFADE], np.clip(buffer[clip.run_up : clip.run_up + frames - CROSSFADE], -1, 1), atol=1e-6)


def test_parts_that_are_off_are_not_planned(models: Models) -> None:
    parts = dict.fromkeys(PARTS, False) | {"bass": True}
    clip = run(models, ClipRequest(CHART, 160.0, frames_of_bars(4, 160.0, 4), seed=1, parts=parts))
    assert {note.part for note in clip.notes} <= {PARTS.index("bass")}


def situation(**changes: object) -> Situation:
    return Situation(clock=Clock.started(0, 120.0, 4), charts=[(0, CHART)], **changes)  # type: ignore[arg-type]


def test_new_chart_is_in_force_from_its_bar() -> None:
    s = situation()
    s.set_chart(parse_chart("| Eb7 |"), 2)
    assert s.context(7).chart is CHART
    assert s.context(8).chart.chord_at(s.context(8).chart_beat).symbol == "Eb7"
    assert s.harmony(8.0)[1] == 0.0
    s.set_chart(parse_chart("| F7 | Bb7 |"), 1)
    assert [chart.bars[0].chords[0][1].symbol for _, chart in s.charts][1:] == ["F7"]


def test_a_locate_back_leaves_the_chart_in_force() -> None:
    """As the loop of a DAW does: bars are counted anew, beats run on, and the form goes on as it lies on the bars."""
    s = situation()
    s.set_chart(parse_chart("| Eb7 | Ab7 | Db7 |"), 4)
    s.clock = s.clock.placed(s.clock.frame_of_bar(7), 2, 0.0, 120.0, 4)

    def at(beat: float) -> str:
        chart, place, _ = s.harmony(beat)
        return chart.chord_at(place).symbol

    assert [at(4.0 * bar) for bar in range(3, 7)] == ["Dm7", "Eb7", "Ab7", "Db7"], "what was before it"
    assert [at(4.0 * bar) for bar in range(7, 11)] == ["Ab7", "Db7", "Eb7", "Ab7"], "bars 2, 3, 4, 5"
    s.set_chart(parse_chart("| F7 |"), 3)
    assert [at(4.0 * bar) for bar in range(6, 9)] == ["Db7", "Ab7", "F7"]


def test_chord_holds_until_the_chart_resumes() -> None:
    s = situation()
    s.set_chord(parse_chord("F#7"), 5.0)
    s.set_chord(None, 9.0)

    def at(beat: float) -> str:
        chart, place, _ = s.harmony(beat)
        return chart.chord_at(place).symbol

    assert [at(b) for b in (4.9, 5.0, 8.9, 9.0)] == ["Cmaj7", "F#7", "F#7", "A7"]


def test_metre_and_tempo_follow_the_clock() -> None:
    clock = Clock((ClockSegment(0, 0.0, 120.0, 4, 0.0, 0), ClockSegment(192_000, 8.0, 60.0, 3, 8.0, 2)), True)
    s = Situation(clock=clock, charts=[(0, CHART), (2, parse_chart("3/4 | C7 | F7 |"))])
    assert s.bar_of(7.5)[:2] == (1, 3.5)
    assert s.bar_of(8.0)[:2] == (2, 0.0)
    assert s.bar_of(11.5)[:2] == (3, 0.5)
    context = s.context(11)
    assert (context.tempo, context.beat_in_bar, context.feel) == (60.0, 0, "waltz")
    assert context.chart.chord_at(context.chart_beat).symbol == "F7"


def test_performer_follows_a_chart_that_changes_under_way(models: Models) -> None:
    s = situation()
    performer = Performer(models, s, 0, seed=2)
    while performer.beat < 1.5:
        performer.block()
    performer.look_ahead(6.0, 10_000)
    s.set_chart(parse_chart("| Eb7 |"), 1)
    before = [note for note in performer.plan.notes if note.beat < 4]
    performer.replan(4.0)
    assert [note for note in performer.plan.notes if note.beat < 4] == before
    assert performer.plan.known_until <= 4
    assert performer.plan.context(4) is performer.plan.context(4)
    performer.block()
    assert performer.frame == (performer.steps - 1) * FRAME_SAMPLES


def test_skipped_time_is_left_out(models: Models) -> None:
    performer = Performer(models, situation(), 9600, seed=2)
    assert performer.frame == 9600
    performer.block()
    assert performer.frame == 9600 + FRAME_SAMPLES
    performer.skip(75)
    assert performer.frame == 9600 + 76 * FRAME_SAMPLES
    assert np.isfinite(performer.block()).all()


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="huge-codec"):
        load_models("huge", tmp_path)


def test_style_words() -> None:
    style = read_style("Brazilian bossa with a trumpet and a Rhodes")
    assert style.feel == "bossa"
    assert (style.sounds["horn"], style.sounds["piano"]) == ("trumpet", "rhodes")
    assert read_style("qwertz 123").feel is None


def test_band_without_parts_falls_silent_and_comes_back(models: Models) -> None:
    s = situation()
    performer = Performer(models, s, 0, seed=2)
    assert np.abs(np.concatenate([performer.block() for _ in range(10)])).max() > 0
    s.parts = dict.fromkeys(PARTS, False)
    performer.replan()
    quiet = np.concatenate([performer.block() for _ in range(60)])
    assert (quiet[45 * FRAME_SAMPLES :] == 0).all()
    s.parts["bass"] = True
    performer.replan()
    assert np.abs(np.concatenate([performer.block() for _ in range(10)])).max() > 0


def test_prefill_goes_on_from_a_recording(models: Models) -> None:
    """The same seed after another recording is other music; the recording itself is not in the output."""
    rng = np.random.default_rng(0)
    outputs = []
    for before in (None, 0.3 * rng.standard_normal((40 * FRAME_SAMPLES, 2)).astype(np.float32)):
        request = ClipRequest(CHART, 120.0, frames_of_bars(1, 120.0, 4), seed=5, before=before)
        outputs.append(run(models, request).audio)
    assert outputs[0].shape == outputs[1].shape
    assert not np.array_equal(outputs[0], outputs[1])


@pytest.mark.parametrize("level", [-32.0, -18.0])
def test_what_goes_on_from_a_recording_is_as_loud_as_that(level: float) -> None:
    models = load_models()
    noise = np.random.default_rng(0).standard_normal((3 * 48_000, 2)).astype(np.float32) * 0.1
    before = noise * np.float32(10 ** ((level - loudness(noise, 48_000)) / 20))
    audio = run(models, ClipRequest(CHART, 120.0, frames_of_bars(2, 120.0, 4), seed=5, before=before)).audio
    assert loudness(audio, 48_000) == pytest.approx(level, abs=0.1)


def test_gain_to_match_has_bounds() -> None:
    """Not beyond the peaks, not without measure, and none where there is silence."""
    noise = np.random.default_rng(0).standard_normal((48_000, 2)).astype(np.float32) * 0.1
    assert gain_to_match(noise, noise) == 1.0
    assert gain_to_match(noise, 2 * noise) == pytest.approx(0.5) and gain_to_match(noise, noise / 30) == pytest.approx(10 ** (15 / 20))
    peaks = noise / 2
    peaks[1000] = 0.9
    assert gain_to_match(noise, peaks) * 0.9 == pytest.approx(0.98)
    assert gain_to_match(noise, 0 * noise) == gain_to_match(0 * noise, noise) == gain_to_match(noise[:100], noise) == 1.0


def test_prefill_is_refused_when_it_cannot_be(models: Models) -> None:
    performer = Performer(models, situation(), 0, seed=2)
    for audio in (np.zeros((100, 2), np.float32), np.zeros((6400, 1), np.float32)):
        with pytest.raises(EngineError, match="prefill needs"):
            performer.prefill(audio)
    performer.block()
    with pytest.raises(EngineError, match="before the first block"):
        performer.prefill(np.zeros((6400, 2), np.float32))


def test_given_notes_take_the_place_of_the_plan(models: Models) -> None:
    given = tuple(PlannedNote(1, 40 + beat, 90, beat + 0.25, 0.5) for beat in range(8))
    clip = run(models, ClipRequest(CHART, 120.0, frames_of_bars(2, 120.0, 4), seed=3, loop=True, given=given, given_parts=(1,)))
    assert [(note.pitch, note.beat) for note in clip.notes if note.part == 1] == [(40 + beat, beat + 0.25) for beat in range(8)]


def test_live_notes_sound_until_they_are_let_go(models: Models) -> None:
    performer = Performer(models, situation(), 0, seed=2)
    for _ in range(5):
        performer.block()
    performer.note_on(0, 64, 100)
    for _ in range(30):
        performer.block()
    active = performer._active[performer._active["part"] == 0]
    assert active["pitch"].tolist() == [64]
    performer.note_off(0, 64)
    performer.note_off(0, 99)
    performer.block()
    released = performer._active[performer._active["part"] == 0]
    assert (released["start"] + released["duration"] <= performer.steps / FRAME_RATE).all()
    for _ in range(int(RELEASED_S * FRAME_RATE) + 2):  # it rings out
        performer.block()
    assert not (performer._active["part"] == 0).any()
    assert all(note.part != 0 or note.beat < 0.3 for note in performer.played)
    planned = PlannedNote(0, 60, 80, performer.beat + 0.01, 1.0)
    performer.plan.notes.insert(0, planned)
    performer.block()
    assert planned not in performer.played  # the part is still the player's
    performer.release(0)
    planned = PlannedNote(0, 60, 80, performer.beat + 0.01, 1.0)
    performer.plan.notes.insert(0, planned)
    performer.block()
    assert planned in performer.played


def test_notes_of_a_midi_file_come_back(tmp_path: Path) -> None:
    request = ClipRequest(CHART, 96.0, 1)
    notes = [
        PlannedNote(0, 60, 80, 0.5, 1.0),
        PlannedNote(1, 36, 70, 0.0, 2.0),
        PlannedNote(2, 51, 90, 1.0, 0.25),
        PlannedNote(3, 70, 64, 2.25, 0.5),
    ]
    write_plan(tmp_path / "plan.mid", notes, request)
    assert read_notes(tmp_path / "plan.mid") == sorted(notes, key=lambda note: note.beat)
    (tmp_path / "bad.mid").write_bytes(b"MThd nonsense")
    for name in ("bad.mid", "missing.mid"):
        with pytest.raises(FailureError, match=name):
            read_notes(tmp_path / name)


def test_prompts_with_weights() -> None:
    text = write_prompts([("tender ballad", 0.7), ("rhodes: warm", 1.0)])
    assert read_prompts(text) == [("tender ballad", 0.7), ("rhodes: warm", 1.0)]
    assert read_prompts("a | b:2 | :3 | c:nan") == [("a", 1.0), ("b", 2.0), ("c:nan", 1.0)]
    assert read_style("ballad:0.2 | bossa:0.9").feel == "bossa"
    assert read_style("ballad | bossa:-1").feel == "ballad"
