"""Render a piece of the corpus, or measure the speed: `python -m model.corpus --seed 1 --out DIR`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import soundfile

from jamd.contract.units import SAMPLE_RATE
from model.corpus.labels import frame_labels
from model.corpus.piece import make_piece
from model.corpus.render import master, render_mix, render_stems, write_midi


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m model.corpus", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--speed", type=int, metavar="PIECES", help="render this many pieces and say how fast")
    options = parser.parse_args()
    if options.speed:
        begin, seconds = time.monotonic(), 0.0
        for seed in range(options.seed, options.seed + options.speed):
            piece = make_piece(seed)
            render_mix(piece)
            frame_labels(piece)
            seconds += piece.seconds
        print(f"{seconds / (time.monotonic() - begin):.1f} x real time on one core")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        piece = make_piece(options.seed)
        stems = render_stems(piece)
        for name, stem in stems.items():
            soundfile.write(options.out / f"{name}.wav", stem, SAMPLE_RATE)
        soundfile.write(options.out / "mix.wav", master(piece, np.sum(list(stems.values()), axis=0)), SAMPLE_RATE)
        write_midi(piece.notes, options.out / "notes.mid", piece.tempo, piece.beats_per_bar)
        labels = frame_labels(piece)
        labels["chords"] = np.array([chord.symbol for chord in labels["chords"]])
        np.savez(options.out / "labels.npz", **labels)
        print(f"{piece.feel} {piece.tempo:g} bpm  {piece.chart.text()}")


if __name__ == "__main__":
    main()
