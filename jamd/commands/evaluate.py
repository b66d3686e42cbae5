"""`jamd evaluate`: base against adapter, held against the player's recordings. See `model.evaluate.personal`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from jamd.commands.arguments import between, parts
from jamd.contract.errors import UsageError

BASE = "base"


def add(commands: Any) -> None:
    evaluate = commands.add_parser("evaluate", help="how much nearer to a player an adapter is than the base")
    evaluate.add_argument("--adapter", required=True, metavar="NAME", help="the adapter that is judged")
    evaluate.add_argument("--reference", type=Path, required=True, metavar="DIR", help="the player's recordings, best unheard ones")
    evaluate.add_argument("--training", type=Path, metavar="DIR", help="the recordings that it learned from, to tell copies")
    evaluate.add_argument("--strength", type=between(0.0, 2.0), default=1.0, metavar="X", help="of the adapter (1)")
    evaluate.add_argument("--parts", type=parts, metavar="piano,bass,drums,horn", help="who plays; else who is heard in the reference")
    evaluate.add_argument("--samples", type=between(2, 200, int), metavar="N", help="renders of each (10)")
    evaluate.add_argument("--seconds", type=between(4.0, 120.0), metavar="S", help="of a render (12)")
    evaluate.add_argument("--quick", action="store_true", help="fewer and shorter renders, wider intervals")
    evaluate.add_argument("--seed", type=between(0, 2**31 - 1000, int), default=1, metavar="N", help="of charts and renders (1)")
    evaluate.add_argument("--model", default="small", help="the base: a size that ships, or a folder with weights (small)")
    evaluate.add_argument("--out", type=Path, metavar="DIR", help="keep the renders there")
    evaluate.add_argument("--json", action="store_true", help="print everything as JSON, not as a table")


class _Progress:
    """One line of stderr that is written over; nothing where nobody looks."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()

    def __call__(self, what: str, share: float) -> None:
        if self.live:
            print(f"\r\x1b[K{share:4.0%} {what}", end="", file=sys.stderr, flush=True)

    def part(self, low: float, high: float) -> Any:
        """The same for a part of the whole."""
        return lambda what, share: self(what, low + (high - low) * share)

    def close(self) -> None:
        if self.live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def run(options: argparse.Namespace) -> int:
    import torch

    from jamd.adapter_folders import find_adapter
    from jamd.told import find_told
    from model.adapters.rack import AdapterRack
    from model.evaluate.personal import Options, compare, read_reference, to_table, with_adapters
    from model.generator.models import load_models
    from model.metrics.plain import plain

    torch.set_num_threads(1)
    if options.adapter == BASE:
        raise UsageError(f"--adapter is a learned player, not {BASE}: that is what it is held against")
    for path in (options.reference, options.training):
        if path is not None and not path.exists():
            raise UsageError(f"there is no {path}")
    folder = find_adapter(options.adapter)
    models = load_models(options.model)
    rack = AdapterRack(models)
    name = rack.load(folder)
    manifest = rack.entries()[name].manifest
    assert manifest is not None
    plays = str(manifest.training.get("plays") or "")
    how = Options.quick() if options.quick else Options()
    how = how.given(
        samples=options.samples, seconds=options.seconds, seed=options.seed, parts=options.parts or (parts(plays) if plays else None)
    )
    progress = _Progress()
    try:
        recordings, told = find_told([options.reference])
        training, more = find_told([options.training]) if options.training else ([], {})
        reference = read_reference(
            recordings, models.style, learned_hash=manifest.data_hash, training=training, told=told | more,
            progress=progress.part(0.0, 0.3),
        )  # fmt: skip
        players = {BASE: with_adapters(rack, []), name: with_adapters(rack, [(name, options.strength)])}
        found = compare(players, reference, how, style=models.style, out=options.out, progress=progress.part(0.3, 1.0))
    finally:
        progress.close()
    if options.json:
        about = {
            "adapter": name, "strength": options.strength, "model": options.model, "seed": how.seed, "samples": how.samples,
            "reference": {"path": str(options.reference), "clips": len(reference.clips), "seconds": round(reference.seconds, 1)},
        }  # fmt: skip
        print(json.dumps(plain({**about, **found.as_dict()}), indent=2))
    else:
        print(f"{name} at strength {options.strength:g} beside {BASE}, {reference.seconds:.0f} s of the player\n")
        print(to_table(found))
    return 0
