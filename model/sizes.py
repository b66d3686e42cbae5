"""Exact parameter counts of every preset: `python -m model.sizes`."""

from __future__ import annotations

import torch
from torch import nn

from model.codec import Codec
from model.config import CODEC, PLANNER, PLAYER
from model.generator.planner import Planner
from model.generator.player import Player


def count(module: nn.Module) -> int:
    """Trained numbers of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def main() -> None:
    with torch.device("meta"):
        for name, config in CODEC.items():
            print(f"codec    {name:6}{count(Codec(config)):>14,}")
        for name, planner in PLANNER.items():
            print(f"planner  {name:6}{count(Planner(planner)):>14,}")
        for name, player in PLAYER.items():
            network = Player(player)
            cross = count(network.transformer.cross)
            print(f"player   {name:6}{count(network):>14,}  of that cross-attention {cross:,}, self-attention and feed-forward "
                  f"{count(network.transformer.blocks):,}, the heads of the levels {count(network.head):,}")  # fmt: skip


if __name__ == "__main__":
    main()
