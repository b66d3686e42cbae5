"""Render pieces of the corpus with their labels and pictures, or measure the speed: `python -m model.corpus --seed 1 --out DIR`.

Into DIR go the mix, a file a part, notes.mid, labels.npz, about.json, caption.txt and picture.png; with `--count`, into a folder a
seed within DIR. The picture needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import soundfile

from jamd.contract.errors import FailureError
from jamd.contract.units import SAMPLE_RATE
from model.corpus.labels import frame_labels
from model.corpus.personas import PERSONAS, Persona, persona
from model.corpus.picture import caption_of, plot_piece
from model.corpus.piece import Piece, make_piece
from model.corpus.real import split
from model.corpus.render import master, render_mix, render_stems, write_midi
from model.corpus.sounds import PLAIN, Studio
from model.corpus.sources import VARIABLE, load_sources


def write_piece(piece: Piece, out: Path) -> None:
    """Render a piece and write all that is known of it into a folder."""
    from model.training.store import about_of

    out.mkdir(parents=True, exist_ok=True)
    stems = render_stems(piece)
    for name, stem in stems.items():
        soundfile.write(out / f"{name}.wav", stem, SAMPLE_RATE)
    mix = master(piece, np.sum(list(stems.values()), axis=0))
    soundfile.write(out / "mix.wav", mix, SAMPLE_RATE)
    write_midi(piece.notes, out / "notes.mid", piece.tempo, piece.beats_per_bar)
    labels = frame_labels(piece)
    labels["chords"] = np.array([chord.symbol for chord in labels["chords"]])
    np.savez(out / "labels.npz", **labels)
    (out / "about.json").write_text(json.dumps(about_of(piece), indent=1) + "\n")
    (out / "caption.txt").write_text(caption_of(piece) + "\n")
    try:
        plot_piece(piece, mix, out / "picture.png")
    except FailureError as error:
        print(error, file=sys.stderr)


def list_personas() -> None:
    for one in PERSONAS:
        held_out = "  [held out of training]" if one.held_out else ""
        print(f"{one.name} ({one.part}){held_out}")
        print(textwrap.fill(one.description, 100, initial_indent="    ", subsequent_indent="    "))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m model.corpus", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1, metavar="K", help="this seed and the next ones")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--persona", metavar="NAME", help="who leads; --personas lists them")
    parser.add_argument("--studio", choices=("plain", "full"), default="plain", help="full: every sound of this machine, recordings")
    parser.add_argument("--real", action="store_true", help=f"real solos, tunes, drumming and chords from the folder that {VARIABLE} names")
    parser.add_argument("--personas", action="store_true", help="list all personas")
    parser.add_argument("--speed", type=int, metavar="PIECES", help="render this many pieces and say how fast")
    options = parser.parse_args()
    leader: Persona | None = None
    try:
        leader = persona(options.persona) if options.persona else None
    except ValueError as error:
        parser.error(f"{error}: --personas lists them")
    sources = split(load_sources()) if options.real else None
    if options.real and not sources:
        parser.error(f"no performances: set {VARIABLE} to a folder that holds them")
    if options.count < 1:
        parser.error("--count is 1 or more")
    studio = Studio.full() if options.studio == "full" else PLAIN

    if options.personas:
        list_personas()
    if options.speed:
        begin, seconds = time.monotonic(), 0.0
        for seed in range(options.seed, options.seed + options.speed):
            piece = make_piece(seed, persona=leader, studio=studio, sources=sources)
            render_mix(piece)
            frame_labels(piece)
            seconds += piece.seconds
        print(f"{seconds / (time.monotonic() - begin):.1f} x real time on one core")
    if options.out:
        for seed in range(options.seed, options.seed + options.count):
            piece = make_piece(seed, persona=leader, studio=studio, sources=sources)
            write_piece(piece, options.out if options.count == 1 else options.out / f"{seed:09d}")
            print(f"{piece.feel} {piece.tempo:g} bpm  {piece.chart.text()}")


if __name__ == "__main__":
    main()
