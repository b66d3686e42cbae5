"""What a player or planner loses on given playing: in training with gradients, and on held-out playing the same way every time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.generator.events import REST
from model.generator.planner import Planner
from model.generator.player import Player
from model.learning.examples import Example, planner_pieces

if TYPE_CHECKING:
    from model.learning.prepare import Prepared
    from model.training.planner import Item as PlannerItem
    from model.training.planner import PlannerPiece
    from model.training.player import Item

BATCH: Final = 4
"""Crops of held-out playing at once."""
EVENTS: Final = 512
"""Events of a crop for the planner: a recording of one player has hardly more."""


def player_losses(player: Player, items: Sequence[Item], device: torch.device | str) -> Tensor:
    """Nats of every code of crops of equal length. Shape: [batch, steps, levels of the player].

    Args:
        items: codes, controls, plan, codes before (-1 where there were none) and style of each crop.
        device: where the player is.
    """
    levels = player.config.levels
    codes, controls, plan, before, style = (torch.from_numpy(np.stack(column)).to(device) for column in zip(*items, strict=True))
    before = before[..., :levels]
    first = player.vectors(before.clamp(min=0)).sum(dim=-2) * (before[..., :1] >= 0)
    losses: Tensor = player(codes[..., :levels], controls, plan, first, style)
    return losses.float()


def player_loss(player: Player, items: Sequence[Item], device: torch.device | str) -> Tensor:
    """Mean nats of a code of each level; what is trained is their mean. Shape: [levels]. Arguments as of `player_losses`."""
    return player_losses(player, items, device).mean(dim=(0, 1))


def planner_losses(planner: Planner, items: Sequence[PlannerItem], device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Nats of every field of crops of equal length, 0 where a crop is padded with rests, and which events count.

    Shape: [batch, events, fields] and [batch, events].

    Args:
        items: events, contexts and style of each crop.
        device: where the planner is.
    """
    events, contexts, styles = (torch.from_numpy(np.stack(column)).to(device) for column in zip(*items, strict=True))
    losses: Tensor = planner(events, contexts, styles)
    counts = ~((events[..., 2] == REST) & (events[..., 0] == 0))
    return losses.float() * counts.unsqueeze(-1), counts


def planner_loss(planner: Planner, items: Sequence[PlannerItem], device: torch.device | str) -> Tensor:
    """Mean nats of an event's fields; what is trained is their sum. Shape: [fields]. Arguments as of `planner_losses`."""
    losses, counts = planner_losses(planner, items, device)
    return losses.sum(dim=(0, 1)) / counts.sum().clamp(min=1)


def held_out_losses(player: Player, planner: Planner, prepared: Prepared) -> dict[str, float]:
    """Losses on the clips that are kept from the training; the same networks give the same figures.

    Every step of every clip counts once, with the conditions that the clip has and nothing left out; gradients and dropout are off.

    Args:
        player: with or without low-rank paths; where it is and what it is held in stay.
        planner: likewise.

    Returns:
        `player`: mean nats of a code; `planner`: mean nats of an event, all fields together. Either is left out where no held-out
        clip says anything about it.
    """
    out = {"player": held_out_player(player, prepared), "planner": held_out_planner(planner, prepared)}
    return {name: value for name, value in out.items() if math.isfinite(value)}


def held_out_player(player: Player, prepared: Prepared) -> float:
    """The player's part of `held_out_losses`; nan where nothing is held out."""
    crops = [crop for example in prepared.held_out for crop in _player_crops(example, player.config.window)]
    if not crops:
        return math.nan
    with _judging(player):
        return _player_mean(player, crops)


def held_out_planner(planner: Planner, prepared: Prepared) -> float:
    """The planner's part of `held_out_losses`; nan where no held-out clip has sure notes on a sure chart."""
    pieces = [crop for piece in planner_pieces(prepared.held_out) for crop in _planner_crops(piece)]
    if not pieces:
        return math.nan
    with _judging(planner):
        return _planner_mean(planner, pieces)


@contextmanager
def _judging(network: nn.Module) -> Iterator[None]:
    """Without gradients and dropout; afterwards as it was."""
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(training)


def _stretches(length: int, longest: int) -> list[tuple[int, int]]:
    """Edges of as few equal stretches as do: together they are the whole."""
    count = -(-length // longest)
    edges = np.linspace(0, length, count + 1).round().astype(int).tolist() if count else []
    return list(pairwise(edges))


def _style(styles: NDArray[np.float32] | None, share: float) -> NDArray[np.float32]:
    """The embedding that was heard nearest to a place in a clip. Shape: [n, style width] to [style width]."""
    if styles is None or not len(styles):
        return np.zeros(512, np.float32)
    return styles[min(int(share * len(styles)), len(styles) - 1)]


def _player_crops(example: Example, window: int) -> list[Item]:
    rng = np.random.default_rng(0)  # what it draws is replaced below
    out: list[Item] = []
    for start, end in _stretches(example.steps, window):
        codes, controls, plan, before, _ = example.draw(rng, end - start, start)
        out.append((codes, controls, plan, before, _style(example.styles, (start + end) / 2 / example.steps)))
    return out


def _player_mean(player: Player, crops: list[Item]) -> float:
    device, total, count = player.codebooks.device, 0.0, 0
    crops = sorted(crops, key=lambda crop: len(crop[0]))
    for index in range(0, len(crops), BATCH):
        batch = crops[index : index + BATCH]
        lengths = [len(crop[0]) for crop in batch]
        losses = player_losses(player, [_padded(crop, max(lengths)) for crop in batch], device).mean(dim=-1)
        total += sum(float(row[:length].sum()) for row, length in zip(losses, lengths, strict=True))
        count += sum(lengths)
    return total / count


def _padded(crop: Item, steps: int) -> Item:
    """With zeros at the end, of which no step before them knows."""
    codes, controls, plan, before, style = crop
    more = ((0, steps - len(codes)), (0, 0))
    return np.pad(codes, more), np.pad(controls, more), np.pad(plan, more), before, style


def _planner_crops(piece: PlannerPiece) -> list[PlannerItem]:
    out: list[PlannerItem] = []
    for start, end in _stretches(len(piece.events), EVENTS):
        events = piece.events[start:end].copy()
        if start:
            events[0, 0] = 0  # as in training: where a stretch begins, the count of beats does
        contexts = piece.contexts[piece.beats[start:end]]
        out.append((events, contexts, _style(piece.styles, (start + end) / 2 / len(piece.events))))
    return out


def _planner_mean(planner: Planner, crops: list[PlannerItem]) -> float:
    device, total, count = planner.start.device, 0.0, 0
    for crop in crops:
        losses, counts = planner_losses(planner, [crop], device)
        total += float(losses.sum())
        count += int(counts.sum())
    return total / max(count, 1)
