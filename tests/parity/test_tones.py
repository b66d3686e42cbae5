"""Tones: the excitation is exact, and the compiled and the static path add what the network adds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jamd.contract.units import FRAME_SAMPLES, SAMPLE_RATE
from model.codec import Codec
from model.codec.codec import CEILING
from model.codec.compiled_tones import CompiledToneDecoder
from model.codec.mdct import mdct_basis
from model.codec.tones import HEARD, Tones, band_matrix, sources_of
from model.conditioning import ROLL_WIDTH
from model.config import CodecConfig, PlayerConfig, TonesConfig
from model.corpus.notes import make_notes
from model.generator.frame import Frame
from model.generator.player import Player
from model.layers.excitation import METAL, ROW_SOURCE, SKIN, SOURCES, excite
from model.layers.hits import RING
from model.layers.timbres import HARMONICS, TUNED, Timbres

from tests.parity.test_voices import round_weights  # isort: skip

CODEC = CodecConfig(width=32, encoder_blocks=1, decoder_blocks=2, latent=16, levels=3, codebook_size=64)
TIMBRES = Timbres.plain()


@pytest.fixture(scope="module")
def networks() -> tuple[Codec, Tones]:
    torch.manual_seed(8)
    codec = Codec(CODEC).eval().requires_grad_(False)
    tones = Tones(TonesConfig(latent=16, width=24, blocks=2, bands=10)).eval().requires_grad_(False)
    for module in (codec.decoder, tones):
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2)
    for book in codec.quantizer.books():
        book.codes.copy_(torch.randn_like(book.codes))
    tones.scale.fill_(0.7)
    tones.share.fill_(0.4)
    tones.colour.copy_(torch.randn_like(tones.colour) * 0.3)
    round_weights(codec.decoder)
    weight = tones.roll.weight.data.clone()
    round_weights(tones)
    scale = weight.abs().amax(dim=0, keepdim=True).clamp(min=1e-8) / 127  # this one a column at a time
    tones.roll.weight.data = torch.round(weight / scale) * scale
    return codec, tones


def notes() -> np.ndarray:
    return make_notes([(0, 60, 100, 0.5, 1.0), (1, 36, 90, 0.0, 2.0), (2, 51, 90, 0.3, 0.2), (3, 70, 80, 0.7, 0.6)], 120.0)


def test_bands_sum_to_one() -> None:
    matrix = band_matrix(24, 640)
    torch.testing.assert_close(matrix.sum(dim=0), torch.ones(640))
    assert (matrix.argmax(dim=0).diff() >= 0).all()


def test_excitation_is_in_tune_and_in_time() -> None:
    sound = excite(make_notes([(0, 69, 100, 0.5, 2.0)], 120.0), 0, SAMPLE_RATE, TIMBRES)
    first = round(0.25 * SAMPLE_RATE)
    assert not sound[0, :first].any() and sound[0, first + 5 : first + 200].any()
    assert not sound[1:].any()
    part = sound[0, first : first + 32_768]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 18))
    assert np.argmax(spectrum) * SAMPLE_RATE / (1 << 18) == pytest.approx(440.0, abs=0.5)


def test_partials_of_a_stiff_string_are_stretched() -> None:
    stiff = TIMBRES._replace(stretch=np.full_like(TIMBRES.stretch, 1e-3), partials=TIMBRES.partials.copy())
    stiff.partials[:, :, np.arange(HARMONICS) != 7] = -20.0  # the eighth alone
    part = excite(make_notes([(0, 57, 100, 0.0, 4.0)], 120.0), 0, SAMPLE_RATE, stiff)[0, 4800:37_568]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 18))
    assert np.argmax(spectrum) * SAMPLE_RATE / (1 << 18) == pytest.approx(8 * 220.0 * np.sqrt(1 + 64e-3), abs=1.0)


def test_a_note_decays_as_its_table_says() -> None:
    sound = excite(make_notes([(0, 60, 80, 0.0, 8.0)], 120.0), 0, 2 * SAMPLE_RATE, TIMBRES)[0]
    early, late = (np.sqrt((sound[at : at + 9600] ** 2).mean()) for at in (9600, 67_200))
    assert 20 * np.log10(late / early) == pytest.approx(-0.8 * 1.2 * 8.686, abs=0.3)


def test_excitation_needs_no_state() -> None:
    whole = excite(notes(), 0, 150 * FRAME_SAMPLES, TIMBRES)
    pieces = np.concatenate([excite(notes(), at * FRAME_SAMPLES, FRAME_SAMPLES, TIMBRES) for at in range(150)], axis=1)
    assert np.array_equal(whole, pieces)
    later = excite(notes(), 33 * FRAME_SAMPLES, 20 * FRAME_SAMPLES, TIMBRES)
    assert np.array_equal(later, whole[:, 33 * FRAME_SAMPLES : 53 * FRAME_SAMPLES])
    assert np.abs(np.diff(whole[:TUNED], axis=1)).max() < 0.6  # no click between hops
    assert not whole[:TUNED, -FRAME_SAMPLES:].any()  # released
    rings = (round(0.15 * SAMPLE_RATE) + RING) // FRAME_SAMPLES + 2
    assert not excite(notes(), rings * FRAME_SAMPLES, FRAME_SAMPLES, TIMBRES)[TUNED:].any()


def test_hits_are_made_once_for_the_same_tables() -> None:
    tones = Tones(TonesConfig(latent=16, width=24, blocks=2, bands=10))
    made = tones.orchestra()
    assert tones.orchestra() is made
    tones.timbre_attacks.mul_(2.0)
    twice = tones.orchestra().hits
    assert np.allclose(twice[:, :, :2000], 2.0 * made.hits[:, :, :2000]) and made.hits[:, :, :2000].any(axis=2).all()


def test_louder_notes_are_louder() -> None:
    for part, pitch, source in ((3, 60, 2), (2, 51, METAL), (2, 36, SKIN)):
        soft, loud = (excite(make_notes([(part, pitch, velocity, 0.0, 1.0)], 120.0), 0, 9600, TIMBRES)[source] for velocity in (40, 120))
        assert np.abs(loud).max() > 2 * np.abs(soft).max() > 0


def test_each_drum_sounds_in_its_source() -> None:
    sound = excite(make_notes([(2, 36, 100, 0.0, 0.2)], 120.0), 0, 9600, TIMBRES)
    assert sound[SKIN].any() and not sound[np.arange(SOURCES) != SKIN].any()
    assert set(ROW_SOURCE) == set(range(TUNED, SOURCES))
    ride = excite(make_notes([(2, 51, 100, 0.1, 0.2)], 120.0), 0, 4800, TIMBRES)[METAL]
    assert not ride[:2400].any() and ride[2410:2600].any()


def inputs(steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    roll = (rng.random((steps, ROLL_WIDTH)) * (rng.random((steps, ROLL_WIDTH)) < 0.02)).astype(np.float32)
    roll[:, -1] = np.arange(steps) >= 10  # the first without a plan
    return rng.integers(0, 64, (steps, 3)), roll, excite(notes(), 0, steps * FRAME_SAMPLES, TIMBRES)


def reference(codec: Codec, tones: Tones, codes: np.ndarray, roll: np.ndarray, sound: np.ndarray, noise: torch.Tensor) -> np.ndarray:
    """The whole passage at once, by the batch methods that training uses."""
    latents = codec.quantizer.decode(torch.from_numpy(codes)[None])
    spectrum = codec.expand(codec.from_latents(latents).clamp(-CEILING, CEILING))
    before = np.concatenate([np.zeros((SOURCES, FRAME_SAMPLES), np.float32), sound], axis=1)
    sources, spectrum = sources_of(torch.from_numpy(before)[None], codec.basis), tones.dim(spectrum, torch.from_numpy(roll)[None])
    gains = tones.gains(latents, torch.from_numpy(roll)[None], tones.levels(spectrum, sources))
    spectrum = tones.apply_gains(gains, spectrum, sources, noise)
    return codec.synthesise_step(spectrum, codec.make_decoder_state())[0].T.numpy()


class Fixed:
    """Numbers that are known beforehand, as a generator gives them."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = list(rows)

    def standard_normal(self, out: np.ndarray, dtype: object) -> None:
        out[:] = self.rows.pop(0)


def test_compiled_tones_are_those_of_the_network(networks: tuple[Codec, Tones]) -> None:
    codec, tones = networks
    codes, roll, sound = inputs(40)
    noise = torch.randn(1, 40, 2, FRAME_SAMPLES)
    wanted = reference(codec, tones, codes, roll, sound, noise)
    decoder, rng = CompiledToneDecoder(codec, tones), Fixed(noise[0].numpy())
    for step in range(40):
        part = sound[:, step * FRAME_SAMPLES : (step + 1) * FRAME_SAMPLES]
        ours = decoder.tone_step(codes[step], roll[step : step + 1], part, rng)  # type: ignore[arg-type]
        theirs = wanted[step * FRAME_SAMPLES : (step + 1) * FRAME_SAMPLES]
        assert np.abs(ours - theirs).max() < 2e-5 * max(np.abs(wanted).max(), 1.0), step


def test_static_frame_has_the_tones_of_the_network(networks: tuple[Codec, Tones]) -> None:
    codec, tones = networks
    noise = slice(tones.config.bands * 2 * SOURCES, tones.config.bands * (2 * SOURCES + 1))
    tones.leave.bias.data[noise], tones.leave.weight.data[noise] = -30.0, 0.0  # another test's
    player = Player(
        PlayerConfig(width=16, layers=1, heads=2, feedforward=32, window=8, levels=3, codebook_size=64, latent=16, depth_width=16)
    )
    player.set_codebooks(torch.stack([book.codes for book in codec.quantizer.books()]))
    frame = Frame(player.eval().requires_grad_(False), codec, tones=tones)
    codes, roll, sound = inputs(30)
    wanted = reference(codec, tones, codes, roll, sound, torch.zeros(1, 30, 2, FRAME_SAMPLES))
    for step in range(30):
        frame.given.copy_(torch.from_numpy(codes[step]))
        frame.roll.copy_(torch.from_numpy(roll[None, step : step + 1]))
        frame.excitation.copy_(torch.from_numpy(sound[None, :, step * FRAME_SAMPLES : (step + 1) * FRAME_SAMPLES]))
        frame()
        theirs = wanted[step * FRAME_SAMPLES : (step + 1) * FRAME_SAMPLES]
        assert np.abs(frame.audio[0].T.numpy() - theirs).max() < 1e-4 * max(np.abs(wanted).max(), 1.0), step


def test_fresh_tones_leave_the_decoder_as_it_is() -> None:
    """But for sources at -26 dB and noise at -60 dB, from which training starts."""
    tones = Tones(TonesConfig())
    spectrum = torch.randn(1, 3, 2, 640)
    gains = tones.gains(torch.randn(1, 3, 64), torch.zeros(1, 3, ROLL_WIDTH), torch.zeros(1, 3, HEARD * tones.config.bands))
    out = tones.apply_gains(gains, spectrum, torch.zeros(1, 3, SOURCES, 640), torch.zeros(1, 3, 2, 640))
    torch.testing.assert_close(out, spectrum)
    assert mdct_basis(640).shape == (1280, 640)
