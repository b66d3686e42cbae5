"""The evaluation: every kind runs through with small untrained networks, and its own measures say what they should."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from jamd.contract.chart import parse_chart
from jamd.contract.errors import FailureError
from jamd.contract.units import FRAME_SAMPLES, PARTS, SAMPLE_RATE
from model.codec import Codec
from model.config import CodecConfig, PlannerConfig, PlayerConfig
from model.corpus.medley import join
from model.corpus.notes import Notes, make_notes
from model.evaluate import Bench, Case, Result, Sampling, feels, make_cases, to_page, turns
from model.evaluate.__main__ import KINDS, main, run
from model.evaluate.continuation import distances
from model.evaluate.knobs import CHORUS, measure_knobs
from model.evaluate.manner import TOLD, manner_of, measure_manners
from model.evaluate.note import match, measure_note, parting, scores, withheld
from model.evaluate.parts import sections, silence, switched
from model.evaluate.plan import measure_plan
from model.evaluate.plans import chorus_case, make_choruses, plan
from model.evaluate.stream import Change, run_free
from model.evaluate.style import _band, measure_style, ranks
from model.evaluate.variations import differing
from model.generator.models import Models
from model.generator.planner import Planner
from model.generator.player import Player
from model.metrics import musicnn, transcribe
from model.metrics.heard import heard, heard_from_score
from model.style.words import Style, read_style

CHART = parse_chart("| Dm7 | G7 |")
CASES = [Case(index, CHART, tempo, "swing", 1) for index, tempo in enumerate((240.0, 300.0))]
BAND = {"piano": True, "bass": True, "drums": True, "horn": False}


@pytest.fixture(scope="module")
def models() -> Models:
    torch.manual_seed(0)
    codec = Codec(CodecConfig(width=16, encoder_blocks=1, decoder_blocks=1, latent=8, levels=3, codebook_size=16))
    torch.nn.init.normal_(codec.decoder.leave.weight, std=0.2)
    for book in codec.quantizer.books():
        book.codes.normal_()
    planner = Planner(PlannerConfig(width=16, layers=1, heads=2, feedforward=32, context=64))
    with torch.no_grad():
        planner.heads["advance"].out.bias[:2] += 8.0  # type: ignore[index, operator, union-attr]
    player = Player(
        PlayerConfig(width=16, layers=1, heads=2, feedforward=32, window=16, levels=3, codebook_size=16, latent=8,
                     depth_width=16)
    )  # fmt: skip
    player.set_codebooks(torch.stack([book.codes for book in codec.quantizer.books()]))
    for module in (codec, planner, player):
        module.eval().requires_grad_(False)
    return Models("tiny", codec, planner, player)


@pytest.fixture
def bench(models: Models, tmp_path: Path) -> Bench:
    return Bench(tmp_path, list(CASES), given=models, clip_s=0.8, some=1, long_s=3.0, pieces=2, progress=lambda line: None)


def test_cases_are_of_their_seeds() -> None:
    cases = make_cases(9)
    assert cases[:3] == make_cases(3)
    assert all(80 <= case.tempo <= 240 for case in cases if case.feel != "ballad")
    assert all(case.bars >= 4 and abs(case.frames / SAMPLE_RATE - 16) < 2.5 for case in cases[:7])
    assert cases[1].lasting(4.0).frames < cases[1].frames


def test_renders_are_kept_until_they_are_to_be_made_anew(bench: Bench) -> None:
    case = bench.cases[0]
    path = bench.model_file(case)
    assert len(bench.model_case(case).audio) == case.frames
    path.write_bytes(b"kept")
    assert replace(bench).model_file(case).read_bytes() == b"kept"
    for other in (replace(bench, anew=("model",)), replace(bench, sampling=Sampling(temperature=0.5))):
        path.write_bytes(b"stale")
        assert other.model_file(case).read_bytes() != b"stale"


def test_notes_as_they_were_learnt_differ_from_the_rules_on_the_same_chart(bench: Bench) -> None:
    cases = [Case(index, CHART, 160.0, "swing", 2) for index in range(6)]
    paths = [bench.learnt_file(case) for case in cases]
    rules = [bench.reference_file(case) for case in cases]
    other = [bench.learnt_file(case, other=True) for case in cases]
    lengths = [[soundfile.info(path).frames for path in group] for group in (paths, rules, other)]
    assert min(map(min, lengths)) >= cases[0].frames
    sounds = [[soundfile.read(path)[0][: cases[0].frames] for path in group] for group in (paths, rules, other)]
    differ = [not np.array_equal(one, two) for one, two in zip(sounds[0], sounds[1], strict=True)]
    assert any(differ), "a persona leads some"
    assert all(not np.array_equal(one, two) for one, two in zip(sounds[0], sounds[2], strict=True))


def test_perfect_ears_give_perfect_scores() -> None:
    rows = [(1, 40 + beat, 80.0, float(beat), 0.9) for beat in range(8)] + [(0, 60 + beat, 80.0, beat + 0.5, 0.5) for beat in range(8)]
    notes = make_notes([*rows, (2, 51, 80.0, 0.0, 0.1)], 120.0)
    found = scores(match(notes, heard_from_score(notes)))
    assert all(value == 1.0 for name, value in found.items() if name != "lag_ms"), found
    assert found["lag_ms"] == 0.0
    assert 47 <= parting(notes) < 60
    late = heard_from_score(notes)
    late["start"] += 0.04
    assert scores(match(notes, late))["all_f1"] == 1.0
    assert scores(match(notes, late))["lag_ms"] == pytest.approx(40.0)
    late["start"] += 0.02
    assert scores(match(notes, late))["all_recall"] == 0.0
    assert scores(match(notes, heard([], [], [], [])))["bass_f1"] == 0.0


def test_one_heard_note_answers_one_planned_note() -> None:
    notes = make_notes([(0, 60, 80.0, beat, 0.1) for beat in (0.0, 0.1, 0.2)], 120.0)
    found = match(notes, heard([60, 60, 72], [0.05, 0.06, 0.1], [0.2, 0.2, 0.2], [1.0, 1.0, 1.0]))
    assert sorted(found.heard_of.tolist()) == [-1, 0, 1]
    assert scores(found)["upper_recall"] == pytest.approx(2 / 3) == scores(found)["upper_precision"]
    assert np.isnan(scores(found)["bass_recall"])


def test_the_plan_can_be_withheld(models: Models, bench: Bench) -> None:
    """Without the roll the sound no longer depends on the notes, which stay the same."""
    request = bench.request(CASES[0], guidance=1.0)
    open_eyed, blind = bench.play(request), bench.play(request, withheld(models))
    assert np.array_equal(open_eyed.notes, blind.notes)
    assert len(open_eyed.notes) > 0
    assert not np.array_equal(open_eyed.audio, blind.audio)


def test_parts_change_at_their_beat(bench: Bench) -> None:
    frames = 12 * SAMPLE_RATE // 5  # twelve beats at 300 bpm
    off = BAND | {"bass": False}
    taken = run_free(bench, CHART, 300.0, Style("swing"), BAND, frames, 1, (Change(4.0, off), Change(8.0, BAND)))
    bass = taken.notes["beat"][taken.notes["part"] == PARTS.index("bass")]
    assert len(taken.audio) == -(-frames // FRAME_SAMPLES) * FRAME_SAMPLES
    assert len(taken.step_s) == len(taken.audio) // FRAME_SAMPLES
    assert ((bass < 4.0) | (bass >= 8.0)).all()


def test_a_band_without_parts_is_measured_as_silent(bench: Bench) -> None:
    case = CASES[0].lasting(1.0)
    audio, planned = switched(bench, case, BAND, "all")
    found = silence(case, audio)
    assert found["exactly_silent"] == 1.0
    assert found["level_off_db"] == -120.0
    assert found["silent_after_s"] <= 0.54
    assert found["level_after_db"] > -60.0
    assert planned["planned_off"] == 0.0 < planned["planned_before"]
    assert [len(part) for part in sections(case, audio)[:2]] == [case.frames - SAMPLE_RATE // 2] * 2


def test_plans_need_no_sound_and_are_kept(bench: Bench) -> None:
    case = chorus_case(0, turns=1)
    assert len(case.chart.bars) == 32
    short = replace(case, bars=1)
    notes = plan(bench, short, BAND, 1)
    assert len(notes) > 0
    assert notes["beat"].max() < 4
    assert np.array_equal(notes, plan(bench, short, BAND, 1))
    np.savez(bench.out / "choruses.npz", key=np.array(f"{bench.digest} {bench.sampling}"), plan0=notes)
    kept = make_choruses(bench, 1)[0]
    assert np.array_equal(kept.model, notes)
    assert set(kept.corpus["part"]) == {0, 1, 2, 3}


def test_a_long_plan_is_measured_by_stretches(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The corpus' band in the planner's place: chorus by chorus the same, and later ones belong to later stretches."""
    monkeypatch.setattr(
        "model.evaluate.plan.plan", lambda bench, case, parts, seed: bench.corpus_piece(case, parts=list(parts.values())).notes
    )
    form = chorus_case(0)
    found = measure_plan(replace(bench, long_s=0.0))
    assert [{**row, "name": ""} for row in found.rows["corpus"]] == [
        {**row, "name": ""} for rows in list(found.rows.values())[:-1] for row in rows
    ]
    seconds = form.chart.beats * 60 / form.tempo
    longer = measure_plan(replace(bench, long_s=6 * seconds))
    counts = {name: len(rows) for name, rows in longer.rows.items()}
    assert sum(counts.values()) == 6 + counts["corpus"]
    assert counts["model, from 60 s"] == sum(60 <= number * seconds < 180 for number in range(6))
    row = longer.rows["model, from 0 s"][0]
    assert 0.5 < row["piano: chord tones"] < row["piano: chord's scale"] <= 1
    assert row["notes a beat"] == pytest.approx(sum(row[f"{part}: notes a beat"] for part in PARTS))


def test_a_manner_is_measured_beside_the_band(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The corpus' band in the planner's place moves as the band does."""

    def played(bench: Bench, case: Case, parts: dict[str, bool], seed: int, style: Style | None = None) -> Notes:
        return bench.corpus_piece(case, parts=list(parts.values()), manner=manner_of(style or Style())).notes

    monkeypatch.setattr("model.evaluate.manner.plan", played)
    monkeypatch.setattr("model.evaluate.manner.auto_swing", lambda tempo, feel: bench.corpus_piece(chorus_case(0)).swing)
    found = measure_manners(bench).rows
    assert list(found) == [f"{who}: {words}" for words, *_ in TOLD for who in ("model", "band")]
    for words, *_ in TOLD:
        assert found[f"model: {words}"] == found[f"band: {words}"]
    assert sum(found[f"model: {words}"][0]["right way"] for words, *_ in TOLD) >= 5


@pytest.mark.parametrize("follows", [True, False])
def test_feels_are_followed_or_not(bench: Bench, monkeypatch: pytest.MonkeyPatch, follows: bool) -> None:
    """The corpus' band in the planner's place: one that turns when it is told to, and one that goes on as it was."""

    def played(bench: Bench, case: Case, first: Style, second: Style, seed: int) -> Notes:
        band = [
            bench.corpus_piece(replace(case, index=40 + seed, feel=str(style.feel), bars=feels.BARS))
            for style in (first, second if follows else first)
        ]
        return join(band, [0, feels.CHANGE])

    monkeypatch.setattr("model.evaluate.feels.plan_two", played)
    found = feels.measure_feels(bench).rows
    assert list(found) == ["band", "words", "feel alone"] and len(found["words"]) == 12
    for name, (begin, _) in feels.WINDOWS.items():
        right = np.mean([row[name] for row in found["words"] + found["feel alone"]])
        assert right > 0.9 if follows or begin < feels.CHANGE else right < 0.1


@pytest.mark.parametrize("follows", [True, False])
def test_turned_knobs_are_followed_or_not(bench: Bench, monkeypatch: pytest.MonkeyPatch, follows: bool) -> None:
    """The corpus' band in the planner's place: one that turns when the knob does, and one that goes on as it was."""

    def played(bench: Bench, case: Case, knob: str, values: tuple[float, float], seed: int) -> Notes:
        bars = np.repeat(np.array(values if follows else values[:1] * 2), (turns.CHANGE, turns.BARS - turns.CHANGE))
        return bench.corpus_piece(case, parts=[True] * 4, **{knob: bars}).notes  # type: ignore[arg-type]

    monkeypatch.setattr("model.evaluate.turns.plan_turned", played)
    found = turns.measure_turns(bench).figures
    assert len(found) == len(turns.KNOBS) * len(turns.WINDOWS)
    for name in list(turns.KNOBS)[:3]:  # one chart says nothing of the horn, whose phrases are others each time
        before, after = (found[f"{name}, bars 9 to 16 {when}"] for when in ("before", "after"))
        assert before == pytest.approx(1.0) if follows else before > 0.5  # its draws are not the same ones
        assert after == pytest.approx(1.0) if follows else after < -0.3


def test_what_is_told_later_changes_nothing_before(bench: Bench) -> None:
    case, swing = chorus_case(0), Style("swing")
    plans = [feels.plan_two(bench, case, swing, read_style(words), 3) for words in ("swing", "bossa nova", "funk, behind the beat")]
    border = feels.CHANGE * case.chart.beats_per_bar
    before = [plan[plan["beat"] < border] for plan in plans]
    assert len(before[0]) > 0
    assert all(np.array_equal(before[0], other) for other in before[1:])
    assert not np.array_equal(plans[1], plans[2])


def test_the_band_plays_a_style_by_its_words(bench: Bench) -> None:
    grand, rhodes, soft = (_band(bench, CASES[0], read_style(text)) for text in ("grand piano", "rhodes", "very quiet"))
    assert grand.shape == rhodes.shape and grand.shape[1] == 2
    assert distances(grand, rhodes)["spectrum"] > 0.05
    assert distances(soft, grand)["level_db"] > 2.0


def test_what_differs() -> None:
    one = make_notes([(0, 60, 80.0, beat, 0.5) for beat in range(4)], 120.0)
    assert differing(one, one) == 0.0
    assert differing(one, one[:2]) == 0.5
    assert ranks(np.array([[0.9, 0.1, 0.0], [0.5, 0.4, 0.3], [0.3, 0.2, 0.1]], np.float32)).tolist() == [0, 1, 2]
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal((2 * SAMPLE_RATE, 2))).astype(np.float32)
    assert distances(noise, 0.1 * noise)["level_db"] == pytest.approx(20.0, abs=0.1)
    assert distances(noise, noise)["spectrum"] == 0.0


def test_knobs_are_followed_through(bench: Bench) -> None:
    found = measure_knobs(bench)
    assert {name.split(":")[0] for name in found.rows} == {
        f"{who}{knob}" for who in ("", "band, ") for knob in ("density", "energy", "register")
    }
    for knob, name in CHORUS.items():  # over a chorus the band does what it is told
        assert found.rows[f"band, {knob}: {name}"][0]["spearman"] > 0.9
    assert all(len(row["values"]) == 5 for rows in found.rows.values() for row in rows)


def test_what_cannot_be_measured_is_said(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcribe, "available", lambda: False)
    monkeypatch.setattr(musicnn, "available", lambda: False)
    assert measure_style(bench).skipped and measure_note(bench).skipped
    known = run(bench, ["style", "note", "fad"])
    page = (bench.out / "evaluation.md").read_text()
    assert page.count("Not measured: ") == 3
    assert set(known["run"]["seconds"]) == {"style", "note", "fad"}


def test_results_are_merged_and_plain(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = {"corpus": {"fit": {"mean": 0.85, "low": 0.8, "high": 0.9, "n": 40}}}
    (bench.out / "evaluation.json").write_text(json.dumps(earlier))
    monkeypatch.setattr(musicnn, "available", lambda: False)
    run(bench, ["fad"])
    known = json.loads((bench.out / "evaluation.json").read_text())
    assert known["corpus"] == earlier["corpus"]
    result = Result("What.", {"a": [{"name": "0", "x": 1.0}, {"name": "1", "x": float("nan")}]}, {"y": float("inf")}).as_dict()
    assert result["figures"]["y"] is None
    page = to_page(known | {"kind": result})
    assert "| fit | 0.85 (0.8 to 0.9) |" in page
    assert "| x | 1 (1 to 1) |" in page
    assert "## kind" in page


def test_a_kind_nobody_knows_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--kinds", "model,nonsense"])
    assert "nonsense" in capsys.readouterr().err
    assert len(set(KINDS)) == len(KINDS) == 18
    assert main([str(tmp_path), "--kinds", "note", "--model", str(tmp_path)]) == FailureError("").exit_status
