"""What the base plays for those who learn from it, and the sound of an instrument, with the shipped model."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import butter, sosfilt

from jamd.contract.units import FRAME_RATE, SAMPLE_RATE
from model.corpus.piece import Piece
from model.corpus.render import render_mix
from model.generator.models import Models, load_models
from model.layers.chamber import SOURCES
from model.learning import colour, instrument, replay
from model.learning.colour import Passage, fit_colour
from model.learning.examples import Example
from model.learning.instrument import choose_instruments, nearest
from model.learning.losses import planner_losses, player_losses
from model.learning.prepare import Prepared, prepare
from model.learning.replay import load_replay, play_piece
from model.training.planner import crop
from model.training.timbres import sound_of
from tests.unit.model.learning.files import write


@pytest.fixture(scope="module")
def playing() -> Models:
    return load_models("small")


@pytest.fixture(scope="module")
def whole() -> Models:
    return load_models("small", compiled=False)


@pytest.fixture(scope="module")
def played(playing: Models, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one piece that the base played."""
    folder = tmp_path_factory.mktemp("replay")
    load_replay(playing, folder, 1.0)
    return folder


def test_the_base_foretells_its_own_playing(playing: Models, whole: Models, played: Path) -> None:
    (piece,) = load_replay(playing, played, 1.0)
    assert len(piece.codes) == len(piece.controls) == len(piece.roll) > 10 * FRAME_RATE
    rng = np.random.default_rng(0)
    items = [piece.draw(rng, 256, 8)]
    with torch.no_grad():
        known = float(player_losses(whole.player, items, "cpu").mean())
        codes, *rest = items[0]
        strange = float(player_losses(whole.player, [(rng.permutation(codes), *rest)], "cpu").mean())
        events = piece.planner_piece()
        losses, counts = planner_losses(whole.planner, [crop(events, rng, 96, 1.0)], "cpu")
    assert known < 0.8 * strange
    assert float(losses.sum() / counts.sum()) < 6.0
    again = play_piece(playing, 0)
    np.testing.assert_array_equal(again.codes, piece.codes)
    np.testing.assert_array_equal(again.events, piece.events)


def test_what_was_played_is_not_played_again_but_for_another_base(
    playing: Models, played: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "replay"
    shutil.copytree(played, folder)
    (kept,) = load_replay(playing, folder, 1.0)
    asked: list[tuple[str, int]] = []

    def play(models: Models, seed: int) -> replay.ReplayPiece:
        asked.append((models.base, seed))
        return kept

    monkeypatch.setattr(replay, "play_piece", play)
    load_replay(playing, folder, 1.0)
    assert asked == []
    before = (folder / "0000.npz").stat().st_mtime_ns
    load_replay(replace(playing, base="another"), folder, 1.0)
    assert asked == [("another", 0)] and (folder / "0000.npz").stat().st_mtime_ns != before


def passage(tones: torch.nn.Module, seed: int, lift: torch.Tensor | None = None) -> Passage:
    """A source of noise at full level under gains of nothing; what is to come of it is the same with `lift`."""
    generator = torch.Generator().manual_seed(seed)
    bands = tones.config.bands  # type: ignore[union-attr]
    sources = torch.randn(1, 300, SOURCES, 640, generator=generator) * 0.05
    gains, spectrum = torch.full((1, 300, len(tones.colour)), -6.0), torch.randn(1, 300, 2, 640, generator=generator) * 1e-4  # type: ignore[arg-type]
    gains[..., : SOURCES * bands] = 0.0
    one = Passage(gains, spectrum, sources, torch.zeros(1, 300, 2, bands), np.zeros((300, 4), np.int64))
    made = tones.apply_gains(gains if lift is None else gains + lift, spectrum, sources, torch.zeros_like(spectrum))  # type: ignore[operator]
    share = tones.bands / tones.bands.sum(dim=1, keepdim=True)  # type: ignore[operator, union-attr]
    return replace(one, powers=made.square() @ share.T)


def test_a_duller_instrument_is_found(whole: Models, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tones = whole.tones
    assert tones is not None
    dull = torch.zeros(len(tones.colour))
    dull[20:32] = -1.5  # the piano's upper bands
    monkeypatch.setattr(colour, "passage", lambda models, codec, tones, example, seed, sounds: passage(tones, seed, dull))
    monkeypatch.setattr(colour, "chosen_clips", lambda examples, seconds: examples)
    monkeypatch.setattr(colour, "_nearest", lambda whole, codec, tones, checked, examples, found: found)

    class Clip(Example):
        seconds = 30.0  # type: ignore[assignment]

    prepared = Prepared(tmp_path, [], np.zeros(512, np.float32), 0, 0, 0, "")
    monkeypatch.setattr(Prepared, "training", [Clip(tmp_path)] * 3)
    monkeypatch.setattr(Prepared, "held_out", [Clip(tmp_path)])
    result = fit_colour(whole, whole, prepared, 1)
    assert result is not None
    found, fitted = result
    assert fitted.held_out < 0.4 * fitted.base
    assert float(found[21:31].mean()) < -0.5
    hiss = slice(2 * SOURCES * tones.config.bands, (2 * SOURCES + 2) * tones.config.bands)
    assert float(found[hiss].max()) <= 0.0, "never more noise"


def test_a_colour_that_does_not_hold_for_other_clips_is_left_out(whole: Models, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tones = whole.tones
    assert tones is not None
    dull, bright = torch.zeros(len(tones.colour)), torch.zeros(len(tones.colour))
    dull[20:32], bright[20:32] = -1.5, 1.2

    class Clip(Example):
        seconds = 30.0  # type: ignore[assignment]

    learnt, other = Clip(tmp_path / "learnt"), Clip(tmp_path / "other")
    monkeypatch.setattr(
        colour, "passage", lambda models, codec, tones, example, seed, sounds: passage(tones, seed, bright if example is other else dull)
    )
    monkeypatch.setattr(colour, "chosen_clips", lambda examples, seconds: examples)
    monkeypatch.setattr(colour, "_nearest", lambda whole, codec, tones, checked, examples, found: found)
    prepared = Prepared(tmp_path, [], np.zeros(512, np.float32), 0, 0, 0, "")
    monkeypatch.setattr(Prepared, "training", [learnt] * 3)
    monkeypatch.setattr(Prepared, "held_out", [other])
    assert fit_colour(whole, whole, prepared, 1) is None


def test_the_sound_of_real_clips(
    playing: Models, whole: Models, solo: tuple[object, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piano recorded through a dull filter comes nearer, on a clip of which it was not learnt too."""
    dull = 2 * sosfilt(butter(1, 900, output="sos", fs=SAMPLE_RATE), solo[1][: 26 * SAMPLE_RATE], axis=0).astype(np.float32)
    prepared = prepare([write(tmp_path / "solo.flac", dull)], whole, tmp_path / "made", force=True, plays=("piano",))
    assert all(example.powers is not None and len(example.powers) == example.steps for example in prepared.examples)
    learnt, kept = prepared.examples
    assert learnt.notes is not None and kept.notes is not None
    monkeypatch.setattr(Prepared, "training", [learnt])
    monkeypatch.setattr(Prepared, "held_out", [kept])
    monkeypatch.setattr(colour, "LEAST_S", 8.0)
    monkeypatch.setattr(colour, "STEPS", 60)
    told: list[str] = []
    result = fit_colour(playing, whole, prepared, 1, lambda text, share: told.append(text))
    assert told and result is not None
    found, fitted = result
    assert fitted.held_out < 0.95 * fitted.base
    assert 0.1 < float(found.abs().max()) <= colour.LARGEST


def test_another_instrument_has_to_be_clearly_nearer() -> None:
    assert nearest({"grand": 1.0, "vibes": 0.98}, "grand") == "grand"
    assert nearest({"grand": 1.0, "vibes": 0.9, "organ": 0.8}, "grand") == "organ"


def test_the_instrument_that_was_played_is_found(
    playing: Models, whole: Models, solo: tuple[Piece, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same notes, recorded once on an electric piano, once on a grand: a table is chosen that is of the right kind."""
    monkeypatch.setattr(instrument, "LEAST_S", 8.0)
    monkeypatch.setattr(instrument, "SECONDS", 10.0)
    chosen = {}
    for name in ("rhodes", "grand"):
        piece = replace(solo[0], sounds={**solo[0].sounds, "piano": sound_of("piano", name)})
        clip = write(tmp_path / f"{name}.flac", render_mix(piece)[: 26 * SAMPLE_RATE])
        prepared = prepare([clip], whole, tmp_path / f"made-{name}", force=True, plays=("piano",))
        monkeypatch.setattr(Prepared, "training", [example for example in prepared.examples if example.notes is not None][:1])
        result = choose_instruments(playing, whole, prepared, 1)
        assert result is not None
        chosen[name] = result[0]["piano"]
        assert result[1].held_out <= result[1].base and name in result[1].ended
    assert chosen["grand"] in ("grand", "bright", "steinway", "yamaha")
    assert chosen["rhodes"] in ("rhodes", "guitar", "vibes"), chosen


def test_a_band_has_no_instrument_of_its_own(playing: Models, whole: Models, tmp_path: Path) -> None:
    prepared = Prepared(tmp_path, [], np.zeros(512, np.float32), 0, 0, 0, "")
    assert choose_instruments(playing, whole, prepared, 1) is None
