"""Players held against a reference: draws, floors, intervals, memorising, the distance that sums up, the table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from jamd.contract.chart import parse_chart
from jamd.contract.errors import FailureError, UsageError
from jamd.contract.units import SAMPLE_RATE
from model.evaluate.personal import Comparison, Options, Reference, compare, read_reference, to_table
from model.evaluate.personal.clips import Clip, hear, missing
from model.evaluate.personal.compare import measure
from model.evaluate.personal.draws import Estimate, centred, draw, estimate
from model.evaluate.personal.measures import DISTANCES
from model.evaluate.personal.memory import closest, longest
from model.evaluate.personal.requests import make_requests
from model.evaluate.personal.summary import TERMS, distance, excess, scales_of
from model.generator.clip import ClipRequest, frames_of_bars
from model.metrics import musicnn, transcribe
from model.metrics.heard import Floats
from model.metrics.plain import plain

CHART = parse_chart("| Dm7 | G7 | Cmaj7 | A7 |")
QUICK = Options(samples=4, seconds=4.0, draws=6, bootstraps=20)


def comping(request: ClipRequest, hertz: float, partials: int, places: tuple[float, ...]) -> Floats:
    """A low root on every beat, and plucked chords of the chart at some places of every bar."""
    rng = np.random.default_rng(request.seed)
    out = 1e-4 * rng.standard_normal((request.frames + SAMPLE_RATE, 2))
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    beat_s = 60.0 / request.tempo
    for beat in range(round(request.frames / SAMPLE_RATE / beat_s)):
        notes = [(float(beat), 65.4, request.chart.chord_at(beat).pitch_classes[:1])]
        bar = beat // request.chart.beats_per_bar * request.chart.beats_per_bar
        notes += [(bar + place, hertz, request.chart.chord_at(bar + place).pitch_classes) for place in places if int(bar + place) == beat]
        for when, low, tones in notes:
            at = max(round((when * beat_s + rng.normal(0, 0.004)) * SAMPLE_RATE), 0)
            for tone in tones:
                wave = sum(np.sin(2 * np.pi * low * 2 ** (tone / 12) * (k + 1) * time) / (k + 1) ** 1.5 for k in range(partials))
                out[at : at + len(time)] += 0.05 * (wave * np.exp(-6 * time))[:, None]
    return out[: request.frames].astype(np.float32)


def soft(request: ClipRequest) -> Floats:
    return comping(request, 261.6, 3, (0.0, 2.0))


def sharp(request: ClipRequest) -> Floats:
    return comping(request, 523.3, 14, (0.5, 1.5, 2.5, 2.75, 3.5))


def request(seed: int, tempo: float = 120.0) -> ClipRequest:
    return ClipRequest(CHART, tempo, frames_of_bars(2, tempo, 4), seed=seed, parts={"piano": True})


@pytest.fixture(scope="module")
def played() -> dict[str, list[Clip]]:
    """Heard from the same ears: eight clips of the player in four pieces, four more, four of another player."""

    def clips(name: str, first: int, count: int, player: object, pieces: int = 0) -> list[Clip]:
        out = []
        for index in range(count):
            asked = request(first + index)
            piece = f"{name} {index % pieces}" if pieces else ""
            out.append(hear(player(asked), None, name=f"{name} {index}", piece=piece))  # type: ignore[operator]
        return out

    return {"player": clips("player", 0, 8, soft, 4), "again": clips("again", 100, 4, soft), "other": clips("other", 200, 4, sharp)}


@pytest.fixture(scope="module")
def found(played: dict[str, list[Clip]]) -> Comparison:
    reference = Reference(tuple(played["player"]), (), (), "")
    return measure({"other": played["other"], "again": played["again"]}, reference, QUICK)


def test_draws_are_apart_and_of_one_size() -> None:
    rng = np.random.default_rng(0)
    pieces = ["a", "a", "a", "b", "b", "c", "c", "d", "e"]
    for _ in range(50):
        one = draw(pieces, 4, rng)
        assert not {pieces[i] for i in one.player} & {pieces[i] for i in one.again}
        assert len(one.again) <= 4 and len(one.renders) == len(set(one.renders)) == len(one.again)
        few = draw(["a"] * 5, 10, rng, replace=True)
        assert sorted([*few.player, *few.again]) == [0, 1, 2, 3, 4]
        assert len(few.again) == len(few.renders) == 2


def test_intervals() -> None:
    around = centred(3.0, np.array([9.0, 11.0, np.nan]))
    assert around[:2].tolist() == [2.0, 4.0]
    found = estimate(3.0, around)
    assert found.low < 3.0 < found.high
    assert np.isnan(estimate(float("nan"), around).value)


def test_the_player_is_nearer_to_himself(found: Comparison) -> None:
    for name in ("mel spectral distance", "audio feature distance", "onset density distance"):
        other, again, floor = found.values["other"][name], found.values["again"][name], found.floors[name]
        assert again.value < other.value
        assert floor.value < other.value
        assert again.low <= again.value <= again.high
        assert found.changes["again"][name].high < 0
    assert found.values["again"]["spectral similarity"].value > found.values["other"]["spectral similarity"].value


@pytest.mark.skipif(not musicnn.available(), reason="musicnn is not installed")
def test_fad_is_less_for_the_player(found: Comparison) -> None:
    assert found.values["again"]["FAD, musicnn"].value < 0.5 * found.values["other"]["FAD, musicnn"].value


@pytest.mark.skipif(not transcribe.available(), reason="no transcriber is installed")
def test_notes_are_nearer_for_the_player(found: Comparison) -> None:
    for name in ("note density distance", "syncopation distance", "pitch class distance"):
        assert found.values["again"][name].value < found.values["other"][name].value, name


def test_the_distance_is_one_for_the_base_and_less_for_the_player(found: Comparison) -> None:
    assert set(TERMS) <= {one.name for one in DISTANCES}
    assert set(found.terms) == {"other", "again"} and {"mel spectral distance", "audio feature distance"} <= set(found.terms["again"])
    ratio = found.distances["again"]
    assert ratio.value == pytest.approx(np.mean(list(found.terms["again"].values())) / np.mean(list(found.terms["other"].values())))
    assert ratio.value < 0.5 and ratio.high < 1.0


def test_distance_counts_what_is_above_the_floor_and_clear_of_noise() -> None:
    one, two, three = TERMS[:3]
    floors = {one: Estimate(1.0, 0.5, 1.5), two: Estimate(1.0, 0.5, 1.5), three: Estimate(1.0, 0.0, 3.0)}
    base = {one: 5.0, two: 3.0, three: 2.0}  # the last is no farther than the player is from himself
    scales = scales_of(base, floors, [one, two, three])
    assert scales == {one: 4.0, two: 2.0, three: 2.0}
    assert {name: float(value) for name, value in excess(base, floors, scales).items()} == {one: 1.0, two: 1.0, three: 0.5}
    half = {one: np.array([3.0, 3.0]), two: np.array([0.0, 0.0]), three: np.array([2.0, 5.0])}
    np.testing.assert_allclose(distance(half, floors, scales), [(0.5 + 0.0 + 0.5) / 3, (0.5 + 0.0 + 2.0) / 3])


def test_a_copied_line_is_found_but_not_in_its_own_piece(played: dict[str, list[Clip]]) -> None:
    line = tuple((step % 5 - 2, 0) for step in range(12))
    learned = [replace(played["player"][0], piece="one", line=line), replace(played["player"][1], piece="two", line=())]
    copy = replace(played["again"][0], piece="render", line=((7, 0), *line[2:10], (9, 0)))
    assert longest(learned, [copy, replace(copy, piece="one"), replace(copy, line=None)]) == [9.0, 0.0, 0.0]


def test_copied_sound_is_found(played: dict[str, list[Clip]]) -> None:
    """Two seconds late, in noise, louder and duller."""
    rng = np.random.default_rng(3)
    audio = np.concatenate([soft(request(77)) for _ in range(2)])
    late = np.pad(audio, ((2 * SAMPLE_RATE, 0), (0, 0)))
    copy = np.cumsum(late + 0.01 * rng.standard_normal(late.shape), axis=0)
    copy = (copy[8:] - copy[:-8]).astype(np.float32)
    learned = hear(audio, None, name="learned")
    found = hear(copy, None, name="copy")
    assert closest([learned], [found])[0] > 0.9
    assert closest([learned], [replace(found, piece="learned")]) == [0.0]
    assert closest([learned], played["other"])[0] < 0.7


def test_the_table_says_everything(found: Comparison) -> None:
    text = to_table(found)
    for one in found.measures:
        assert one.name in text
    assert "distance to the player, other being 1: again" in text
    assert "better" in text
    numbers = json.loads(json.dumps(plain(found.as_dict()), allow_nan=False))
    assert numbers["distance"]["again"]["value"] < 1
    assert numbers["measures"]["mel spectral distance"]["player"]["low"] <= numbers["measures"]["mel spectral distance"]["player"]["high"]


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(musicnn, "available", lambda: False)
    monkeypatch.setattr(transcribe, "available", lambda: False)
    clip = hear(soft(request(1)), None, name="a")
    assert clip.musicnn is clip.notes is clip.syncopation is clip.fit is None
    assert len(missing(None)) == 3 and all("pip install" in line or "model" in line for line in missing(None))


def test_too_little_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be measured"):
        hear(np.zeros((SAMPLE_RATE, 2), np.float32), None, name="a")


def test_a_folder_is_a_reference(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_reference([tmp_path], None)
    for index in range(2):
        asked = ClipRequest(CHART, 120.0, frames_of_bars(16, 120.0, 4), seed=index)
        soundfile.write(tmp_path / f"{index}.wav", soft(asked), SAMPLE_RATE)
    reference = read_reference([tmp_path], None)
    assert len(reference.clips) >= 4 and len(reference.heard) == len(reference.clips)
    assert reference.seconds == pytest.approx(64.0, abs=8.0)
    assert reference.learned == ()
    requests, about = make_requests(reference, QUICK)
    assert [one.seed for one in requests] == [1, 2, 3, 4] and "4 samples" in about[0]
    assert {tuple(name for name, on in one.parts.items() if on) for one in requests} == {reference.parts}
    same, _ = make_requests(reference, QUICK.given(parts=("horn",), seed=None))
    assert [(one.chart, one.tempo, one.frames) for one in same] == [(one.chart, one.tempo, one.frames) for one in requests]
    assert all(one.parts["horn"] and not one.parts["piano"] for one in same)
    known = read_reference([tmp_path], None, learned_hash=reference.data_hash)
    assert any("learned from" in remark for remark in known.remarks)
    out = tmp_path / "renders"
    result = compare({"base": sharp, "me": soft}, known, QUICK.given(samples=2), out=out)
    assert sorted(path.name for path in out.iterdir()) == ["base-01.wav", "base-02.wav", "me-01.wav", "me-02.wav"]
    assert result.distances["me"].value < 1
    assert any("learned from" in line for line in result.about)
    with pytest.raises(FailureError):
        compare({"base": lambda one: np.full((one.frames, 2), np.nan, np.float32)}, known, QUICK)
