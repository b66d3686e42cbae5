"""All that is measured of one clip, heard once: recordings and renders are heard by the same ears, at the same level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from jamd.contract.chart import Chart
from jamd.contract.units import SAMPLE_RATE
from model.evaluate.personal.embeddings import by_musicnn, by_style
from model.evaluate.personal.memory import pattern
from model.evaluate.personal.pitches import hear_classes
from model.evaluate.personal.rhythm import Syncopation, hear_syncopation, rates
from model.evaluate.personal.spectrum import Spectrum, hear_spectrum, levelled
from model.evaluate.personal.timeline import hear_timeline
from model.metrics import musicnn, transcribe
from model.metrics.chord_fit import beat_chroma_of_notes, measure_fit
from model.metrics.copying import Steps, lines_of, notes_of_heard
from model.metrics.heard import Doubles, Floats, HeardNotes
from model.metrics.onsets import onset_strength, onset_times
from model.metrics.tempo import tempo_near

if TYPE_CHECKING:
    from model.style.encoder import StyleEncoder

NOMINAL_BPM: Final = 120.0
"""For what does not depend on the tempo."""


@dataclass(frozen=True)
class Asked:
    """What a render was asked to play; its first beat falls on its first sample."""

    chart: Chart
    tempo: float


@dataclass(frozen=True)
class Clip:
    """What was heard. None: there was no ear for it, or it is not sure."""

    name: str
    piece: str
    seconds: float
    spectrum: Spectrum
    onsets: Doubles
    """Onsets a second, drums too. Shape: [stretches]."""
    pattern: Floats
    """How bands move. Shape: [steps, 40]."""
    musicnn: Floats | None = None
    """Shape: [patches, 200]."""
    style: Floats | None = None
    """Shape: [windows, 512]."""
    notes: Doubles | None = None
    """Transcribed notes a second. Shape: [stretches]."""
    syncopation: Syncopation | None = None
    classes: Doubles | None = None
    """Shape: [kinds of chord, streams, 12]."""
    line: Steps | None = None
    """The highest notes, by intervals."""
    fit: float | None = None
    """Share of the energy on tones of the chord asked for."""
    tempo_error: float | None = None
    """Heard less asked, in beats a minute."""


def missing(style: StyleEncoder | None) -> list[str]:
    """Ears that are not installed here, what goes unmeasured without each, and how to get it."""
    out = []
    if not musicnn.available():
        out.append("FAD by musicnn: not installed (pip install --no-deps musicnn==0.1.0)")
    if style is None:
        out.append("FAD by the style encoder: the model has none")
    if not transcribe.available():
        out.append("notes, syncopation, pitch classes, chart fit, memorising: no transcriber (pip install onnxruntime)")
    return out


def hear(audio: Floats, style: StyleEncoder | None, *, name: str, piece: str = "", asked: Asked | None = None) -> Clip:
    """Measure a clip by every ear that is here.

    Args:
        audio: shape [frames, 2] at 48 kHz, at any level.
        style: the encoder whose audio tower embeds it.
        name: of the clip.
        piece: what it was cut from; clips of one piece are never held against each other.
        asked: of a render.

    Raises:
        ValueError: less than two seconds of sound, or a value that is not finite.
    """
    seconds = len(audio) / SAMPLE_RATE
    if seconds < 2.0 or not np.isfinite(audio).all():
        raise ValueError(f"{name}: {seconds:.2f} s of sound cannot be measured" if seconds < 2.0 else f"{name}: not finite")
    sound = levelled(audio)
    strength = onset_strength(sound, SAMPLE_RATE)
    notes = transcribe.transcribe(sound, SAMPLE_RATE) if transcribe.available() else None
    timeline = None if notes is None else hear_timeline(sound)
    return Clip(
        name=name,
        piece=piece or name,
        seconds=seconds,
        spectrum=hear_spectrum(sound),
        onsets=rates(onset_times(strength), seconds),
        pattern=pattern(sound),
        musicnn=by_musicnn(sound) if musicnn.available() else None,
        style=by_style(sound, style) if style is not None else None,
        notes=None if notes is None else rates(notes["start"], seconds),
        syncopation=None if notes is None or timeline is None else hear_syncopation(notes, timeline, seconds),
        classes=None if notes is None or timeline is None else hear_classes(notes, timeline),
        line=None if notes is None else _line(notes),
        fit=None if notes is None or asked is None else _fit(notes, asked, seconds),
        tempo_error=None if asked is None else tempo_near(sound, SAMPLE_RATE, asked.tempo) - asked.tempo,
    )


def _line(notes: HeardNotes) -> Steps:
    """Steps of the highest notes; none of a line too short to share a phrase."""
    found = lines_of(notes_of_heard(notes, NOMINAL_BPM), ("piano",), rhythm=False)
    return found[0] if found else ()


def _fit(notes: HeardNotes, asked: Asked, seconds: float) -> float:
    beats = max(int(seconds * asked.tempo / 60.0 + 1e-6), 1)
    return measure_fit(beat_chroma_of_notes(notes, asked.tempo, 0.0, beats), asked.chart).fit
