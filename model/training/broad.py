"""Sounds beyond the band, for the codec: `python -m model.training.broad STORE --count N`, or `--recordings FOLDER`.

A codec that has heard nothing but bands in rooms fills the silence above a bare string with a band's hiss. Sketches are one to three
instruments of General MIDI, any of them, alone in a dry room or through the effects of a guitarist, with rests, soft and loud, dark and
bright. Recordings are whatever sound files a folder has. Both are written as pieces with nothing but their sound, which is all that
`model.training.codec --broad` reads.

Needs pedalboard for the effects of sketches; they are dry without it.
"""

from __future__ import annotations

import argparse
import json
import os
import zlib
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from jamd.contract.units import FRAME_SAMPLES, PARTS, SAMPLE_RATE
from model.corpus.notes import Notes, make_notes
from model.corpus.render import SOUNDFONT, render_part
from model.corpus.sounds import find_soundfont

Audio = NDArray[np.float32]
SOUNDFONTS: Final = (SOUNDFONT.name, "MuseScore_General_Lite.sf3", "TimGM6mb.sf2")
KITS: Final = (0, 8, 16, 24, 25, 32, 40, 48)
SCALES: Final = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 6, 7, 10), tuple(range(12)))
SOUND_FILES: Final = (".wav", ".flac", ".ogg", ".aif", ".aiff")
PIECE_S: Final = 30.0


def draw_notes(rng: np.random.Generator, seconds: float, drums: bool) -> Notes:
    """A voice of a sketch: single notes, chords, or a line, with rests; a beat is a second."""
    part = PARTS.index("drums" if drums else "piano")
    scale, root = SCALES[int(rng.integers(len(SCALES)))], int(rng.integers(12))
    centre, spread = rng.uniform(40, 84), rng.uniform(3, 12)
    manner = str(rng.choice(("notes", "chords", "line")))
    gap = float(np.exp(rng.uniform(np.log(0.09), np.log(0.4 if manner == "line" else 2.5))))
    held = float(np.exp(rng.uniform(np.log(0.3), np.log(2.5))))
    loud = rng.uniform(40, 110)
    rows: list[tuple[int, int, float, float, float]] = []
    at, pitch = float(rng.uniform(0, 0.5)), centre
    while at < seconds - 0.3:
        pitch = pitch + rng.normal(0, 2.5) + 0.1 * (centre - pitch) if manner == "line" else rng.normal(centre, spread)
        for _ in range(int(rng.integers(2, 6)) if manner == "chords" else 1):
            one = rng.normal(pitch, 6) if manner == "chords" else pitch
            octave, degree = divmod(round(one) - root, 12)
            tone = int(np.clip(rng.integers(35, 60) if drums else root + 12 * octave + min(scale, key=lambda s: abs(s - degree)), 21, 108))
            rows.append((part, tone, float(np.clip(rng.normal(loud, 12), 8, 127)), at, gap * held * rng.uniform(0.6, 1.3)))
        at += gap * float(rng.choice((0.5, 1.0, 1.0, 1.0, 2.0))) * rng.uniform(0.95, 1.05)
        if rng.random() < 0.06:
            at += rng.uniform(0.5, 3.0)
    return make_notes(rows, 60.0)


def _through_effects(audio: Audio, rng: np.random.Generator) -> Audio:
    """Up to three effects, or none. Shape: [frames, 2] to the same."""
    if rng.random() < 0.35 or find_spec("pedalboard") is None:
        return audio
    import pedalboard as boards

    audio = audio * np.float32(0.25 / max(float(np.abs(audio).max()), 1e-4))
    kinds = rng.choice(9, size=int(rng.integers(1, 4)), replace=False, p=(0.2, 0.07, 0.12, 0.1, 0.1, 0.2, 0.1, 0.06, 0.05))
    made: dict[int, Any] = {
        0: lambda: boards.LowpassFilter(float(np.exp(rng.uniform(np.log(400), np.log(9000))))),
        1: lambda: boards.HighpassFilter(float(rng.uniform(80, 900))),
        2: lambda: boards.Distortion(float(rng.uniform(6, 30))),
        3: lambda: boards.Chorus(float(rng.uniform(0.3, 2)), float(rng.uniform(0.1, 0.5))),
        4: lambda: boards.Delay(float(rng.uniform(0.1, 0.5)), float(rng.uniform(0.1, 0.5)), float(rng.uniform(0.1, 0.4))),
        5: lambda: boards.Reverb(float(rng.uniform(0.1, 0.95)), float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.05, 0.4))),
        6: lambda: boards.Compressor(float(rng.uniform(-30, -12)), float(rng.uniform(2, 8))),
        7: lambda: boards.Phaser(float(rng.uniform(0.2, 2))),
        8: lambda: boards.Bitcrush(float(rng.uniform(8, 12))),
    }
    board = boards.Pedalboard([made[int(kind)]() for kind in sorted(kinds)])
    return np.ascontiguousarray(board(np.ascontiguousarray(audio.T), SAMPLE_RATE).T, np.float32)


def sketch(seed: int) -> Audio:
    """The sketch of a seed. Shape: [frames, 2]."""
    rng = np.random.default_rng([20_61, seed])
    seconds = float(rng.uniform(10, 20))
    frames = round(seconds * SAMPLE_RATE)
    having = [name for name in SOUNDFONTS if name == SOUNDFONT.name or find_soundfont(name) is not None]
    mix = np.zeros((frames, 2), np.float32)
    for _ in range(int(rng.choice((1, 2, 3), p=(0.6, 0.25, 0.15)))):
        drums = bool(rng.random() < 0.18)
        program = int(rng.choice(KITS)) if drums else int(rng.integers(120))  # above these: sea, birds, telephone
        notes = draw_notes(rng, seconds, drums)
        voice = render_part(notes, 128 if drums else 0, program, frames, str(rng.choice(having)))
        if rng.random() < 0.5:
            voice = np.repeat(voice.mean(axis=1, keepdims=True), 2, axis=1)
        voice = _through_effects(voice, rng)
        pan = rng.uniform(0, np.pi / 2) if rng.random() < 0.5 else np.pi / 4
        level = 10 ** (rng.uniform(-12, 0) / 20) / max(float(np.abs(voice).max()), 1e-4)
        mix += voice * np.array([np.cos(pan), np.sin(pan)], np.float32) * np.float32(level)
    return mix * np.float32(10 ** (rng.uniform(-24, -1) / 20) / max(float(np.abs(mix).max()), 1e-4))


def write_piece(folder: Path, number: int, audio: Audio, about: dict[str, Any]) -> float:
    """Store a sound as a piece; returns its seconds."""
    audio = audio[: len(audio) // FRAME_SAMPLES * FRAME_SAMPLES]
    part = folder / f".{number:09d}.{os.getpid()}"
    part.mkdir(parents=True)
    np.save(part / "mix.npy", np.clip(np.round(audio * 32768.0), -32768, 32767).astype(np.int16))
    (part / "about.json").write_text(json.dumps({"seed": number} | about))
    part.rename(folder / f"{number:09d}")
    return len(audio) / SAMPLE_RATE


def _sketch(job: tuple[Path, int]) -> float:
    folder, seed = job
    return 0.0 if (folder / f"{seed:09d}").exists() else write_piece(folder, seed, sketch(seed), {"broad": "sketch"})


def _recording(job: tuple[Path, Path, str]) -> float:
    """Cut a sound file into pieces; their numbers follow from its name."""
    folder, path, name = job
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    audio = audio[:, :2] if audio.shape[1] > 1 else np.repeat(audio, 2, axis=1)
    if rate != SAMPLE_RATE:
        audio = soxr.resample(audio, rate, SAMPLE_RATE)
    first, size, total = 500_000_000 + zlib.crc32(name.encode()) % 4_000_000 * 100, round(PIECE_S * SAMPLE_RATE), 0.0
    for number, start in enumerate(range(0, len(audio), size)):
        cut = audio[start : start + size]
        if len(cut) >= 4 * SAMPLE_RATE and not (folder / f"{first + number:09d}").exists():
            total += write_piece(folder, first + number, cut, {"broad": "recording", "file": name, "from_s": start / SAMPLE_RATE})
    return total


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m model.training.broad", description="Render sketches, or cut recordings, into a store.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=0, help="sketches")
    parser.add_argument("--recordings", type=Path, help="folder of sound files")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    files = [] if options.recordings is None else sorted(p for p in options.recordings.rglob("*") if p.suffix.lower() in SOUND_FILES)
    with get_context("spawn").Pool(options.workers) as pool:
        seconds = sum(pool.imap_unordered(_sketch, [(options.folder, options.first + n) for n in range(options.count)]))
        print(f"{options.count} sketches, {seconds / 3600:.2f} h", flush=True)
        jobs = [(options.folder, path, str(path.relative_to(options.recordings))) for path in files]
        seconds = sum(pool.imap_unordered(_recording, jobs))
        print(f"{len(files)} recordings, {seconds / 3600:.2f} h", flush=True)


if __name__ == "__main__":
    main()
