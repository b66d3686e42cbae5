"""Measures of files by command, as JSON: `python -m model.metrics.independent copying|form|endurance|fad ...`.

    copying PLAN.mid --store FOLDER                   longest run of notes shared with the training pieces, and the floor
    form PLAN.mid --beats-per-bar 4                   likeness by distance in bars, lengths of phrases
    endurance TAKE.wav --tempo 140 [--plan PLAN.mid] [--store FOLDER]   loudness, silence, clicks, note rate by minute
    fad FOLDER FOLDER                                 Fréchet distance of the sound files of two folders

A store is what model.training.store fills. Plans are the MIDI files that rendering writes: channel 10 is the drums.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jamd.contract.errors import FailureError, JamdError
from jamd.contract.units import PARTS, SAMPLE_RATE
from model.corpus.notes import make_notes
from model.metrics import copying, endurance, fad, similarity
from model.metrics.plain import plain

DRUM_CHANNEL = 9


def read_plan(path: Path, tempo: float = 120.0) -> NDArray[Any]:
    """Notes of a MIDI file that rendering wrote: channels 0, 1 and 3 are piano, bass and horn, 9 the drums; others are left out.

    Args:
        path: the file.
        tempo: beats a minute, for start and duration; beat and length do not depend on it.

    Raises:
        FailureError: it cannot be read.
    """
    import mido

    try:
        file = mido.MidiFile(str(path))
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise FailureError(f"cannot read {path}: {error}") from error
    rows: list[tuple[int, int, float, float, float]] = []
    for track in file.tracks:
        now, open_notes = 0, dict[tuple[int, int], tuple[int, int]]()
        for message in track:
            now += message.time
            if message.type not in ("note_on", "note_off"):
                continue
            key = (message.channel, message.note)
            if key in open_notes:
                begin, velocity = open_notes.pop(key)
                part = PARTS.index("drums") if message.channel == DRUM_CHANNEL else message.channel
                if part < len(PARTS):
                    rows.append((part, message.note, velocity, begin / file.ticks_per_beat, (now - begin) / file.ticks_per_beat))
            if message.type == "note_on" and message.velocity:
                open_notes[key] = (now, message.velocity)
    return make_notes(rows, tempo)


def read_sound(path: Path) -> tuple[NDArray[np.float32], int]:
    """Sound of a file, shape [samples, channels], and its rate.

    Raises:
        FailureError: it cannot be read.
    """
    import soundfile

    try:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise FailureError(f"cannot read {path}: {error}") from error
    return audio, int(rate)


def report_copying(plan: Path, store: Path, held_out: int) -> dict[str, Any]:
    """The longest shared run with and without rhythm, and where it stands among held-out pieces."""
    notes = read_plan(plan)
    training, others = copying.stored_notes(store, held_out)
    out: dict[str, Any] = {"training_pieces": len(training), "held_out_pieces": len(others)}
    for name, rhythm in (("intervals_and_rhythm", True), ("intervals", False)):
        index = copying.build_index(training, rhythm=rhythm)
        match, level = copying.find_copies(notes, index), copying.floor(index, others)
        out[name] = {
            **asdict(match), "rank": level.rank(match), "times_floor": level.ratio(match), "floor_notes": level.notes.tolist(),
            "floor_covered": level.covered.tolist(),
        }  # fmt: skip
    return out


def report_form(plan: Path, beats_per_bar: int) -> dict[str, Any]:
    """Likeness of all and of each part by distance in bars; phrases of the piano's and the horn's lines."""
    notes = read_plan(plan)
    bars = int(np.ceil(float((notes["beat"] + 1e-6).max(initial=0.0)) / beats_per_bar))
    out: dict[str, Any] = {"bars": bars, "likeness": {}, "phrases": {}}
    for number, part in enumerate(("all", *PARTS)):
        found = similarity.lags(similarity.bar_vectors(notes, bars, beats_per_bar, None if number == 0 else number - 1))
        marks = {f"lag_{lag}": float(found.similarity[lag]) for lag in (1, 4, 8, 12, 16, 32) if lag < len(found.similarity)}
        out["likeness"][part] = {"best_lag": found.best, "contrast": found.contrast, **marks}
    for part in copying.LINES:
        out["phrases"][part] = similarity.phrases(copying.line_of(notes, PARTS.index(part))).summary()
    return out


def report_endurance(take: Path, tempo: float, plan: Path | None, store: Path | None) -> dict[str, Any]:
    """A long render minute by minute, its note rate against the pieces of a store."""
    audio, rate = read_sound(take)
    normal = None
    if store is not None:
        from model.training.store import Store

        pieces = Store(store, held_out=40).pieces(valid=True)
        normal = endurance.normal_range((p.audio.astype(np.float32) / 32768.0, SAMPLE_RATE, float(p.about["tempo"])) for p in pieces)
    return endurance.measure_endurance(audio, rate, tempo, None if plan is None else read_plan(plan, tempo), normal).as_dict()


def report_fad(reference: Path, estimate: Path) -> dict[str, Any]:
    """FAD of two folders' sound files and the floor of the first."""
    one, two = ([fad.embed(*read_sound(path)) for path in _sounds(folder)] for folder in (reference, estimate))
    a, b = np.concatenate(one), np.concatenate(two)
    out: dict[str, Any] = {"embedding": fad.EMBEDDING, "embeddings": [len(a), len(b)], "fad": fad.fad(a, b)}
    if len(b) >= 16:
        out["extrapolated"] = fad.extrapolated(a, b)
    if len(one) >= 4:
        out["floor_of_halves"], out["floor_deviation"] = fad.floor(one)
    return out


def _sounds(folder: Path) -> Iterator[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".wav", ".flac", ".ogg"))
    except OSError as error:
        raise FailureError(f"cannot read {folder}: {error.strerror}") from error
    if not found:
        raise FailureError(f"no sound file in {folder}")
    yield from found


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m model.metrics.independent", description="Measures of files, as JSON.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("copying", help="notes shared with the training pieces")
    command.add_argument("plan", type=Path)
    command.add_argument("--store", type=Path, required=True)
    command.add_argument("--held-out", type=int, default=40, help="pieces of lowest seed, for the floor")
    command = commands.add_parser("form", help="likeness by bars, lengths of phrases")
    command.add_argument("plan", type=Path)
    command.add_argument("--beats-per-bar", type=int, default=4)
    command = commands.add_parser("endurance", help="a long render minute by minute")
    command.add_argument("take", type=Path)
    command.add_argument("--tempo", type=float, required=True)
    command.add_argument("--plan", type=Path)
    command.add_argument("--store", type=Path)
    command = commands.add_parser("fad", help="Fréchet distance of two folders")
    command.add_argument("reference", type=Path)
    command.add_argument("estimate", type=Path)
    options = parser.parse_args(arguments)
    try:
        try:
            if options.command == "copying":
                found = report_copying(options.plan, options.store, options.held_out)
            elif options.command == "form":
                found = report_form(options.plan, options.beats_per_bar)
            elif options.command == "endurance":
                found = report_endurance(options.take, options.tempo, options.plan, options.store)
            else:
                found = report_fad(options.reference, options.estimate)
        except (OSError, ValueError) as error:
            raise FailureError(str(error)) from error
    except JamdError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    print(json.dumps(plain(found), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
