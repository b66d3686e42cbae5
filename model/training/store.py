"""Rendered pieces on disk: audio for random crops, notes and labels for controls, codes for the player.

One folder a piece, named by its seed. `prepare` fills it from worker processes while a training already reads it: the training
looks for new pieces now and then. Everything can be made again from the seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jamd.contract.units import FRAME_SAMPLES
from model.corpus.personas import Persona
from model.corpus.piece import Piece
from model.corpus.real import split
from model.corpus.sounds import PLAIN, Studio, at_hand, choose
from model.corpus.sources import load_sources


@dataclass(frozen=True)
class StoredPiece:
    folder: Path

    @property
    def seed(self) -> int:
        return int(self.folder.name)

    @cached_property
    def about(self) -> dict[str, Any]:
        """Chart text, tempo, feel, metre, swing, bars and other plain values."""
        return json.loads((self.folder / "about.json").read_text())  # type: ignore[no-any-return]

    @cached_property
    def audio(self) -> NDArray[np.int16]:
        """Memory-mapped mix. Shape: [samples, 2]."""
        return np.load(self.folder / "mix.npy", mmap_mode="r")  # type: ignore[no-any-return]

    @cached_property
    def notes(self) -> NDArray[Any]:
        return np.load(self.folder / "notes.npy")  # type: ignore[no-any-return]

    @cached_property
    def labels(self) -> dict[str, NDArray[Any]]:
        with np.load(self.folder / "labels.npz") as file:
            return dict(file)

    @cached_property
    def styles(self) -> NDArray[np.float32]:
        """Style embeddings of captions and stretches of audio. Shape: [n, style width]; n is 0 where none were written."""
        path = self.folder / "styles.npy"
        return np.load(path).astype(np.float32) if path.exists() else np.zeros((0, 512), np.float32)

    @property
    def has_codes(self) -> bool:
        return (self.folder / "codes.npy").exists()

    @cached_property
    def codes(self) -> NDArray[np.int16]:
        """Shape: [steps, levels]."""
        return np.load(self.folder / "codes.npy")  # type: ignore[no-any-return]


class Store:
    """All finished pieces under a folder, read again at most every `refresh_s` seconds."""

    def __init__(self, folder: Path, refresh_s: float = 30.0, held_out: int = 12) -> None:
        self.folder = folder
        self.refresh_s = refresh_s
        self.held_out = held_out
        self._read_at = -1e9
        self._pieces: list[StoredPiece] = []

    def pieces(self, *, valid: bool = False) -> list[StoredPiece]:
        """Training pieces, or the `held_out` pieces of lowest seed."""
        if time.monotonic() - self._read_at > self.refresh_s:
            known = {piece.folder.name: piece for piece in self._pieces}
            names = sorted(p.name for p in self.folder.iterdir() if p.name.isdigit())
            self._pieces = [known.get(name) or StoredPiece(self.folder / name) for name in names]
            self._read_at = time.monotonic()
        return self._pieces[: self.held_out] if valid else self._pieces[self.held_out :]

    def crops(self, rng: np.random.Generator, samples: int, *, valid: bool = False) -> Iterator[NDArray[np.float32]]:
        """Endless random crops of audio, aligned anywhere. Shape: [2, samples]."""
        while True:
            pieces = self.pieces(valid=valid)
            audio = pieces[int(rng.integers(len(pieces)))].audio
            if len(audio) <= samples:
                continue
            start = int(rng.integers(len(audio) - samples))
            yield audio[start : start + samples].T.astype(np.float32) / 32768.0


def about_of(piece: Piece) -> dict[str, Any]:
    """Everything of a piece that is neither notes nor sound, as plain values."""
    return {
        "seed": piece.seed,
        "chart": piece.chart.text(),
        "tempo": piece.tempo,
        "feel": piece.feel,
        "bars": piece.bars,
        "beats_per_bar": piece.beats_per_bar,
        "swing": piece.swing,
        "density": [float(x) for x in piece.density],
        "energy": [float(x) for x in piece.energy],
        "register": [float(x) for x in piece.register],
        "parts": [[bool(x) for x in row] for row in piece.parts],
        "programs": {name: list(program) for name, program in piece.programs.items()},
        "instruments": {name: sound.name for name, sound in piece.sounds.items()},
        "room": None if piece.recording is None else piece.recording.room,
        "persona": piece.persona,
    }


def render_piece(folder: Path, seed: int, any_sounds: bool = False, **given: Any) -> float:
    """Make, render and store the piece of a seed; returns its seconds. An existing piece is left alone.

    Args:
        any_sounds: see `with_any_sounds`.
        given: of `make_piece`.
    """
    from model.corpus.labels import frame_labels
    from model.corpus.piece import make_piece
    from model.corpus.render import render_mix

    target = folder / f"{seed:09d}"
    if target.exists():
        return 0.0
    piece = make_piece(seed, **given)
    if any_sounds:
        piece = with_any_sounds(piece, given.get("studio", PLAIN))
    mix = render_mix(piece)
    mix = mix[: len(mix) // FRAME_SAMPLES * FRAME_SAMPLES]
    labels = dict(frame_labels(piece))
    chords = labels.pop("chords")
    part = folder / f".{seed:09d}.{os.getpid()}"
    part.mkdir(parents=True)
    np.save(part / "mix.npy", np.clip(mix * 32768.0, -32768, 32767).astype(np.int16))
    np.save(part / "notes.npy", piece.notes)
    np.savez(part / "labels.npz", **labels)
    about = about_of(piece) | {"chords": [chord.symbol for chord in chords]}
    (part / "about.json").write_text(json.dumps(about))
    part.rename(target)
    return len(mix) / 48_000


def with_any_sounds(piece: Piece, studio: Studio) -> Piece:
    """The same piece, its piano, bass and drums on any sounds that are at hand: every instrument is as likely as the grand."""
    rng = np.random.default_rng([20_38, piece.seed])
    sounds, programs = dict(piece.sounds), dict(piece.programs)
    for part in ("piano", "bass", "drums"):
        names = sorted({sound.name for sound in at_hand(studio) if sound.part == part})
        sounds[part] = choose(rng, part, 0, studio, names[int(rng.integers(len(names)))])
        programs[part] = (programs[part][0], sounds[part].program)
    return replace(piece, sounds=sounds, programs=programs)


def draw_persona(seed: int, share: float) -> Persona | None:
    """The persona that leads a piece, or none; never one that is held out."""
    from model.corpus.personas import training_personas

    rng = np.random.default_rng([20_27, seed])
    known = training_personas()
    return known[int(rng.integers(len(known)))] if rng.random() < share else None


def _render(job: tuple[Path, int, float, Studio, bool]) -> float:
    folder, seed, share, studio, any_sounds = job
    sources = split(load_sources()) if studio.recordings else None
    return render_piece(folder, seed, any_sounds, persona=draw_persona(seed, share), studio=studio, sources=sources)


def main() -> None:
    parser = argparse.ArgumentParser(description="Render pieces of the corpus into a store.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--studio", choices=("plain", "full"), default="full", help="full: every sound of this machine, recordings")
    parser.add_argument("--personas", type=float, default=0.5, help="share of the pieces that a persona leads")
    parser.add_argument("--any-sounds", action="store_true", help="piano, bass and drums on every sound alike, guitar and organ among them")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    studio = Studio.full() if options.studio == "full" else PLAIN
    seeds = range(options.first, options.first + options.count)
    jobs = [(options.folder, seed, options.personas, studio, options.any_sounds) for seed in seeds]
    begin, seconds = time.monotonic(), 0.0
    with get_context("spawn").Pool(options.workers) as pool:
        for done, length in enumerate(pool.imap_unordered(_render, jobs), 1):
            seconds += length
            if done % 20 == 0:
                spent = time.monotonic() - begin
                print(f"{done} pieces, {seconds / 3600:.2f} h, {seconds / spent:.1f} x real time", flush=True)


if __name__ == "__main__":
    main()
