"""Tones: the excitation is exact, and the compiled and the static path add what the network adds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jamd.contract.units import FRAME_RATE, FRAME_SAMPLES, SAMPLE_RATE
from model.codec import Codec
from model.codec.codec import CEILING
from model.codec.compiled_tones import CompiledToneDecoder
from model.codec.mdct import mdct_basis
from model.codec.tones import HEARD, Tones, band_matrix, sources_of
from model.conditioning import LOWEST, ROLL_WIDTH
from model.config import CodecConfig, PlayerConfig, TonesConfig
from model.corpus.notes import make_notes
from model.generator.frame import Frame
from model.generator.player import Player
from model.layers.chamber import CHAMBERS, SOURCES, Chamber, chambered
from model.layers.excitation import DIRECT, LEVEL, METAL, REFERENCE, ROW_SOURCE, SKIN, excite
from model.layers.hits import RING
from model.layers.timbres import HARMONICS, RESIDUAL, TUNED, ZONE, Timbres

from tests.parity.test_voices import round_weights  # isort: skip

CODEC = CodecConfig(width=32, encoder_blocks=1, decoder_blocks=2, latent=16, levels=3, codebook_size=64, bands=8)
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
    one, two = ((made.hits * made.steps[..., None])[..., :2000] for made in (made, tones.orchestra()))
    assert np.allclose(two, 2.0 * one, atol=1e-4 * np.abs(two).max()) and one.any(axis=-1).all()


def test_a_note_begins_with_its_residual_at_its_pitch() -> None:
    """A sine of 50 samples in the table: that long on the key it was measured on, a semitone shorter on the next, silent beyond its end."""
    sine = np.sin(2 * np.pi * np.arange(RESIDUAL) / 50).astype(np.float32)
    residual = np.zeros_like(TIMBRES.residual)
    residual[1, (43 - LOWEST) // ZONE] = sine
    alone = TIMBRES._replace(partials=np.full_like(TIMBRES.partials, -20.0), residual=residual)
    assert (43 - LOWEST) % ZONE == ZONE // 2

    def played(pitch: int, length: float = 2.0, velocity: float = REFERENCE) -> np.ndarray:
        return excite(make_notes([(1, pitch, velocity, 0.0, length)], 120.0), 0, 9600, alone)[1]

    whole = played(43)
    np.testing.assert_allclose(whole[: RESIDUAL - 1], LEVEL * sine[:-1], atol=1e-5)
    assert not whole[RESIDUAL:].any() and not played(43 + ZONE).any()
    ratio = 2 ** (1 / 12)
    wanted = LEVEL * np.sin(2 * np.pi * np.arange(4000) * ratio / 50)
    assert np.abs(played(44)[:4000] - wanted).max() < 0.02 * LEVEL
    assert np.abs(played(43, velocity=40)).max() == pytest.approx(np.abs(whole).max() * 0.5 ** float(alone.bite[1, 7]), rel=1e-3)
    ended = played(43, length=0.1)  # 50 ms
    assert np.abs(ended[2400:3000]).max() < np.abs(whole[2400:3000]).max() and not np.array_equal(ended, whole)
    np.testing.assert_array_equal(ended[:2400], whole[:2400])


def test_chambers_ring_on_after_the_sound_and_fall_silent() -> None:
    sound = excite(notes(), 0, 300 * FRAME_SAMPLES, TIMBRES)
    sound[:, 60 * FRAME_SAMPLES :] = 0.0
    heard = chambered(sound)
    assert heard.shape == (SOURCES, sound.shape[1]) and len(CHAMBERS) == SOURCES - DIRECT
    assert np.array_equal(heard[:DIRECT], sound)
    chamber = Chamber()
    pieces = np.concatenate([chamber(sound[:, at : at + FRAME_SAMPLES]) for at in range(0, sound.shape[1], FRAME_SAMPLES)], axis=1)
    np.testing.assert_allclose(pieces, heard, atol=1e-6)
    levels = 10 * np.log10((heard[DIRECT:].reshape(len(CHAMBERS), 300, FRAME_SAMPLES) ** 2).mean(axis=2) + 1e-16)
    small, large = levels[:, 60:]
    assert small[0] > -60 and large[0] > -60
    for row, (_, low_s, high_s, _) in zip((small, large), CHAMBERS, strict=True):
        fallen = np.argmax(row < row[0] - 30) / 75
        assert 0.5 * high_s < 2 * fallen < 1.3 * low_s  # 30 dB are half of the time
    assert small[-1] < -120


def test_gains_of_sources_are_means_by_power(networks: tuple[Codec, Tones]) -> None:
    """What is asked for while a source is silent hardly counts; what was asked for long ago is forgotten; noise and decoder are free."""
    _, tones = networks
    bands, steps = tones.config.bands, 120
    asked = torch.zeros(1, steps, len(tones.colour))
    asked[:, :, : SOURCES * bands] = torch.where(torch.arange(steps) % 2 == 0, 1.0, -3.0)[:, None]
    asked[:, 60:, : SOURCES * bands] = -2.0
    asked[:, :, 2 * SOURCES * bands :] = torch.randn(steps, 2 * bands + 1, generator=torch.Generator().manual_seed(3))
    levels = torch.full((1, steps, HEARD * bands), 2.0)
    even = tones._steady(asked, levels, None)
    level = even[0, :, 0]
    assert level[0] == 1.0 and float(level[50:60].std()) < 0.15 and float(level[59]) == pytest.approx(-1.0, abs=0.2)
    forgotten = np.exp(-60 / FRAME_RATE / tones.config.steady_s)
    assert float(level[-1]) == pytest.approx(-2.0 + forgotten, abs=0.05)
    assert torch.equal(even[..., 2 * SOURCES * bands :], asked[..., 2 * SOURCES * bands :])
    levels[:, 1::2] = 0.0  # a silent source: ten nats of power less
    assert (tones._steady(asked, levels, None)[0, :60, 0] > 0.99).all()
    state = tones.make_state()
    cut = torch.cat([tones._steady(asked[:, at : at + 7], levels[:, at : at + 7], state) for at in range(0, steps, 7)], dim=1)
    torch.testing.assert_close(cut, tones._steady(asked, levels, None))


def test_louder_notes_are_louder() -> None:
    for part, pitch, source in ((3, 60, 2), (2, 51, METAL), (2, 36, SKIN)):
        soft, loud = (excite(make_notes([(part, pitch, velocity, 0.0, 1.0)], 120.0), 0, 9600, TIMBRES)[source] for velocity in (40, 120))
        assert np.abs(loud).max() > 2 * np.abs(soft).max() > 0


def test_each_drum_sounds_in_its_source() -> None:
    sound = excite(make_notes([(2, 36, 100, 0.0, 0.2)], 120.0), 0, 9600, TIMBRES)
    assert sound[SKIN].any() and not sound[np.arange(DIRECT) != SKIN].any()
    assert set(ROW_SOURCE) == set(range(TUNED, DIRECT))
    ride = excite(make_notes([(2, 51, 100, 0.1, 0.2)], 120.0), 0, 4800, TIMBRES)[METAL]
    assert not ride[:2400].any() and ride[2410:2600].any()


def inputs(steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    roll = (rng.random((steps, ROLL_WIDTH)) * (rng.random((steps, ROLL_WIDTH)) < 0.02)).astype(np.float32)
    roll[:, -1] = np.arange(steps) >= 10  # the first without a plan
    return rng.integers(0, 64, (steps, 3)), roll, chambered(excite(notes(), 0, steps * FRAME_SAMPLES, TIMBRES))


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
