"""Levels that the encoder is told, gains that the decoder sets, and starting from a codec that has neither."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model.checkpoint import load_weights, save_weights
from model.codec import Codec
from model.codec.bands import band_shapes
from model.codec.codec import LOUDEST_GAIN
from model.config import CodecConfig
from model.training.codec import start_wider

OLD = CodecConfig(width=32, encoder_blocks=1, decoder_blocks=1, latent=8, levels=2, codebook_size=16)
NEW = CodecConfig(**(OLD.to_dict() | {"bands": 16}))


@pytest.mark.parametrize("bands", [2, 16, 32, 640])
def test_shapes_share_every_bin_out(bands: int) -> None:
    shapes = band_shapes(640, bands)
    assert shapes.shape == (bands, 640) and bool((shapes >= 0).all())
    torch.testing.assert_close(shapes.sum(dim=0), torch.ones(640))
    assert bool((shapes.sum(dim=1) > 0).all())
    assert bool(((shapes > 0).sum(dim=0) <= 2).all())  # a bin lies between two centres


def test_shapes_follow_the_mel_scale() -> None:
    centres = band_shapes(640, 32).argmax(dim=1)
    widths = centres.diff()
    assert int(widths[0]) <= 2 and int(widths[-1]) > 30 and bool((widths[1:] - widths[:-1] >= -2).all())


@pytest.mark.parametrize("bands", [1, 641])
def test_impossible_bands_are_an_error(bands: int) -> None:
    with pytest.raises(ValueError, match="2 to 640"):
        band_shapes(640, bands)


def test_a_codec_with_bands_begins_as_the_one_without(tmp_path: Path) -> None:
    torch.manual_seed(1)
    old, new = Codec(OLD).eval(), Codec(NEW).eval()
    old.decoder.leave.weight.data.normal_(std=0.2)
    for book in old.quantizer.books():
        book.codes.normal_()
    save_weights(tmp_path / "old.safetensors", old, "codec", OLD.to_dict(), dtype=torch.float32)
    start_wider(tmp_path / "old.safetensors", new)
    audio = 0.1 * torch.randn(1, 2, 10 * OLD.hop)
    codes = old.encode(audio)
    assert torch.equal(new.encode(audio), codes)
    torch.testing.assert_close(new.decode(codes), old.decode(codes))
    again = Codec(NEW)
    save_weights(tmp_path / "new.safetensors", new, "codec", NEW.to_dict(), dtype=torch.float32)
    load_weights(tmp_path / "new.safetensors", again)
    torch.testing.assert_close(again.decode(codes), new.decode(codes))


def test_levels_follow_the_sound() -> None:
    """Ten times the amplitude is 20 dB in every band; silence is the lowest level there is."""
    codec = Codec(NEW).eval()
    audio = 0.02 * torch.randn(1, 2, 6 * NEW.hop)
    soft, loud = (codec.levels_of(codec.analyse(gain * audio))[:, 1:] for gain in (1.0, 10.0))
    torch.testing.assert_close(loud - soft, torch.full_like(soft, 2 * torch.log(torch.tensor(10.0)).item() / 9.0), atol=1e-3, rtol=0)
    silent = codec.levels_of(codec.analyse(0.0 * audio))
    assert bool((silent < soft.min()).all()) and bool(torch.isfinite(silent).all())


def test_a_gain_turns_its_band_down_and_no_other() -> None:
    torch.manual_seed(2)
    codec = Codec(NEW).eval().requires_grad_(False)
    codec.decoder.leave.bias[: 2 * NEW.hop] = 1.0
    latents = torch.zeros(1, 1, NEW.latent)
    plain = codec.from_latents(latents)
    codec.decoder.leave.bias[2 * NEW.hop + 10] = -6.0  # of mid
    turned = codec.from_latents(latents) / plain
    centre, others = int(codec.shapes[10].argmax()), codec.shapes[10] == 0
    assert float(turned[0, 0, 0, centre].log()) == pytest.approx(-6.0, abs=0.1)
    torch.testing.assert_close(turned[0, 0, 0, others], torch.ones(int(others.sum())))
    torch.testing.assert_close(turned[0, 0, 1], torch.ones(NEW.hop))
    codec.decoder.leave.bias[2 * NEW.hop + 10] = 50.0
    assert float((codec.from_latents(latents) / plain).max().log()) == pytest.approx(LOUDEST_GAIN, abs=0.05)
