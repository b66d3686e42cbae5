"""Rendering without a daemon: a chart to a WAV file, exactly as long as its bars, the same bytes for the same seed."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from jamd.contract.errors import FailureError
from jamd.contract.units import SAMPLE_RATE
from model.corpus.notes import make_notes
from model.generator.clip import ClipRender, ClipRequest
from model.generator.events import PlannedNote
from model.generator.performer import Models


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


def write_plan(path: Path, notes: list[PlannedNote], request: ClipRequest) -> None:
    """What was played as a standard MIDI file."""
    from model.corpus.render import write_midi

    rows = [(n.part, n.pitch, float(n.velocity), n.beat, n.length) for n in notes]
    try:
        write_midi(make_notes(rows, request.tempo), path, request.tempo, request.chart.beats_per_bar, request.style.programs)
    except OSError as error:
        raise FailureError(f"cannot write {path}: {error.strerror}", code="file") from error


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
        write_plan(midi, notes, request)
    return Rendered(out, len(audio), request.seed, len(notes), spent * SAMPLE_RATE / (clip.run_up + len(audio)))
