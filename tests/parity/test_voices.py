"""The compiled path, the static PyTorch frame and the plain networks play the same music."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from model.codec import Codec
from model.codec.compiled import CompiledDecoder, decoder_weights
from model.conditioning import CONTROL_WIDTH, ROLL_WIDTH
from model.config import CodecConfig, PlayerConfig
from model.generator.compiled_player import CompiledPlayer, player_weights
from model.generator.frame import Frame
from model.generator.player import Player
from model.generator.voice import CompiledVoice, TorchVoice

CODEC = CodecConfig(width=32, encoder_blocks=1, decoder_blocks=2, latent=16, levels=3, codebook_size=64, bands=8)
PLAYER = PlayerConfig(
    width=64, layers=3, heads=2, feedforward=96, window=24, levels=3, codebook_size=64, latent=16, depth_width=32, style_width=12,
    style_tokens=2, cross_every=2,
)  # fmt: skip


def round_weights(module: nn.Module) -> None:
    """To what int8 can say, a row at a time."""
    for child in module.modules():
        if isinstance(child, nn.Linear):
            scale = child.weight.detach().abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127
            child.weight.data = torch.round(child.weight.data / scale) * scale


@pytest.fixture(scope="module")
def networks() -> Iterator[tuple[Player, Codec]]:
    torch.manual_seed(3)
    codec = Codec(CODEC).eval().requires_grad_(False)
    for parameter in codec.decoder.parameters():
        parameter.copy_(torch.randn_like(parameter) * 0.2)
    for book in codec.quantizer.books():
        book.codes.copy_(torch.randn_like(book.codes))
    player = Player(PLAYER).eval().requires_grad_(False)
    player.set_codebooks(torch.stack([book.codes for book in codec.quantizer.books()]))
    for name, parameter in player.named_parameters():
        if "norm" not in name:
            parameter.copy_(torch.randn_like(parameter) * parameter.shape[-1] ** -0.5)
    yield player, codec


def rounded(networks: tuple[Player, Codec]) -> tuple[Player, Codec]:
    """Copies whose weights the compiled path holds exactly."""
    player, codec = Player(PLAYER).eval().requires_grad_(False), Codec(CODEC).eval().requires_grad_(False)
    player.load_state_dict(networks[0].state_dict())
    codec.load_state_dict(networks[1].state_dict())
    for part in (player.transformer, player.head.hidden, player.head.partial, player.head.last, player.head.up, player.head.down):
        round_weights(part)
    round_weights(player.head.out)
    round_weights(nn.ModuleList([player.enter, player.controls]))
    weight = player.roll.weight.data  # this one a column at a time
    scale = weight.abs().amax(dim=0, keepdim=True).clamp(min=1e-8) / 127
    player.roll.weight.data = torch.round(weight / scale) * scale
    round_weights(codec.decoder)
    return player, codec


def inputs(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    controls = rng.standard_normal((count, CONTROL_WIDTH)).astype(np.float32)
    roll = rng.random((count, ROLL_WIDTH)) * (rng.random((count, ROLL_WIDTH)) < 0.03)
    return controls, roll.astype(np.float32)


@pytest.mark.parametrize("guidance", [1.0, 2.5])
@pytest.mark.parametrize("styled", [False, True])
def test_compiled_player_draws_the_codes_of_the_network(networks: tuple[Player, Codec], guidance: float, styled: bool) -> None:
    player, _ = rounded(networks)
    compiled = CompiledPlayer(player, player_weights(player))
    state = player.make_state(1 if guidance == 1.0 else 2)
    if styled:
        style = np.random.default_rng(1).standard_normal(12).astype(np.float32)
        style /= np.linalg.norm(style)
        compiled.set_style(style)
        player.set_style(torch.from_numpy(style), state)
    controls, roll = inputs(80)  # longer than the window: the ring has turned
    rng = np.random.default_rng(0)
    for index in range(80):
        ours = compiled.step(controls[index : index + 1], roll[index : index + 1], rng, 0.0, 1.0, guidance).copy()
        theirs = player.step(
            torch.from_numpy(controls[None, index : index + 1]), torch.from_numpy(roll[None, index : index + 1]), state,
            torch.Generator(), 0.0, 1.0, guidance,
        )[0, 0].numpy()  # fmt: skip
        assert (ours == theirs).all(), index


def test_style_changes_what_is_played(networks: tuple[Player, Codec]) -> None:
    player, _ = rounded(networks)
    controls, roll = inputs(40)
    drawn = []
    for style in (None, np.eye(12, dtype=np.float32)[3]):
        compiled = CompiledPlayer(player)
        compiled.set_style(style)
        drawn.append([tuple(compiled.step(c[None], r[None], np.random.default_rng(0), 0.0)) for c, r in zip(controls, roll, strict=True)])
    assert drawn[0] != drawn[1]


def test_compiled_decoder_gives_the_samples_of_the_codec(networks: tuple[Player, Codec]) -> None:
    _, codec = rounded(networks)
    codes = np.random.default_rng(2).integers(0, 64, (30, 3))
    state, compiled = codec.make_decoder_state(), CompiledDecoder(codec, decoder_weights(codec))
    for row in codes:
        theirs = codec.decode_step(torch.from_numpy(row[None, None]), state)[0].T.numpy()
        ours = compiled.step(row)
        assert np.abs(ours - theirs).max() < 1e-5 * max(np.abs(theirs).max(), 1.0)


@pytest.mark.parametrize("guidance", [1.0, 2.5])
def test_static_frame_draws_the_codes_of_the_network(networks: tuple[Player, Codec], guidance: float) -> None:
    player, codec = networks
    frame, state, decoder = Frame(player, codec), player.make_state(1 if guidance == 1.0 else 2), codec.make_decoder_state()
    style = torch.nn.functional.normalize(torch.randn(12), dim=0)
    frame.set_style(style)
    player.set_style(style, state)
    addresses = [frame.controls.data_ptr(), frame.keys[0].data_ptr(), frame.memory[0][0].data_ptr(), frame.codes.data_ptr()]
    controls, roll = inputs(60)
    frame.temperature.fill_(0.0)
    frame.guidance.fill_(guidance)
    for index in range(60):
        frame.controls.copy_(torch.from_numpy(controls[None, index : index + 1]))
        frame.roll.copy_(torch.from_numpy(roll[None, index : index + 1]))
        frame()
        theirs = player.step(frame.controls, frame.roll, state, torch.Generator(), 0.0, 1.0, guidance)
        assert torch.equal(frame.codes, theirs), index
        assert torch.allclose(frame.audio, codec.decode_step(theirs, decoder), atol=1e-5)
    assert addresses == [frame.controls.data_ptr(), frame.keys[0].data_ptr(), frame.memory[0][0].data_ptr(), frame.codes.data_ptr()]


def test_feeding_frames_is_playing_them(networks: tuple[Player, Codec]) -> None:
    """What comes after given codes is the same as after the same codes drawn, in both voices."""
    player, codec = rounded(networks)
    controls, roll = inputs(30)
    for voice in (CompiledVoice(player, codec, (player_weights(player), decoder_weights(codec)), 0), TorchVoice(player, codec, 0)):
        codes, audio = [], []
        for index in range(30):
            audio.append(voice.play(controls[index : index + 1], roll[index : index + 1], 0.0, 1.0, 1.0))
            drawn = voice.player.codes if isinstance(voice, CompiledVoice) else voice.frame.codes[0, 0].numpy()
            codes.append(drawn.copy())
        again = (
            CompiledVoice(player, codec, (player_weights(player), decoder_weights(codec)), 9)
            if isinstance(voice, CompiledVoice)
            else TorchVoice(player, codec, 9)
        )
        last = again.feed(np.stack(codes[:20]), controls[:20], roll[:20])
        assert np.allclose(last, audio[19], atol=1e-5)
        for index in range(20, 30):
            more = again.play(controls[index : index + 1], roll[index : index + 1], 0.0, 1.0, 1.0)
            assert np.allclose(more, audio[index], atol=1e-5), index


def test_streams_share_weights_and_nothing_else(networks: tuple[Player, Codec]) -> None:
    player, codec = rounded(networks)
    weights = player_weights(player), decoder_weights(codec)
    controls, roll = inputs(20)

    def run(voice: CompiledVoice) -> np.ndarray:
        return np.concatenate([voice.play(c[None], r[None], 1.0, 0.9, 2.0) for c, r in zip(controls, roll, strict=True)])

    alone = run(CompiledVoice(player, codec, weights, 5))
    one, two = CompiledVoice(player, codec, weights, 5), CompiledVoice(player, codec, weights, 6)
    mixed = []
    for c, r in zip(controls, roll, strict=True):
        mixed.append(one.play(c[None], r[None], 1.0, 0.9, 2.0))
        two.play(c[None], r[None], 1.0, 0.9, 1.0)
    assert np.array_equal(alone, np.concatenate(mixed))
    assert not np.array_equal(alone, run(CompiledVoice(player, codec, weights, 6)))


def test_old_weights_without_style_still_play(networks: tuple[Player, Codec]) -> None:
    player = Player(replace(PLAYER, style_tokens=0)).eval().requires_grad_(False)
    compiled = CompiledPlayer(player)
    compiled.set_style(np.ones(12, np.float32))
    controls, roll = inputs(3)
    assert all((compiled.step(c[None], r[None], np.random.default_rng(0)) < 64).all() for c, r in zip(controls, roll, strict=True))
