"""Recordings of a persona alone, made by the corpus: some to learn from, others to be judged by.

They are as a musician makes them who plays to a click: tempo and chart are known, the file begins with the first bar.
"""

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
from model.learning.told import Told

TRAINING, REFERENCE = "training", "reference"
PIECES = ((TRAINING, range(1, 15)), (REFERENCE, range(1, 9)), (TRAINING, range(15, 23)))
"""In the order in which they are drawn: what a player is judged by stays what it was."""
ENOUGH_S = 1500.0
"""Seconds of playing that are learnt from, at most: all of it."""
_FIRST_SEED = 700_000_000


def names() -> list[str]:
    """First names of the personas that no base training has heard."""
    return [one.name.split()[0].lower() for one in held_out_personas()]


def part_of(name: str) -> str:
    """What a persona plays."""
    return held_out_personas()[names().index(name)].part


def record(name: str, folder: Path) -> dict[Path, Told]:
    """Two folders of pieces of half a minute to a minute, by everything that this machine has; those that are there stay.

    Beside each lies what is told of it, as `jamd learn` reads it. Returns the same by resolved paths. Where the machine had other
    instruments or performances when a piece was recorded, it is recorded anew: its chart may be another one.

    Raises:
        ValueError: nobody has this name.
    """
    number = names().index(name)
    persona = held_out_personas()[number]
    parts = [part == persona.part for part in PARTS]
    sources, studio = split(load_sources(), held_out=True), Studio.full()
    seed = _FIRST_SEED + 1000 * number
    told: dict[Path, Told] = {}
    for kind, numbers in PIECES:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for index in numbers:
            path = folder / kind / f"piece{index:02d}.flac"
            seed += 1
            piece = make_piece(seed, persona=persona, parts=parts, studio=studio, sources=sources)
            told[path.resolve()] = Told(piece.tempo, piece.chart, starts_s=0.0)
            beside = path.with_suffix(".toml")
            notes = f'tempo = {float(piece.tempo)!r}\nstarts = 0.0\nchart = """\n{piece.chart.text()}\n"""\n'
            if not path.is_file() or not beside.is_file() or beside.read_text() != notes:
                path.unlink(missing_ok=True)
                beside.write_text(notes)
                audio = render_mix(piece)
                part = path.with_suffix(".part")
                soundfile.write(part, audio, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
                part.replace(path)
    return told
