"""Every preset can be built, trained and played, not only the one that ships.

The whole networks are counted on the device that only knows shapes. For real they are run with their own widths, window and levels
but with fewer layers: whole, one training step of `paper` with AdamW and three frames took 6.3 GB and, on a busy core, two minutes.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from model.codec import Codec
from model.conditioning import CONTROL_WIDTH, ROLL_WIDTH
from model.config import CODEC, PLANNER, PLAYER, CodecConfig, PlayerConfig
from model.generator.frame import Frame
from model.generator.planner import Planner
from model.generator.player import Player
from model.sizes import count


def meta(config: PlayerConfig) -> Player:
    with torch.device("meta"):
        return Player(config)


def by_hand(config: PlayerConfig) -> int:
    """Trained numbers of a player, from the sizes alone."""
    width, latent, depth, levels = config.width, config.latent, config.depth_width, config.levels
    block = 4 * width**2 + 2 * width * config.feedforward + 2 * width
    crossed = len(range(0, config.layers, config.cross_every)) if config.style_tokens else 0
    style = config.style_tokens * width * (config.style_width + 1) + config.style_tokens * width if config.style_tokens else 0
    enter = (3 * latent + 1) * width + (CONTROL_WIDTH + 1) * width + ROLL_WIDTH * width
    level = 2 * latent * depth + (depth + 1) * 2 * depth + (2 * depth + 1) * depth + depth
    level += (depth + 1) * (config.codebook_size + latent + 1)
    return config.layers * block + width + crossed * (4 * width**2 + width) + style + enter + (width + 1) * levels * depth + levels * level


@pytest.mark.parametrize("name", sorted(PLAYER))
def test_a_player_has_the_numbers_that_its_sizes_say(name: str) -> None:
    assert count(meta(PLAYER[name])) == by_hand(PLAYER[name])


def test_the_named_sizes_are_what_they_are_said_to_be() -> None:
    """760M for `base`, the table of the paper for `paper`; the exact counts are in the docs."""
    assert 750e6 < count(meta(PLAYER["base"])) < 770e6
    paper = PLAYER["paper"]
    assert (paper.layers, paper.width, paper.heads, paper.feedforward) == (24, 1024, 16, 4096)
    assert count(meta(paper).transformer.blocks) == pytest.approx(302e6, rel=0.001)


def test_codec_and_planner_presets_build() -> None:
    with torch.device("meta"):
        for config in CODEC.values():
            assert count(Codec(config)) > 1e6
        for planner in PLANNER.values():
            assert count(Planner(planner)) > 1e6


@pytest.mark.parametrize("name", sorted(PLAYER))
def test_presets_fit_together(name: str) -> None:
    """Heads divide the width, rows are whole blocks of NF4, the codec has the levels that are written."""
    player, codec = PLAYER[name], CODEC.get(name, CODEC["small"])
    assert player.width % player.heads == 0 and (player.width // player.heads) % 2 == 0
    assert player.width % 64 == player.feedforward % 64 == 0
    assert player.levels <= codec.levels and (player.codebook_size, player.latent) == (codec.codebook_size, codec.latent)


def build(config: PlayerConfig) -> tuple[Player, Codec]:
    """Untrained; the codec's own blocks are few, its books as in the preset."""
    torch.manual_seed(0)
    codec = Codec(replace(CodecConfig(), width=64, encoder_blocks=1, decoder_blocks=1)).eval().requires_grad_(False)
    codec.decoder.leave.weight.normal_(std=0.02)
    for book in codec.quantizer.books():
        book.codes.normal_()
    player = Player(config)
    player.set_codebooks(torch.stack([book.codes for book in codec.quantizer.books()]))
    return player, codec


def stream(player: Player, codec: Codec, frames: int = 3) -> Tensor:
    """Codes and audio of a few frames with style and guidance."""
    frame = Frame(player.eval().requires_grad_(False), codec)
    frame.set_style(nn.functional.normalize(torch.randn(player.config.style_width), dim=0))
    frame.guidance.fill_(3.0)
    out = []
    for _ in range(frames):
        frame.controls.normal_()
        frame()
        assert frame.codes.shape == (1, 1, player.config.levels)
        assert ((frame.codes >= 0) & (frame.codes < player.config.codebook_size)).all()
        out.append(frame.audio.clone())
    return torch.cat(out)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("name", "layers"), [("small", 6), ("paper", 4), ("base", 2)])
def test_every_preset_streams(name: str, layers: int, precision: torch.dtype) -> None:
    player, codec = build(replace(PLAYER[name], layers=layers))
    for parameter in player.parameters():
        parameter.data = parameter.data.to(precision)
    audio = stream(player, codec)
    assert audio.shape == (3, 2, 640) and audio.isfinite().all() and audio.any()


def test_paper_trains_a_step_in_bf16_and_then_streams() -> None:
    """Four layers of `paper`: the second loss of the same crop is lower, every part has had a gradient."""
    config = replace(PLAYER["paper"], layers=4)
    player, codec = build(config)
    optimiser = torch.optim.AdamW(player.parameters(), lr=3e-4, betas=(0.9, 0.97))
    codes = torch.randint(0, config.codebook_size, (1, 16, config.levels))
    controls, roll = torch.randn(1, 16, CONTROL_WIDTH), (torch.rand(1, 16, ROLL_WIDTH) < 0.03).float()
    style = nn.functional.normalize(torch.randn(1, config.style_width), dim=-1)
    losses = []
    for _ in range(2):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = player(codes, controls, roll, None, style).float().mean()
        losses.append(float(loss.detach()))
        if len(losses) == 1:
            loss.backward()
            missing = {name for name, parameter in player.named_parameters() if parameter.grad is None}
            assert missing == {"head.partial.0.weight", "head.last.0.weight"}  # nothing lies below the first level
            assert all(p.grad.isfinite().all() for p in player.parameters() if p.grad is not None)
            optimiser.step()
    assert losses[0] == pytest.approx(torch.tensor(config.codebook_size).log().item(), rel=0.5)
    assert losses[1] < losses[0]
    optimiser.zero_grad(set_to_none=True)
    assert stream(player, codec).isfinite().all()
