"""Train the player: `python -m model.training.player STORE CODEC OUT --minutes M`.

Crops of stored pieces with their codes; controls and plan are made from labels and notes when a crop is drawn, and dropped at
random: everything, the plan, all controls, or single groups of controls. Several processes train together under
`torchrun --nproc-per-node N -m model.training.player ...` (on CPUs too) or `accelerate launch`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from numpy.typing import NDArray
from torch import Tensor

from jamd.contract.chart import parse_chord
from jamd.contract.units import PARTS
from model.checkpoint import load_what_fits, save_weights
from model.conditioning import GROUPS, Controls, drop_groups, roll
from model.config import PLAYER
from model.generator.player import HISTORY, Player
from model.training.loop import Budget, Loop, mixed
from model.training.muon import MuonAdamW
from model.training.store import Store, StoredPiece
from model.training.tokens import load_codec

Item = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]
"""Codes, controls, roll, codes before, style."""


def controls_of(piece: StoredPiece, start: int, steps: int) -> Controls:
    """Controls of a stretch of a stored piece."""
    about, labels = piece.about, piece.labels
    cut = slice(start, start + steps)
    return Controls(
        beat=labels["beat"][cut],
        beat_in_bar=labels["beat_in_bar"][cut],
        beats_per_bar=np.full(steps, about["beats_per_bar"]),
        tempo=labels["tempo"][cut],
        swing=labels["swing"][cut],
        chord_now=labels["chord_now"][cut].astype(np.int64),
        chord_next=labels["chord_next"][cut].astype(np.int64),
        time_to_next=labels["time_to_next"][cut],
        density=labels["density"][cut],
        energy=labels["energy"][cut],
        register=labels["register"][cut],
        parts=labels["parts"][cut],
        chords=[parse_chord(symbol) for symbol in about["chords"]],
        programs={name: program for name, (_, program) in about["programs"].items()},
    )


def draw(piece: StoredPiece, rng: np.random.Generator, steps: int, start: int | None = None) -> Item:
    """A crop: codes, controls, roll, the codes of the steps before it (-1 before the start of the piece), and a style."""
    total = min(len(piece.codes), len(piece.labels["beat"]))
    if start is None:
        start = 0 if rng.random() < 0.1 else int(rng.integers(total - steps))
    codes = piece.codes[start : start + steps].astype(np.int64)
    before = np.full((HISTORY, codes.shape[1]), -1, np.int64)
    known = piece.codes[max(start - HISTORY, 0) : start]
    if len(known):
        before[-len(known) :] = known
    style = piece.styles[int(rng.integers(len(piece.styles)))].copy() if len(piece.styles) else np.zeros(512, np.float32)
    return codes, controls_of(piece, start, steps).vectors(), roll(piece.notes, start, steps), before, style


def drop(item: Item, rng: np.random.Generator) -> None:
    """Leave conditions out, in place."""
    _, controls, plan, _, style = item
    if rng.random() < 0.25:
        style[:] = 0.0
    which = rng.random()
    if which < 0.16:
        plan[:] = 0.0
    if which < 0.08 or 0.16 <= which < 0.22:
        drop_groups(controls, list(GROUPS))
    else:
        drop_groups(controls, [name for name in GROUPS if rng.random() < 0.1])


def _inside(name: str) -> bool:
    """Whether a matrix of this name lies between activations."""
    return name.startswith(("transformer.", "head.hidden.", "head.up.", "head.down."))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("codec", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--preset", default="small", choices=sorted(PLAYER))
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=0, help="model frames a crop; 0: the window")
    parser.add_argument("--rate", type=float, default=8e-4, help="highest learning rate of Muon")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start-from", type=Path, help="weights to begin with")
    parser.add_argument("--compile", action="store_true", help="by torch.compile: a minute to begin with, then faster")
    options = parser.parse_args()
    accelerator = Accelerator(kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)])
    torch.manual_seed(options.seed)
    rng = np.random.default_rng([options.seed, accelerator.process_index])
    device = accelerator.device
    player = Player(PLAYER[options.preset])
    codec = load_codec(options.codec)
    books = torch.stack([book.codes for book in codec.quantizer.books()])
    player.set_codebooks(books)
    del codec
    if options.start_from:
        load_what_fits(options.start_from, player)
        player.set_codebooks(books)
    player.to(device)
    trained = accelerator.prepare(player) if accelerator.num_processes > 1 else player
    if options.compile:
        trained = torch.compile(trained)
    print(f"{sum(p.numel() for p in player.parameters()) / 1e6:.2f} M parameters", flush=True)
    steps = options.steps or player.config.window
    levels = player.config.levels
    store = Store(options.store)
    optimiser = MuonAdamW.of(player, _inside, options.rate, betas=(0.9, 0.97), weight_decay=0.02)

    def usable(valid: bool) -> list[StoredPiece]:
        return [p for p in store.pieces(valid=valid) if p.has_codes and len(p.codes) > steps + 2]

    def loss_of(items: list[Item]) -> tuple[Tensor, dict[str, float]]:
        codes = torch.from_numpy(np.stack([item[0][:, :levels] for item in items])).to(device)
        controls = torch.from_numpy(np.stack([item[1] for item in items])).to(device)
        plan = torch.from_numpy(np.stack([item[2] for item in items])).to(device)
        before = torch.from_numpy(np.stack([item[3][:, :levels] for item in items])).to(device)
        first = player.vectors(before.clamp(min=0)).sum(dim=-2) * (before[..., :1] >= 0)
        style = torch.from_numpy(np.stack([item[4] for item in items])).to(device)
        with mixed(device):
            losses = (trained if player.training else player)(codes, controls, plan, first, style)
        mean = losses.float().mean(dim=(0, 1))
        return mean.mean(), {f"level{i + 1}": float(x) for i, x in enumerate(mean.detach())}

    def step(number: int) -> tuple[Tensor, dict[str, float]]:
        pieces = usable(False)
        items = [draw(pieces[int(rng.integers(len(pieces)))], rng, steps) for _ in range(options.batch)]
        for item in items:
            drop(item, rng)
        loss, figures = loss_of(items)
        return loss, figures | {"pieces": float(len(pieces))}

    @torch.no_grad()
    def validate() -> dict[str, float]:
        player.eval()
        fixed = np.random.default_rng(0)
        items = [draw(piece, fixed, steps) for piece in usable(True)]
        _, figures = loss_of(items)
        for item in items:
            item[2][:] = 0.0
        _, bare = loss_of(items)
        figures |= {f"{name}_no_plan": value for name, value in bare.items()}
        save_weights(
            options.out / "player.safetensors",
            player,
            "player",
            player.config.to_dict(),
            figures,
            keep_float=("codebooks", "scale", "density"),
        )
        player.train()
        return figures

    assert steps <= player.config.window, f"crops of {steps} steps are longer than the window"
    assert len(PARTS) == controls_of(usable(True)[0], 0, 1).parts.shape[1]
    Loop(player, optimiser, step, options.out, Budget(options.minutes, options.rate), validate, accelerator=accelerator).run()
    accelerator.end_training()  # threads of gloo that outlive the group abort the interpreter at its end (pytorch issue 190489)


if __name__ == "__main__":
    main()
