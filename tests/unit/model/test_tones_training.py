"""Training of the tones: the loss hears levels, timbres are measured right, crops fit together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from jamd.contract.units import FRAME_SAMPLES, SAMPLE_RATE
from model.codec import Codec
from model.codec.losses import MixLoss, mel_filters
from model.config import CodecConfig
from model.corpus.notes import make_notes
from model.layers import hits
from model.layers.chamber import SOURCES
from model.layers.excitation import LEVEL, excite
from model.layers.timbres import RESIDUAL, Tables
from model.training import timbres, tones
from model.training.store import StoredPiece

CODEC = CodecConfig(width=32, encoder_blocks=1, decoder_blocks=1, latent=16, levels=3, codebook_size=64)


def noise(seed: int, seconds: float = 1.0) -> torch.Tensor:
    return torch.randn(2, 2, round(seconds * SAMPLE_RATE), generator=torch.Generator().manual_seed(seed)) * 0.1


def test_the_loss_of_noise_is_least_at_the_right_level() -> None:
    """Other noise of the same power fits best at the power it has: what is compared is the level, not the grain."""
    loss, true, made = MixLoss(), noise(1), noise(2)
    found = {}
    for gain in (0.7, 0.85, 1.0, 1.18, 1.4):
        torch.manual_seed(0)
        found[gain] = float(loss(made * gain, true)[0])
    assert min(found, key=lambda gain: found[gain]) == 1.0
    torch.manual_seed(0)
    level, convergence = loss(true, true)
    assert float(level) == 0.0 and float(convergence) == 0.0


def test_the_loss_hears_a_note_that_is_a_semitone_off() -> None:
    time = torch.arange(SAMPLE_RATE) / SAMPLE_RATE
    a, same, off = (
        0.1 * torch.sin(2 * torch.pi * hz * time + phase).expand(1, 2, -1) for hz, phase in ((440.0, 0), (440.0, 1), (466.2, 0))
    )
    loss = MixLoss()
    assert float(loss(off, a)[1]) > 5 * float(loss(same, a)[1])


def test_partials_of_a_known_string_are_found() -> None:
    time = np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
    hz, stretch = 110.0, 4e-4
    places = [k * hz * np.sqrt(1 + stretch * k * k) for k in range(1, 13)]
    sound = sum(np.exp(-time / 0.7) / k * np.sin(2 * np.pi * place * time) for k, place in enumerate(places, 1))
    stereo = np.stack((sound, sound), axis=1)
    assert timbres._stretch(stereo, hz) == pytest.approx(stretch, rel=0.15)
    found = timbres._demodulated(stereo, places[2], 0.04, np.array([0.1, 0.8]))
    assert found == pytest.approx(np.exp(-np.array([0.1, 0.8]) / 0.7) / 3, rel=0.05)


def test_timbres_are_those_of_instruments() -> None:
    """Of the real soundfont: a piano's partials decay, higher ones are weaker and die sooner; a flute comes up slowly."""
    grand, flute = timbres.sound_of("piano", "grand"), timbres.sound_of("horn", "flute")
    loud, soft = (timbres._notes(grand, (60,), velocity)[0] for velocity in (timbres.VELOCITY, timbres.SOFT))
    logs, response, stretch = timbres._tuned(0, 60, loud, soft)
    assert logs[0, 0] > logs[11, 0] and logs[0, 0] > logs[0, -1] + 1.0
    assert 0 < stretch < 3e-3 and (response > 0.4).all()
    struck, blown = (timbres._attack_release(one, 0.06) for one in (loud, timbres._notes(flute, (72,), timbres.VELOCITY)[0]))
    assert struck[0] < 0.02 < blown[0]  # seconds in which they come up


def test_a_release_is_found() -> None:
    """Held at one level, then falling with a known time constant."""
    time = np.arange(7 * SAMPLE_RATE) / SAMPLE_RATE
    for seconds in (0.01, 0.06):
        level = np.exp(-np.maximum(time - timbres.HELD_S, 0.0) / seconds)
        sound = (level * np.sin(2 * np.pi * 220 * time))[:, None] * np.ones(2)
        assert timbres._attack_release(sound, 0.01)[1] == pytest.approx(seconds, abs=0.004)


def test_a_peak_at_the_edge_of_the_search_stays_there() -> None:
    power = np.exp(-np.abs(np.arange(1001) - 500.0) / 40)
    hz = SAMPLE_RATE / 2000
    assert timbres._peak(power, 500 * hz, 60 * hz) == pytest.approx(500 * hz, abs=hz)
    assert abs(timbres._peak(power, 400 * hz, 20 * hz) - 400 * hz) <= 25 * hz  # it only rises


def test_what_partials_lack_is_the_knock_and_not_the_note() -> None:
    """A string and a burst of noise at its beginning; the partials are the string: what is left is the burst."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    string = 0.1 * np.exp(-time / 0.5) * np.sin(2 * np.pi * 440 * time)
    knock = 0.03 * np.random.default_rng(1).standard_normal(len(time)) * np.exp(-time / 0.01)
    true = np.stack((string + knock, string + knock), axis=1)
    found = timbres._lacking(true, string)
    assert found.shape == (RESIDUAL,)
    assert np.abs(np.corrcoef(found, knock[:RESIDUAL])[0, 1]) > 0.9
    late = slice(RESIDUAL // 2, None)
    assert np.sqrt((found[late] ** 2).mean()) < 0.01 * np.sqrt((string[:RESIDUAL][late] ** 2).mean())
    assert np.abs(timbres._lacking(np.stack((string, string), axis=1), string)).max() < 1e-6


def test_a_pluck_from_its_tables_is_as_bright_as_the_bass() -> None:
    """Of the real soundfont: what no partial reaches, the first 50 ms above 1.5 kHz, is there, at any velocity."""
    bass = timbres.sound_of("bass", "upright")
    one = timbres._instrument("bass", "upright")
    residual, bite = timbres._residuals("bass", "upright", timbres._alone(one))
    whole = timbres._alone(one)
    whole = whole._replace(residual=np.broadcast_to(residual, whole.residual.shape).astype(np.float32))
    whole = whole._replace(bite=np.broadcast_to(bite, whole.bite.shape).astype(np.float32))

    def bright(sound: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(sound[:2400] * np.hanning(2400))) ** 2
        return float(10 * np.log10(power[np.fft.rfftfreq(2400, 1 / SAMPLE_RATE) > 1500].sum()))

    for pitch in (28, 37, 50):
        for velocity in (timbres.VELOCITY, 100):
            true = bright(timbres._notes(bass, (pitch,), velocity)[0].mean(axis=1))
            note = make_notes([(1, pitch, velocity, 0.0, 2.0)], 120.0)
            bare, made = (bright(excite(note, 0, 3200, tables)[1] / LEVEL) for tables in (timbres._alone(one), whole))
            assert abs(made - true) < 4.0, (pitch, velocity, true, bare, made)
            assert abs(bare - true) > abs(made - true)


def test_a_hit_from_its_tables_is_the_drum() -> None:
    """Of the real soundfont: the attack to the sample, and then the levels of the mel bands, which differ between drums by much more."""
    kit = timbres.sound_of("drums", "jazz")
    sounds = timbres._notes(kit, (51, 44, 36, 38), timbres.VELOCITY)
    tables = [timbres._hit(sound) for sound in sounds]
    assert {name: table.shape for name, table in zip(("attack", "lines", "bands"), tables[0], strict=True)} == {
        "attack": (hits.ATTACK,), "lines": (hits.LINES,), "bands": (hits.BANDS, len(hits.KNOTS_S)),
    }  # fmt: skip
    strokes = [hits.strokes(*(table.astype(np.float32) for table in found), index, 0.5) for index, found in enumerate(tables)]
    assert all(one.shape == (hits.TAKES, hits.RING) and one.dtype == np.float32 for one in strokes)
    made = [one[0] for one in strokes]
    exact = hits.ATTACK - hits.BLEND
    assert all(np.allclose(one[:exact], found[0][:exact], atol=1e-6) for one, found in zip(made, tables, strict=True))

    def mel(sound: np.ndarray) -> np.ndarray:
        """Levels of 40 bands in stretches of 60 ms, nats."""
        frames = np.lib.stride_tricks.sliding_window_view(sound, 4096)[::2880][:10] * np.hanning(4096)
        power = np.abs(np.fft.rfft(frames)) ** 2 @ mel_filters(2049, 40).numpy()
        return np.log(power + 1e-7) / 2

    true = [mel(sound[: hits.RING].mean(axis=1)) for sound in sounds]
    found = np.array([[np.abs(mel(one) - other).mean() for other in true] for one in made])
    assert (found.argmin(axis=1) == np.arange(len(sounds))).all()
    others = np.array([[[np.abs(mel(take) - other).mean() for other in true] for take in one[1:]] for one in strokes])
    assert (others.argmin(axis=2) == np.arange(len(sounds))[:, None]).all()  # every other stroke is of the same drum
    assert found.diagonal().max() < 0.5, found
    ride, pedal = made[0], made[1]
    late = slice(SAMPLE_RATE // 2, SAMPLE_RATE)
    assert np.abs(ride[late]).max() > 10 * np.abs(pedal[late]).max()


def test_prepared_crops_fit_together(tmp_path: Path) -> None:
    torch.manual_seed(3)
    codec = Codec(CODEC).eval().requires_grad_(False)
    for book in codec.quantizer.books():
        book.codes.copy_(torch.randn_like(book.codes))
    notes, steps = make_notes([(0, 60, 90, 1.0, 1.0), (2, 51, 90, 0.0, 0.2)], 120.0), 120
    codes = np.random.default_rng(0).integers(0, 64, (steps, 3)).astype(np.int16)
    for name, table in (("notes", notes), ("codes", codes), ("mix", np.zeros((steps * FRAME_SAMPLES, 2), np.int16))):
        np.save(tmp_path / f"{name}.npy", table)
    (tmp_path / "about.json").write_text(json.dumps({"instruments": {"piano": "vibes", "drums": "jazz"}}))
    piece = StoredPiece(tmp_path)
    assert not tones.is_ready(piece, 3)
    tones.prepare(piece, codec, Tables.plain().orchestra(), 3)
    assert tones.is_ready(piece, 3) and not tones.is_ready(piece, 3, drawn=True)
    sources = np.load(tmp_path / "sources.npy").astype(np.float32)
    onset = round(0.5 * SAMPLE_RATE) // FRAME_SAMPLES
    assert sources.shape == (steps, SOURCES, FRAME_SAMPLES)
    assert not sources[:onset, 0].any() and sources[onset + 1, 0].any() and sources[0, 5].any()
    crop = tones.draw(piece, np.random.default_rng(1), 32, 3)
    place = next(at for at in range(steps) if np.array_equal(codes[at : at + 32], crop.codes))
    assert np.array_equal(crop.sources, sources[place : place + 32])
    assert (crop.roll[:, -1] == 1).all() and crop.audio.shape == (2, 32 * FRAME_SAMPLES)
