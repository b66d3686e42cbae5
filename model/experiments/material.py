"""Recordings of a persona alone, made by the corpus: some to learn from, others to be judged by."""

from __future__ import annotations

from pathlib import Path

import soundfile

from jamd.contract.units import PARTS, SAMPLE_RATE
from model.corpus.personas import held_out_personas
from model.corpus.piece import make_piece
from model.corpus.real import split
from model.corpus.render import render_mix
from model.corpus.sounds import Studio
from model.corpus.sources import load_sources

TRAINING, REFERENCE = "training", "reference"
PIECES = {TRAINING: 14, REFERENCE: 8}
_FIRST_SEED = 700_000_000


def names() -> list[str]:
    """First names of the personas that no base training has heard."""
    return [one.name.split()[0].lower() for one in held_out_personas()]


def part_of(name: str) -> str:
    """What a persona plays."""
    return held_out_personas()[names().index(name)].part


def record(name: str, folder: Path) -> None:
    """Two folders of pieces of half a minute to a minute, by everything that this machine has; those that are there stay.

    Raises:
        ValueError: nobody has this name.
    """
    number = names().index(name)
    persona = held_out_personas()[number]
    parts = [part == persona.part for part in PARTS]
    sources, studio = split(load_sources(), held_out=True), Studio.full()
    seed = _FIRST_SEED + 1000 * number
    for kind, count in PIECES.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            path = folder / kind / f"piece{index + 1:02d}.flac"
            seed += 1
            if not path.is_file():
                audio = render_mix(make_piece(seed, persona=persona, parts=parts, studio=studio, sources=sources))
                part = path.with_suffix(".part")
                soundfile.write(part, audio, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
                part.replace(path)
