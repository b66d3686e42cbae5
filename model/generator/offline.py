"""Rendering without a daemon: a chart to a WAV file, exactly as long as its bars, the same bytes for the same seed."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from jamd.contract.errors import FailureError
from jamd.contract.units import PARTS, SAMPLE_RATE
from model.corpus.notes import make_notes
from model.generator.clip import ClipRender, ClipRequest
from model.generator.events import PlannedNote
from model.generator.models import Models
from model.style.words import programs_of


@dataclass(frozen=True)
class Rendered:
    """One finished file."""

    path: Path
    frames: int
    seed: int
    notes: int
    real_time_factor: float


def write_wav(path: Path, audio: np.ndarray) -> None:
    """24-bit WAV, whole or not at all. Shape: audio [frames, 2].

    Raises:
        FailureError: the folder is missing or cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
    except OSError as error:
        raise FailureError(f"cannot write {path}: {error.strerror}", code="file") from error
    os.close(handle)
    try:
        soundfile.write(temporary, audio, SAMPLE_RATE, subtype="PCM_24", format="WAV")
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except (OSError, soundfile.SoundFileError) as error:
        raise FailureError(f"cannot write {path}: {error}", code="file") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def write_plan(path: Path, notes: list[PlannedNote], request: ClipRequest, band: Mapping[str, str] | None = None) -> None:
    """What was played as a standard MIDI file. `band`: instrument of each part, else those of the style."""
    from model.corpus.render import write_midi

    rows = [(n.part, n.pitch, float(n.velocity), n.beat, n.length) for n in notes]
    try:
        write_midi(
            make_notes(rows, request.tempo), path, request.tempo, request.chart.beats_per_bar, programs_of(band or request.style.sounds)
        )
    except OSError as error:
        raise FailureError(f"cannot write {path}: {error.strerror}", code="file") from error


def read_notes(path: Path) -> list[PlannedNote]:
    """Notes of a standard MIDI file; beats are quarter notes from its start, whatever its tempo.

    A track named piano, bass, drums or horn is that part; else channel 10 is the drums and channels 1, 2 and 4 the others, as
    `write_plan` has them.

    Raises:
        FailureError: the file cannot be read, or a note belongs to no part.
    """
    import mido

    try:
        file = mido.MidiFile(str(path))
    except (OSError, EOFError, ValueError, IndexError, KeyError) as error:
        raise FailureError(f"cannot read MIDI file {path}: {error}", code="file") from error
    channels = {0: 0, 1: 1, 9: 2, 3: 3}
    out: list[PlannedNote] = []
    for track in file.tracks:
        named = PARTS.index(track.name.strip().lower()) if track.name.strip().lower() in PARTS else None
        now = 0
        open_notes: dict[tuple[int, int], tuple[int, int]] = {}
        for message in track:
            now += message.time
            if message.type not in ("note_on", "note_off"):
                continue
            part = named if named is not None else channels.get(message.channel)
            if part is None:
                raise FailureError(f"{path}: channel {message.channel + 1} of track {track.name!r} is no part", code="file")
            began = open_notes.pop((part, message.note), None)
            if began is not None:
                start, velocity = began
                length = max(now - start, 1) / file.ticks_per_beat
                out.append(PlannedNote(part, message.note, velocity, start / file.ticks_per_beat, length))
            if message.type == "note_on" and message.velocity > 0:
                open_notes[(part, message.note)] = (now, message.velocity)
    return sorted(out, key=lambda note: (note.beat, note.part, note.pitch))


def render_clip(models: Models, request: ClipRequest, out: Path, midi: Path | None = None) -> Rendered:
    """Render one request to a file."""
    began = time.perf_counter()
    clip = ClipRender(models, request)
    while not clip.done:
        clip.advance()
    spent = time.perf_counter() - began
    audio, notes = clip.audio, clip.notes
    write_wav(out, audio)
    if midi is not None:
        write_plan(midi, notes, request, clip.performer.band)
    return Rendered(out, len(audio), request.seed, len(notes), spent * SAMPLE_RATE / (clip.run_up + len(audio)))
