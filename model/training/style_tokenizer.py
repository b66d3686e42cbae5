"""Train the tokenizer of style prompts on captions: `python -m model.training.style_tokenizer [OUT]`. A pure function of its seed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jamd.contract.units import PARTS
from model.corpus.captions import caption
from model.corpus.personas import INSTRUMENTS, ROOMS, training_personas
from model.corpus.wordings import FEEL, unrelated_text
from model.style.tokenizer import SIZE, StyleTokenizer

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"


def random_caption(rng: np.random.Generator, *, held_out: bool = False) -> str:
    """The caption of a piece that nobody plays: every attribute is drawn by itself."""
    everybody = training_personas()
    persona = everybody[int(rng.integers(len(everybody)))] if rng.random() < 0.6 else None
    return caption(
        rng,
        feel=tuple(FEEL)[int(rng.integers(len(FEEL)))],
        tempo=float(rng.uniform(50, 300)),
        instruments={part: names[int(rng.integers(len(names)))] for part, names in INSTRUMENTS.items()},
        parts=[bool(rng.random() < 0.7) for _ in PARTS],
        density=float(rng.random()),
        energy=float(rng.random()),
        register=float(rng.random()),
        room=ROOMS[int(rng.integers(len(ROOMS)))],
        persona=persona,
        held_out=held_out,
    )


def training_texts(seed: int, count: int) -> Iterator[str]:
    """Captions in the wordings of the training, the training personas' descriptions, and unrelated words a tenth of the time."""
    rng = np.random.default_rng([2048, seed])
    yield from (persona.description for persona in training_personas())
    yield from (unrelated_text(rng) if index % 10 == 0 else random_caption(rng) for index in range(count))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, nargs="?", default=WEIGHTS / "small-style-tokenizer.json")
    parser.add_argument("--count", type=int, default=60_000)
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tokenizer = StyleTokenizer.train(training_texts(options.seed, options.count), options.size)
    tokenizer.save(options.out)
    print(f"{len(tokenizer)} entries", flush=True)


if __name__ == "__main__":
    main()
