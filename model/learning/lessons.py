"""What player and planner learn from: crops of the prepared playing, mixed with the base's own."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from torch import Tensor

from model.generator.planner import Planner
from model.generator.player import Player
from model.learning import examples
from model.learning.losses import held_out_planner, held_out_player, planner_loss, player_loss
from model.learning.prepare import Prepared
from model.learning.recipe import Recipe
from model.learning.replay import ReplayPiece
from model.training.planner import PlannerPiece, crop
from model.training.player import Item, drop

UNSTYLED: Final = 0.6
"""Share of the crops without their style: an adapter is to play its player when nobody asks for a style."""
EVENTS: Final = 192
"""Events of a crop for the planner."""
LEAST_EVENTS: Final = 400
"""Of sure notes, below which the planner learns nothing."""


class PlayerLesson:
    """Sound from codes, controls and plan."""

    name = "player"

    def __init__(self, network: Player, prepared: Prepared, replay: list[ReplayPiece], recipe: Recipe) -> None:
        self.network, self.prepared, self.replay, self.recipe = network, prepared, replay, recipe
        self.examples = prepared.training
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
    """Notes from chart and situation; only what was transcribed for sure on a sure chart."""

    name = "planner"

    def __init__(self, network: Planner, prepared: Prepared, replay: list[ReplayPiece], recipe: Recipe) -> None:
        self.network, self.prepared, self.recipe = network, prepared, recipe
        self.pieces = planner_pieces(prepared)
        self.replay = [piece.planner_piece() for piece in replay]
        lengths = np.array([len(piece.events) for piece in self.pieces], np.float64)
        self._shares = lengths / max(lengths.sum(), 1.0)
        self.events = int(min(EVENTS, max(lengths.max(initial=1.0), 1.0)))
        own = recipe.batch * (1 - (recipe.replay if replay else 0.0))
        self.round_steps = max(math.ceil(lengths.sum() / (self.events * own)), 1)

    def loss(self, rng: np.random.Generator, count: int) -> Tensor:
        items = []
        for _ in range(count):
            if self.replay and rng.random() < self.recipe.replay:
                piece = self.replay[int(rng.integers(len(self.replay)))]
            else:
                piece = self.pieces[int(rng.choice(len(self.pieces), p=self._shares))]
            items.append(crop(piece, rng, self.events, UNSTYLED))
        return planner_loss(self.network, items, self.network.start.device).sum()

    def held_out(self) -> float:
        return held_out_planner(self.network, self.prepared)


def planner_pieces(prepared: Prepared) -> list[PlannerPiece]:
    """Of the training clips; none where there are too few notes in all."""
    pieces = examples.planner_pieces(prepared.training)
    return pieces if sum(len(piece.events) for piece in pieces) >= LEAST_EVENTS else []
