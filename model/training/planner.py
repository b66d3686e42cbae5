"""Train the planner on endless notes: `python -m model.training.planner OUT --minutes M`.

Worker processes make pieces without rendering them; training draws crops from a reservoir of the newest ones, each in a random key.
"""

from __future__ import annotations

import argparse
import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.checkpoint import load_what_fits, save_weights
from model.config import PLANNER
from model.corpus.medley import join
from model.corpus.piece import Piece, make_piece
from model.corpus.sounds import Studio
from model.generator.events import (
    FIELDS,
    REST,
    BeatContext,
    Events,
    blank,
    encode,
    transpose_contexts,
)
from model.generator.planner import Planner
from model.style.encoder import StyleEncoder
from model.training.loop import Budget, Loop, mixed
from model.training.muon import MuonAdamW

VALID_SEEDS = range(900_000_000, 900_000_048)
DROPPED = {"swing": 0.2, "density": 0.2, "energy": 0.2, "register": 0.3, "feel": 0.2, "form": 0.15}
TURNED = ("feel", "swing")
"""Told in every medley: nothing else says what follows."""
MANNER = ("lag", "legato", "voicing", "wide")
UNTOLD, UNTOLD_RESTLESS = 0.6, 0.4
"""Share of the crops in which each of a manner is left out by itself: a style tells a part of it or nothing. In restless pieces it is what
tells them apart, so that more is told."""
BARE = 0.08
"""Share of the crops that are told nothing of what can be left out, so that the style has something to say."""


@dataclass(frozen=True)
class PlannerPiece:
    events: Events
    beats: NDArray[np.int64]
    contexts: NDArray[np.float32]
    """One row a beat."""
    captions: tuple[str, ...] = ()
    styles: NDArray[np.float32] | None = None
    """Embeddings of the captions. Shape: [captions, style width]."""
    restless: bool = False
    """In drawn manners that change."""
    starts: tuple[int, ...] = (0,)
    """Beat at which each band of a medley takes over; each has as many captions."""


def contexts_of(piece: Any) -> NDArray[np.float32]:
    """What the planner is told of each beat of a piece. Shape: [beats, CONTEXT_WIDTH]."""
    rows = []
    per_bar = piece.beats_per_bar
    for beat in range(piece.bars * per_bar + 1):
        bar = min(beat // per_bar, piece.bars - 1)
        rows.append(
            BeatContext(
                chart=piece.chart,
                chart_beat=float(beat),
                bar=beat // per_bar % max(len(piece.chart.bars), 1),
                beat_in_bar=beat % per_bar,
                tempo=piece.tempo,
                parts=tuple(bool(x) for x in piece.parts[bar]),
                swing=piece.swing,
                density=float(piece.density[bar]),
                energy=float(piece.energy[bar]),
                register=float(piece.register[bar]),
                feel=piece.feel,
                lag=piece.manners[bar].lag,
                legato=piece.manners[bar].legato,
                voicing=piece.manners[bar].voicing,
                wide=piece.manners[bar].wide,
            ).vector()
        )
    return np.stack(rows)


PERSONAS = 0.5
"""Share of the pieces that one leads."""
RESTLESS = 0.8
"""Share of those that none leads which are restless: what came before tells a manner that stays, one that changes must be read."""
SECONDS = (20.0, 150.0)
"""Length of the training pieces: up to three choruses, so that what comes again after one can be learnt."""
AHEAD = 8
"""Pieces that are ordered ahead of need, a worker."""
CAPTIONS = 4
"""Wordings of each piece, and of each band of a medley."""
MEDLEYS = 0.35
"""Share of the pieces that are medleys. What came before is always in the feel that is told, but for these: without them a planner
follows what it played, whatever it is told."""
VALID_MEDLEYS = range(900_001_000, 900_001_024)
BANDS = 4
"""Of a medley, at most."""
_TURNING = ("swing", "bossa", "ballad", "modal", "funk")
"""Feels that can follow each other on one chart."""


def make(seed: int) -> PlannerPiece:
    """Events and contexts of the corpus piece of a seed, by everything that this machine has.

    Validation pieces are made of solos and tunes that no training piece has.
    """
    medley = seed in VALID_MEDLEYS or (seed not in VALID_SEEDS and np.random.default_rng([20_41, seed]).random() < MEDLEYS)
    return _make_medley(seed) if medley else _made([_make_band(seed)], [0])


def _make_band(seed: int, **given: Any) -> Piece:
    from model.corpus.real import split
    from model.corpus.sources import load_sources
    from model.training.store import draw_persona

    held_out = seed in VALID_SEEDS or seed in VALID_MEDLEYS
    persona = draw_persona(seed, PERSONAS)
    restless = persona is None and not held_out and np.random.default_rng([20_39, seed]).random() < RESTLESS
    if persona is not None and "chart" in given:
        given.pop("feel", None)  # its own
    sources = split(load_sources(), held_out=held_out)
    fields: dict[str, Any] = {"persona": persona, "restless": restless, "studio": Studio.full(), "sources": sources}
    return make_piece(seed, **(fields | {"seconds": (20, 60) if held_out else SECONDS} | given))


def _make_medley(seed: int) -> PlannerPiece:
    """Bands after each other on the chart of the first, each in a feel of its own, most with the first one's parts and knobs."""
    rng = np.random.default_rng([20_42, seed])
    pieces, starts = [_make_band(seed, feel=str(rng.choice(_TURNING)))], [0]
    first = pieces[0]
    while first.beats_per_bar == 4 and len(pieces) < BANDS:
        start = starts[-1] + (4 * int(rng.integers(1, 6)) if rng.random() < 0.7 else int(rng.integers(2, 17)))
        if start > first.bars - 2:
            break
        given: dict[str, Any] = {"chart": first.chart, "tempo": first.tempo, "bars": first.bars, "feel": str(rng.choice(_TURNING))}
        if rng.random() < 0.7:
            given |= {"density": first.density, "energy": first.energy, "register": first.register}
        if rng.random() < 0.8:
            given["parts"] = first.parts
        pieces.append(_make_band(int(rng.integers(1 << 40)), **given))
        starts.append(start)
    return _made(pieces, starts)


def _made(pieces: list[Piece], starts: list[int]) -> PlannerPiece:
    from model.training.store import about_of
    from model.training.style import describe

    first = pieces[0]
    events, beats = encode(join(pieces, starts))
    captions = []
    for piece in pieces:
        rng, about = np.random.default_rng([20_28, piece.seed]), about_of(piece)
        captions += [describe(rng, about, 0.0, piece.seconds) for _ in range(CAPTIONS)]
    every = np.stack([contexts_of(piece) for piece in pieces])
    at = np.arange(every.shape[1])
    begins = tuple(start * first.beats_per_bar for start in starts)
    return PlannerPiece(
        events, np.minimum(beats, first.bars * first.beats_per_bar), every[band_of(at, begins), at], tuple(captions),
        restless=any(len(set(piece.manners)) > 1 for piece in pieces), starts=begins,
    )  # fmt: skip


BLUR = 0.6
"""Length of the noise beside an embedding of length 1: a wording must not give its piece away."""


def _blurred(style: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    noisy = style + BLUR * len(style) ** -0.5 * rng.standard_normal(len(style)).astype(np.float32)
    return (noisy / np.linalg.norm(noisy)).astype(np.float32)


Item = tuple[Events, NDArray[np.float32], NDArray[np.float32]]
"""Events, contexts, and a style for all of it [style width] or one each [n, style width]."""


def band_of(beats: NDArray[np.int64], starts: Sequence[int]) -> NDArray[np.int64]:
    """Which band of a medley each beat belongs to. Shape: [beats] to the same."""
    return np.searchsorted(np.asarray(starts), beats, side="right") - 1


def crop(piece: PlannerPiece, rng: np.random.Generator, length: int, unstyled: float = 0.35) -> Item:
    """A random stretch in a random key with a style; shorter pieces are padded with rests that the loss leaves out."""
    count = len(piece.events)
    start = int(rng.integers(count - length + 1)) if count > length else 0
    events = piece.events[start : start + length].copy()
    beats = piece.beats[start : start + length]
    contexts = piece.contexts[beats]
    if start:  # as at the start of a stream: the beat of the first event is where the count begins
        events[0, 0] = 0
    shift = int(rng.integers(-5, 7))
    pitched = (events[:, 2] != 2) & (events[:, 2] != REST)
    events[pitched, 3] = np.clip(events[pitched, 3] + shift, 0, 127)
    contexts = transpose_contexts(contexts, shift)
    bare = rng.random() < BARE
    medley = len(piece.starts) > 1
    for name, share in (DROPPED | dict.fromkeys(MANNER, UNTOLD_RESTLESS if piece.restless else UNTOLD)).items():
        if (bare or rng.random() < share) and not (medley and name in TURNED):
            blank(contexts, name)
    if len(events) < length:
        short = length - len(events)
        events = np.concatenate((events, np.tile([[0, 0, REST, 0, 0, 0]], (short, 1))))
        contexts = np.concatenate((contexts, np.zeros((short, contexts.shape[1]), np.float32)))
        beats = np.concatenate((beats, np.repeat(beats[-1:], short)))
    style = np.zeros(512, np.float32)
    if piece.styles is not None and rng.random() >= unstyled:
        count = len(piece.styles) // len(piece.starts)
        bands = np.stack([_blurred(piece.styles[count * band + int(rng.integers(count))], rng) for band in range(len(piece.starts))])
        style = bands[band_of(beats, piece.starts)] if medley else bands[0]
    return events, contexts, style


def stacked(items: Sequence[Item]) -> tuple[Tensor, Tensor, Tensor]:
    """Crops as a batch. Shape: styles [batch, n, style width]."""
    events, contexts, styles = zip(*items, strict=True)
    each = [np.broadcast_to(style, (len(row), style.shape[-1])) for row, style in zip(events, styles, strict=True)]
    return torch.from_numpy(np.stack(events)), torch.from_numpy(np.stack(contexts)), torch.from_numpy(np.stack(each))


def _inside(name: str) -> bool:
    """Whether a matrix of this name lies between activations."""
    return name.startswith("transformer.") or (name.startswith("heads.") and ".up." in name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--preset", default="small", choices=sorted(PLANNER))
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=0, help="events a crop; 0: as many as attention reaches")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate of Muon")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--reservoir", type=int, default=3000)
    parser.add_argument("--first-seed", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--style", type=Path, help="weights of the style encoder; without, no style is learnt")
    parser.add_argument("--start-from", type=Path, help="weights to begin with; what they lack begins anew")
    parser.add_argument("--compile", action="store_true", help="by torch.compile: a minute to begin with, then faster")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    planner = Planner(PLANNER[options.preset]).to(device)
    length = options.length or planner.config.context
    if options.start_from:
        load_what_fits(options.start_from, planner)
    trained = torch.compile(planner) if options.compile else planner
    encoder = StyleEncoder.load(options.style) if options.style else None
    print(f"{sum(p.numel() for p in planner.parameters()) / 1e6:.2f} M parameters", flush=True)

    @torch.no_grad()
    def styled(piece: PlannerPiece) -> PlannerPiece:
        if encoder is None:
            return piece
        return replace(piece, styles=encoder.embed_text(piece.captions).numpy())

    pool = get_context("spawn").Pool(options.workers)
    seeds = itertools.count(options.first_seed)
    waiting = deque(pool.apply_async(make, (next(seeds),)) for _ in range(AHEAD * options.workers))
    pieces: deque[PlannerPiece] = deque(maxlen=options.reservoir)

    def take(wait: bool) -> None:
        """Move a finished piece into the reservoir and order the next; workers never run far ahead."""
        if wait or waiting[0].ready():
            pieces.append(styled(waiting.popleft().get()))
            waiting.append(pool.apply_async(make, (next(seeds),)))

    while len(pieces) < 64:
        take(wait=True)
    valid, valid_medleys = ([styled(make(seed)) for seed in seeds] for seeds in (VALID_SEEDS, VALID_MEDLEYS))
    optimiser = MuonAdamW.of(planner, _inside, options.rate, betas=(0.9, 0.98), weight_decay=0.02)

    def loss_of(items: list[Item]) -> tuple[Tensor, dict[str, float]]:
        events, contexts, styles = (tensor.to(device) for tensor in stacked(items))
        with mixed(device):
            losses = (trained if torch.is_grad_enabled() else planner)(events, contexts, styles).float()
        padded = (events[..., 2] == REST) & (events[..., 0] == 0)
        weight = (~padded).unsqueeze(-1).float()
        mean = (losses * weight).sum(dim=(0, 1)) / weight.sum()
        return mean.sum(), {name: float(value) for name, value in zip(FIELDS, mean.detach(), strict=True)}

    def step(number: int) -> tuple[Tensor, dict[str, float]]:
        for _ in range(options.batch):  # as many come as are drawn
            take(wait=False)
        chosen = [pieces[int(rng.integers(len(pieces)))] for _ in range(options.batch)]
        loss, figures = loss_of([crop(piece, rng, length) for piece in chosen])
        return loss, figures | {"pieces": float(len(pieces))}

    @torch.no_grad()
    def validate() -> dict[str, float]:
        fixed = np.random.default_rng(0)
        items = [crop(piece, fixed, length, unstyled=0.0) for piece in valid]
        loss, figures = loss_of(items)
        figures["loss"] = float(loss)
        figures["loss_medleys"] = float(loss_of([crop(piece, fixed, length, unstyled=0.0) for piece in valid_medleys])[0])
        figures["loss_unstyled"] = float(loss_of([(events, contexts, style * 0) for events, contexts, style in items])[0])
        save_weights(options.out / "planner.safetensors", planner, "planner", planner.config.to_dict(), figures)
        return figures

    try:
        Loop(planner, optimiser, step, options.out, Budget(options.minutes, options.rate), validate).run()
    finally:
        pool.terminate()


if __name__ == "__main__":
    main()
