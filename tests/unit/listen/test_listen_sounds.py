"""What is put before the listener: from recordings to trials, and from renders to files that tell nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from jamd.adapter_folders import find_adapter
from jamd.contract.chart import parse_chart
from jamd.contract.errors import AdapterError, UsageError
from jamd.contract.units import SAMPLE_RATE
from jamd.listen.plan import TRIO, Plan, Setting, make_plan
from jamd.listen.run import Order, Wanted, begin
from jamd.listen.sounds import LOUDNESS, PEAK_DB, clip_sound, make_session, matched, request_of, side
from jamd.listen.trials import BASE, Session, Side, read_session
from model.adapters.format import read_manifest
from model.adapters.rack import FADE_STEPS, AdapterRack
from model.corpus.piece import make_piece
from model.corpus.render import render_mix
from model.generator.clip import ClipRender
from model.generator.models import Models
from model.learning.recordings import Recording, data_hash, open_recording
from model.learning.survey import survey
from model.metrics.loudness import loudness
from tests.unit.model.adapters.rig import tiny_models, write_random


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Piano and bass for 40 s at 132 bpm."""
    folder = tmp_path_factory.mktemp("player")
    piece = make_piece(40, tempo=132.0, bars=22, feel="swing", parts=(True, True, False, False), density=0.5)
    soundfile.write(folder / "take.wav", render_mix(piece), SAMPLE_RATE)
    return folder


def noise(seconds: float, gain: float, seed: int = 1) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((round(seconds * SAMPLE_RATE), 2)) * gain).astype(np.float32)


def test_sounds_of_a_trial_are_equally_loud() -> None:
    quiet, loud, peaked = noise(2, 0.003), noise(3, 0.1, 2), noise(2, 0.02, 3)
    found = matched([quiet, loud])
    assert [loudness(one, SAMPLE_RATE) for one in found] == pytest.approx([LOUDNESS] * 2, abs=1e-3)
    peaked[1000] = 0.9  # far above the rest: all three come down until it fits
    found = matched([quiet, loud, peaked])
    levels = [loudness(one, SAMPLE_RATE) for one in found]
    assert levels == pytest.approx([levels[0]] * 3, abs=1e-3) and levels[0] < LOUDNESS - 3
    assert max(20 * np.log10(np.abs(one).max()) for one in found) == pytest.approx(PEAK_DB, abs=1e-3)
    silence = np.zeros((SAMPLE_RATE, 2), np.float32)
    found = matched([silence, loud])
    assert not found[0].any() and loudness(found[1], SAMPLE_RATE) == pytest.approx(LOUDNESS, abs=1e-3)


def test_trials_follow_the_recordings(recordings: Path) -> None:
    plan = make_plan(recordings, 5, np.random.default_rng(1))
    assert plan.parts == ("piano", "bass")
    for setting in plan.settings:
        assert setting.clip is not None
        assert setting.tempo == pytest.approx(132.0, rel=0.02)
        request = request_of(setting, plan.parts, 4.0, 9)
        bars = request.frames / SAMPLE_RATE * setting.tempo / 60 / setting.chart.beats_per_bar
        assert bars == pytest.approx(round(bars), abs=1e-3) and abs(request.frames / SAMPLE_RATE - 4.0) < 1.0
        assert {name for name, on in request.parts.items() if on} == {"piano", "bass"}
        sound = clip_sound(setting, 4.0)
        assert sound is not None and len(sound) == 4 * SAMPLE_RATE and not sound[0].any() and not sound[-1].any()
    assert any("heard again" in one for one in plan.remarks)


def test_what_was_learned_from_is_not_played_where_there_is_else(recordings: Path) -> None:
    """Of one piece the end is held out."""
    recording = open_recording(recordings / "take.wav")
    assert isinstance(recording, Recording)
    learned = data_hash([survey(recording).hash])
    plan = make_plan(recordings, 4, np.random.default_rng(2), learned=["0" * 64, learned], parts=("horn",))
    assert {setting.clip.held_out for setting in plan.settings if setting.clip} == {True}
    assert all(setting.clip.start_s > 20 for setting in plan.settings if setting.clip)
    assert "only what was held out is played, 1 of 2 clips" in plan.remarks[0] and plan.parts == ("horn",)


def test_without_recordings(tmp_path: Path) -> None:
    plan = make_plan(None, 12, np.random.default_rng(3))
    assert plan.parts == TRIO and len({setting.chart.text() for setting in plan.settings}) == 12
    assert "--reference" in plan.remarks[0]
    assert clip_sound(plan.settings[0], 4.0) is None
    with pytest.raises(UsageError):
        make_plan(tmp_path, 3, np.random.default_rng(3))


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Models:
    """Small untrained networks, and adapters `ann` and `bo` for them."""
    monkeypatch.setenv("JAMD_HOME", str(tmp_path))
    models = tiny_models(compiled=False)
    for seed, name in enumerate(("ann", "bo")):
        write_random(tmp_path / "adapters", models, name, seed, size=0.8)
    return models


def session(adapter: str, against: str) -> Session:
    return Session(
        id="20260101-000000-aaaaaa", created="", adapter=side(adapter, adapter), against=side(against, adapter), listener="me",
        model="tiny", parts=[], seed=5, trials=[],
    )  # fmt: skip


def made(root: Path, models: Models, adapter: str, against: str, plan: Plan) -> Path:
    return make_session(root, session(adapter, against), plan, models, 1.0, np.random.default_rng(5), lambda what, share: None)


def test_files_are_what_each_side_plays_and_tell_nothing(tmp_path: Path, models: Models) -> None:
    plan = Plan([Setting(parse_chart("| C |"), 300.0), Setting(parse_chart("| Dm7 G7 |"), 240.0)], ("piano", "bass"), ["as asked"])
    folder = made(tmp_path / "listening", models, "ann", BASE, plan)
    found = read_session(folder)
    assert folder.name == found.id and [one.name for one in (tmp_path / "listening").iterdir()] == [folder.name]
    assert sorted(trial.order[0] for trial in found.trials) == sorted(["ann", BASE])
    for trial, setting in zip(found.trials, plan.settings, strict=True):
        assert set(trial.order) == {"ann", BASE} and trial.x is None
        sounds = {}
        for name, file in zip(trial.order, (trial.a, trial.b), strict=True):
            sounds[name], rate = soundfile.read(folder / file, dtype="float32")
            assert rate == SAMPLE_RATE and len(Path(file).stem) == 16 and (folder / file).stat().st_mtime == 0
            alone = tiny_models(compiled=False)
            if name != BASE:
                rack = AdapterRack(alone)
                rack.load(find_adapter(name))
                rack.use([(name, 1.0)])
                rack.switch()
                for _ in range(FADE_STEPS):
                    rack.advance()
            render = ClipRender(alone, request_of(setting, plan.parts, 1.0, trial.seed))
            while not render.done:
                render.advance()
            expected = matched([render.audio])[0]
            gain = float((sounds[name] * expected).sum() / (expected**2).sum())
            assert np.abs(sounds[name] - gain * expected).max() < 1e-4  # 16 bits
        assert len(sounds["ann"]) == len(sounds[BASE])
        assert not np.allclose(sounds["ann"], sounds[BASE], atol=1e-3)
        levels = [loudness(one, SAMPLE_RATE) for one in sounds.values()]
        assert levels[0] == pytest.approx(levels[1], abs=0.05)
    assert (found.parts, found.remarks) == (["piano", "bass"], ["as asked"])


def test_a_session_that_fails_leaves_nothing(tmp_path: Path, models: Models) -> None:
    other = tiny_models(compiled=False, seed=9)
    with pytest.raises(AdapterError, match="another base"):
        made(tmp_path / "listening", other, "ann", BASE, make_plan(None, 2, np.random.default_rng(5)))
    assert not any((tmp_path / "listening").glob("*"))
    with pytest.raises(AdapterError):
        side("nobody", "nobody")


def test_hashes_of_sides(tmp_path: Path, models: Models) -> None:
    """Of what sounds: a new name is the same side, another scale or base is not."""
    ann, base = side("ann", "ann"), side(BASE, "ann")
    assert base.hash == read_manifest(find_adapter("ann")).base_hash and base.name == BASE
    (tmp_path / "adapters" / "ann").rename(tmp_path / "adapters" / "eve")
    path = tmp_path / "adapters" / "eve" / "manifest.json"
    manifest = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(manifest | {"name": "eve"}))
    assert side("eve", "eve").hash == ann.hash != side("bo", "bo").hash
    path.write_bytes(msgspec.json.encode(manifest | {"name": "eve", "alpha": 2.0 * manifest["alpha"]}))
    assert side("eve", "eve").hash != ann.hash


def test_one_adapter_under_two_names_is_no_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jamd.listen.sounds.side", lambda name, base_of: Side(name, "same"))
    with pytest.raises(UsageError, match="one adapter under two names"):
        begin(Order("anna", "copy"), Wanted())
