"""Let a player play the stored pieces: `python -m model.training.drawn STORE PLAYER`; its codes lie beside the true ones.

It is given each piece's notes and controls and runs free, as in a jam. What it draws is what the tones will have to work with; that it
plays the same notes at the same times as the recording lets them be trained on it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.checkpoint import load_weights, read_header
from model.conditioning import roll
from model.config import PlayerConfig
from model.generator.clip import DEFAULT_GUIDANCE
from model.generator.compiled_player import CompiledPlayer, PlayerWeights, player_weights
from model.generator.player import Player
from model.training.player import controls_of
from model.training.store import Store, StoredPiece

NAME = "codes-drawn.npy"


def play(
    piece: StoredPiece, player: Player, weights: PlayerWeights, guidance: float = DEFAULT_GUIDANCE, top_p: float = 0.95
) -> NDArray[np.int16]:
    """Codes of a piece as the player plays it. Shape: [steps, levels]."""
    steps = min(len(piece.codes), len(piece.labels["beat"]))
    stream, rng = CompiledPlayer(player, weights), np.random.default_rng([41, piece.seed])
    controls, plan = controls_of(piece, 0, steps).vectors(), roll(piece.notes, 0, steps)
    out = np.zeros((len(piece.codes), player.config.levels), np.int16)
    for step in range(steps):
        out[step] = stream.step(controls[step : step + 1], plan[step : step + 1], rng, 1.0, top_p, guidance)
    out[steps:] = out[steps - 1]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("player", type=Path)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1, help="of the order of pieces")
    options = parser.parse_args()
    player = Player(PlayerConfig.from_dict(read_header(options.player)["config"]))
    load_weights(options.player, player)
    player.eval().requires_grad_(False)
    weights = player_weights(player)
    store = Store(options.store)
    pieces = [piece for piece in store.pieces() if piece.has_codes]
    order = np.random.default_rng(options.seed).permutation(len(pieces))
    seconds, begin = 0.0, time.monotonic()
    for piece in [*store.pieces(valid=True), *(pieces[index] for index in order)]:
        if seconds > options.hours * 3600:
            break
        target = piece.folder / NAME
        if not target.exists():
            part = piece.folder / f".{NAME}"
            np.save(part, play(piece, player, weights))
            part.rename(target)
            print(f"{(seconds + len(piece.codes) / 75) / 3600:.2f} h, {seconds / (time.monotonic() - begin):.1f} x real time", flush=True)
        seconds += len(piece.codes) / 75


if __name__ == "__main__":
    main()
