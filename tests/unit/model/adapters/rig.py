"""Random adapters and small networks for the tests of adapters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.adapters.base import base_hash, matrix_sizes
from model.adapters.format import Adapter, Manifest, write_adapter
from model.codec import Codec
from model.codec.compiled import decoder_weights
from model.config import CodecConfig, PlannerConfig, PlayerConfig
from model.generator.compiled_planner import planner_weights
from model.generator.compiled_player import player_weights
from model.generator.models import Models
from model.generator.planner import Planner
from model.generator.player import Player
from model.layers.lowrank import KINDS

CODEC = CodecConfig(width=32, encoder_blocks=1, decoder_blocks=2, latent=16, levels=3, codebook_size=64)
PLAYER = PlayerConfig(
    width=64, layers=3, heads=2, feedforward=96, window=24, levels=3, codebook_size=64, latent=16, depth_width=32, style_width=12,
    style_tokens=2, cross_every=2,
)  # fmt: skip
PLANNER = PlannerConfig(width=32, layers=2, heads=2, feedforward=48, context=96, style_width=12)

TARGETS = ("qkv", "out", "up", "down", "query")


def round_weights(module: torch.nn.Module) -> None:
    """To what int8 can say, a row at a time."""
    for child in module.modules():
        if isinstance(child, torch.nn.Linear):
            scale = child.weight.detach().abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127
            child.weight.data = torch.round(child.weight.data / scale) * scale


def tiny_models(compiled: bool, seed: int = 3, style_width: int = 12) -> Models:
    """Untrained; the weights are such as int8 holds, so that both ways of playing have the same."""
    torch.manual_seed(seed)
    codec = Codec(CODEC).eval().requires_grad_(False)
    for book in codec.quantizer.books():
        book.codes.normal_()
    player = Player(replace(PLAYER, style_width=style_width)).eval().requires_grad_(False)
    planner = Planner(replace(PLANNER, style_width=style_width)).eval().requires_grad_(False)
    for network in (player, planner):
        for name, parameter in network.named_parameters():
            if "norm" not in name:
                parameter.copy_(torch.randn_like(parameter) * (0.6 if "embedding" in name else parameter.shape[-1] ** -0.5))
    player.set_codebooks(torch.stack([book.codes for book in codec.quantizer.books()]))
    round_weights(player)
    round_weights(planner)
    roll = player.roll.weight.data  # this one a column at a time
    scale = roll.abs().amax(dim=0, keepdim=True).clamp(min=1e-8) / 127
    player.roll.weight.data = torch.round(roll / scale) * scale
    if not compiled:
        return Models("tiny", codec, planner, player)
    return Models("tiny", codec, planner, player, 0, (player_weights(player), decoder_weights(codec)), planner_weights(planner))


def live(models: Models) -> list[np.ndarray]:
    """What the compiled kernels multiply the rows of both networks by."""
    assert models.compiled is not None and models.compiled_planner is not None
    return [getattr(blocks, kind).scale.copy() for blocks in (models.compiled[0].blocks, models.compiled_planner.blocks) for kind in KINDS]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def random_tensors(models: Any, seed: int, rank: int = 4, size: float = 0.5, networks: tuple[str, ...] = ("player", "planner"),
                   targets: tuple[str, ...] = TARGETS) -> dict[str, Tensor]:  # fmt: skip
    """Changes of about `size` times what the base's matrices do, of every matrix asked for."""
    generator, out = torch.Generator().manual_seed(seed), {}
    for part, (outputs, inputs) in matrix_sizes(models).items():
        if part.startswith(networks) and part.endswith(targets):
            out[f"{part}.lora_A"] = torch.randn(rank, inputs, generator=generator) * inputs**-0.5
            out[f"{part}.lora_B"] = torch.randn(outputs, rank, generator=generator) * size * rank**-0.5
    return out


def random_gains(tensors: dict[str, Tensor], seed: int, size: float = 0.4) -> dict[str, Tensor]:
    """Gains about 1 for the rows of every matrix."""
    generator, out = torch.Generator().manual_seed(seed), {}
    for name, tensor in tensors.items():
        if name.endswith(".lora_B"):
            out[name.replace("lora_B", "gain")] = 1 + size * torch.randn(len(tensor), generator=generator)
    return out


def make_adapter(models: Any, name: str, seed: int, rank: int = 4, size: float = 0.5, alpha: float | None = None,
                 networks: tuple[Any, ...] = ("player", "planner"), targets: tuple[str, ...] = TARGETS,
                 dora: bool = False) -> Adapter:  # fmt: skip
    tensors = random_tensors(models, seed, rank, size, networks, targets)
    if dora:
        tensors |= random_gains(tensors, seed)
    manifest = Manifest(
        name=name, created="2026-01-01T00:00:00+00:00", base=models.name, base_hash=base_hash(models), rank=rank,
        alpha=rank if alpha is None else alpha, targets=sorted({key.split(".")[3] for key in tensors}), networks=list(networks),
        style="test", dora=dora,
    )  # fmt: skip
    return Adapter(manifest, tensors, torch.nn.functional.normalize(torch.randn(512), dim=0))


def write_random(root: Path, models: Any, name: str, seed: int, **options: Any) -> Path:
    return write_adapter(root, make_adapter(models, name, seed, **options))
