"""Streaming gives what the batch gives, however a sequence is cut."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.codec import Codec
from model.codec.codec import CEILING
from model.config import CodecConfig
from model.layers.convnext import CausalConvNeXtStack
from model.layers.transformer import Transformer

STEPS = 24
cuts = st.lists(st.integers(1, 7), min_size=1, max_size=STEPS).map(
    lambda sizes: [size for index, size in enumerate(sizes) if sum(sizes[: index + 1]) <= STEPS]
)


def chunks(sizes: list[int]) -> list[slice]:
    out, place = [], 0
    for size in [*sizes, STEPS]:
        if place < STEPS:
            out.append(slice(place, min(place + size, STEPS)))
            place += size
    return out


@pytest.fixture(scope="module", params=[0, 12], ids=["no bands", "bands"])
def codec(request: pytest.FixtureRequest) -> Codec:
    torch.manual_seed(0)
    config = CodecConfig(width=32, encoder_blocks=2, decoder_blocks=2, latent=16, levels=3, codebook_size=32, bands=request.param)
    codec = Codec(config).eval()
    codec.decoder.leave.weight.data.normal_(std=0.2)
    for book in codec.quantizer.books():
        book.codes.normal_()
    codec.deviation.uniform_(0.01, 0.2)
    return codec


@given(sizes=cuts)
@settings(max_examples=25, deadline=None)
def test_codec_streams_exactly(codec: Codec, sizes: list[int]) -> None:
    torch.manual_seed(1)
    audio = 0.2 * torch.randn(2, 2, STEPS * codec.config.hop)
    codes = codec.encode(audio)
    state = codec.make_encoder_state(2)
    hop = codec.config.hop
    pieces = [codec.encode_step(audio[..., c.start * hop : c.stop * hop], state) for c in chunks(sizes)]
    assert torch.equal(torch.cat(pieces, dim=1), codes)
    whole = codec.decode(codes)
    decoder = codec.make_decoder_state(2)
    parts = [codec.decode_step(codes[:, c], decoder) for c in chunks(sizes)]
    torch.testing.assert_close(torch.cat(parts, dim=-1), whole, atol=1e-5, rtol=1e-5)


def test_codec_state_reset_starts_a_new_stream(codec: Codec) -> None:
    codes = torch.randint(0, 32, (1, 8, 3))
    state = codec.make_decoder_state()
    first = codec.decode_step(codes, state)
    state.reset()
    torch.testing.assert_close(codec.decode_step(codes, state), first)


def test_mdct_gives_the_input_back_one_hop_late(codec: Codec) -> None:
    audio = 0.3 * torch.randn(1, 2, 12 * codec.config.hop)
    back = codec.synthesise(codec.analyse(audio))
    torch.testing.assert_close(back[..., codec.delay :], audio[..., : -codec.delay], atol=1e-5, rtol=1e-4)


def test_a_wild_draw_of_codes_is_bounded(codec: Codec) -> None:
    """Whatever the decoder says, decoded coefficients stay a little above what music reaches."""
    loud = copy.deepcopy(codec)
    loud.decoder.leave.bias.data.fill_(50.0)
    state = loud.make_decoder_state()
    spectrum = loud.spectrum_step(torch.zeros(1, 3, loud.config.latent), state)
    limit = float(np.sinh(CEILING)) * loud.deviation / loud.config.compression
    assert bool((spectrum.abs() <= limit * 1.0001).all()) and float(spectrum.abs().max()) > 0


def test_codec_is_causal(codec: Codec) -> None:
    audio = 0.3 * torch.randn(1, 2, 12 * codec.config.hop)
    changed = audio.clone()
    changed[..., 8 * codec.config.hop :] = 0.0
    assert torch.equal(codec.encode(audio)[:, :8], codec.encode(changed)[:, :8])


def test_codec_refuses_odd_lengths(codec: Codec) -> None:
    with pytest.raises(ValueError, match="audio must be"):
        codec.encode(torch.zeros(1, 2, 100))


@given(sizes=cuts)
@settings(max_examples=25, deadline=None)
def test_convnext_streams_exactly(sizes: list[int]) -> None:
    torch.manual_seed(2)
    stack = CausalConvNeXtStack(5, 3, 16, 2, 2, 5).eval()
    x = torch.randn(2, STEPS, 5)
    state = stack.make_state(2)
    with torch.no_grad():
        parts = [stack.step(x[:, c], state) for c in chunks(sizes)]
        torch.testing.assert_close(torch.cat(parts, dim=1), stack(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("window", [5, 16, 64])
def test_transformer_streams_exactly_past_its_window(window: int) -> None:
    torch.manual_seed(3)
    net = Transformer(32, 2, 4, 64, window).eval()
    x = torch.randn(2, 5 * window, 32)[:, :120]
    state = net.make_state(2)
    with torch.no_grad():
        torch.testing.assert_close(net.step(x, state), net(x), atol=1e-4, rtol=1e-4)


@given(back=st.integers(0, 4), length=st.integers(5, 90))
@settings(max_examples=25, deadline=None)
def test_transformer_rewinds_exactly(back: int, length: int) -> None:
    torch.manual_seed(4)
    net = Transformer(32, 2, 4, 64, 16).eval()
    x = torch.randn(1, length, 32)
    state = net.make_state(1)
    with torch.no_grad():
        net.step(x, state)
        state.rewind(length - back)
        other = torch.randn(1, 6, 32)
        again = net.step(other, state)
        whole = net(torch.cat((x[:, : length - back], other), dim=1))
    torch.testing.assert_close(again, whole[:, -6:], atol=1e-4, rtol=1e-4)


def test_transformer_refuses_to_rewind_into_the_future() -> None:
    net = Transformer(32, 1, 4, 64, 16)
    with pytest.raises(ValueError, match="rewind"):
        net.make_state(1).rewind(3)
