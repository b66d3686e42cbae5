"""What player and planner learn from: crops of the prepared playing, mixed with the base's own."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from torch import Tensor

from jamd.contract.units import PARTS
from model.generator.events import REST
from model.generator.planner import Planner
from model.generator.player import Player
from model.learning import examples
from model.learning.losses import held_out_planner, held_out_player, planner_losses, player_loss
from model.learning.prepare import Prepared
from model.learning.recipe import Recipe
from model.learning.replay import ReplayPiece
from model.training.planner import Item as PlannerItem
from model.training.planner import PlannerPiece, crop
from model.training.player import Item, drop

UNSTYLED: Final = 0.6
"""Share of the crops without their style: an adapter is to play its player when nobody asks for a style."""
RECALLED: Final = 0.5
"""Share of the planner's crops that begin with the base's notes."""
EVENTS: Final = 192
"""Events of a crop for the planner."""
LEAST_EVENTS: Final = 400
"""Of sure notes, below which the planner learns nothing."""


class PlayerLesson:
    """Sound from codes, controls and plan. The base's own playing is of other line-ups than the musician's, which is what is to change."""

    name = "player"

    def __init__(self, network: Player, prepared: Prepared, replay: list[ReplayPiece], recipe: Recipe) -> None:
        self.network, self.prepared, self.recipe = network, prepared, recipe
        self.examples = prepared.training
        heard = {tuple(name in example.about["parts"] for name in PARTS) for example in self.examples}
        self.replay = [piece for piece in replay if piece.line_up not in heard]
        lengths = np.array([example.steps for example in self.examples], np.float64)
        self.steps = int(min(network.config.window, lengths.min()))
        self._levels = self.examples[0].codes.shape[1]
        self._shares = lengths / lengths.sum()
        own = recipe.batch * (1 - (recipe.replay if replay else 0.0))
        self.round_steps = max(round(lengths.sum() / (self.steps * own)), 1)

    def _item(self, rng: np.random.Generator) -> Item:
        if self.replay and rng.random() < self.recipe.replay:
            item = self.replay[int(rng.integers(len(self.replay)))].draw(rng, self.steps, self._levels)
        else:
            example = self.examples[int(rng.choice(len(self.examples), p=self._shares))]
            item = example.draw(rng, self.steps)
            if rng.random() < UNSTYLED:
                item[4][:] = 0.0
        drop(item, rng)
        return item

    def loss(self, rng: np.random.Generator, count: int) -> Tensor:
        items = [self._item(rng) for _ in range(count)]
        return player_loss(self.network, items, self.network.codebooks.device).mean()

    def held_out(self) -> float:
        return held_out_player(self.network, self.prepared)


class PlannerLesson:
    """Notes from chart and situation; only what was transcribed for sure on a sure chart.

    Of the base's own playing, the parts that the musician plays are heard but not learnt: taught both ways of playing under the same
    conditions, the planner plays now the one, now the other. And half of the musician's playing follows notes of the base: from its own
    notes alone it learns to go on as before, and plays on as the base does once it has strayed there (Ranzato et al. 2016, exposure bias).
    """

    name = "planner"

    def __init__(self, network: Planner, prepared: Prepared, replay: list[ReplayPiece], recipe: Recipe) -> None:
        self.network, self.prepared, self.recipe = network, prepared, recipe
        self.pieces = planner_pieces(prepared)
        self.taught = np.unique(np.concatenate([piece.events[:, 2] for piece in self.pieces] or [np.zeros(0, np.int64)]))
        played = [piece.planner_piece() for piece in replay]
        self.replay = [piece for piece in played if not np.isin(piece.events[:, 2], self.taught).all()]
        self.before = played
        lengths = np.array([len(piece.events) for piece in self.pieces], np.float64)
        self._shares = lengths / max(lengths.sum(), 1.0)
        self.events = int(min(EVENTS, max(lengths.max(initial=1.0), 1.0)))
        own = recipe.batch * (1 - (recipe.replay if replay else 0.0))
        self.round_steps = max(math.ceil(lengths.sum() / (self.events * own)), 1)

    def loss(self, rng: np.random.Generator, count: int) -> Tensor:
        items, learnt = [], np.ones((count, self.events), bool)
        for index in range(count):
            is_own = bool(self.replay) and rng.random() < self.recipe.replay
            if is_own:
                piece = self.replay[int(rng.integers(len(self.replay)))]
            else:
                piece = self.pieces[int(rng.choice(len(self.pieces), p=self._shares))]
            item = crop(piece, rng, self.events, UNSTYLED)
            if is_own:
                learnt[index] = ~np.isin(item[0][:, 2], self.taught)
            elif self.before and rng.random() < RECALLED:
                item, count_before = self._after_the_base(item, rng)
                learnt[index, :count_before] = False
            items.append(item)
        losses, counts = planner_losses(self.network, items, self.network.start.device)
        counts = counts & torch.from_numpy(learnt).to(counts.device)
        return (losses * counts.unsqueeze(-1)).sum() / counts.sum().clamp(min=1)

    def _after_the_base(self, item: PlannerItem, rng: np.random.Generator) -> tuple[PlannerItem, int]:
        """The musician's notes after some of the base's, and how many those are: what a jam comes to when a note goes astray."""
        events, contexts, style = item
        earlier, told, _ = crop(self.before[int(rng.integers(len(self.before)))], rng, self.events, 1.0)
        known = int(((earlier[:, 2] != REST) | (earlier[:, 0] > 0)).sum())
        count = min(int(rng.integers(4, 1 + self.events // 3)), known)
        events = np.concatenate((earlier[known - count : known], events[: self.events - count]))
        events[0, 0] = 0
        events[count, 0] = max(events[count, 0], 1)
        contexts = np.concatenate((told[known - count : known], contexts[: self.events - count]))
        return (events, contexts, style), count

    def held_out(self) -> float:
        return held_out_planner(self.network, self.prepared)


def planner_pieces(prepared: Prepared) -> list[PlannerPiece]:
    """Of the training clips; none where there are too few notes in all."""
    pieces = examples.planner_pieces(prepared.training)
    return pieces if sum(len(piece.events) for piece in pieces) >= LEAST_EVENTS else []
