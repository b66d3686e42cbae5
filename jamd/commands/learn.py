"""`jamd learn`: see `jamd.trainer`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from jamd.commands.arguments import between, parts
from jamd.contract.units import TEMPO_MAX, TEMPO_MIN


def add(commands: Any) -> None:
    learn = commands.add_parser("learn", help="make a partner of recordings of your playing")
    learn.add_argument("recordings", nargs="+", type=Path, metavar="RECORDINGS", help="files or folders; 5 to 10 minutes are good")
    learn.add_argument("--name", required=True, help="what the partner is called")
    learn.add_argument("--style", default="", metavar="TEXT", help="your playing in plain words")
    learn.add_argument("--plays", type=parts, metavar="piano,bass,drums,horn", help="what is heard in the recordings, if nothing else is")
    learn.add_argument("--tempo", type=between(TEMPO_MIN, TEMPO_MAX), metavar="BPM", help="of the recordings (it is heard)")
    learn.add_argument("--chart", metavar="TEXT|FILE", help="that the recordings follow (chords are heard)")
    learn.add_argument("--starts", type=between(-3600, 36000), metavar="S", help="second at which the first bar begins (it is found)")
    learn.add_argument("--base", default="small", metavar="small|PATH", help="the model that is adapted (small)")
    learn.add_argument("--minutes", type=between(0.1, 600), default=20.0, metavar="M", help="of training, at most (20)")
    learn.add_argument("--rank", type=between(1, 64, int), default=8, metavar="R", help="width of what is learnt (8)")
    learn.add_argument("--alpha", type=between(0.1, 256), metavar="A", help="scale of what is learnt (twice the rank)")
    learn.add_argument("--targets", default="attention", choices=("attention", "feed-forward", "both"), help="what is adapted (attention)")
    learn.add_argument("--dora", action="store_true", help="learn magnitudes of rows as well (DoRA)")
    learn.add_argument("--precision", default="nf4", choices=("nf4", "bf16", "float32"), help="of the base in the training (nf4: QLoRA)")
    learn.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where it trains (auto)")
    learn.add_argument("--seed", type=between(0, 2**31 - 1, int), default=1, metavar="N", help="of everything that is drawn (1)")
    learn.add_argument("--force", action="store_true", help="take less than two minutes of playing, too")
    learn.add_argument("--replace", action="store_true", help="an adapter of this name may go")
    learn.add_argument("--json", action="store_true", help="print progress and result as lines of JSON")


def run(options: argparse.Namespace) -> int:
    from jamd.told import find_told, told_of
    from jamd.trainer.run import run as train
    from model.learning.learn import Order
    from model.learning.recipe import Recipe

    recordings, told = find_told(options.recordings, told_of(options.tempo, options.chart, options.starts))
    order = Order(recordings, options.name, options.style, options.base, options.plays, told, options.force, options.device)
    recipe = Recipe(
        rank=options.rank, alpha=options.alpha or 2.0 * options.rank, targets=options.targets, precision=options.precision,
        minutes=options.minutes, seed=options.seed, dora=options.dora,
    )  # fmt: skip
    return train(order, recipe, replace_old=options.replace, as_json=options.json)
