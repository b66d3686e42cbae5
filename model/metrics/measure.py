"""Every measure of one piece of sound whose chart and tempo are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from jamd.contract.chart import Chart
from model.metrics import beatnet, transcribe
from model.metrics.chord_fit import (
    ChordFit,
    bass_of_notes,
    bass_of_sound,
    beat_chroma_of_notes,
    beat_chroma_of_sound,
    measure_fit,
)
from model.metrics.chroma import bass_pitches, chroma
from model.metrics.grid import GridFit, grid_deviation, likeliest_swing
from model.metrics.heard import Doubles
from model.metrics.onsets import FPS, onset_strength, onset_times
from model.metrics.tempo import TempoEstimate, refine_tempo, tempo_error, tempo_of_activation

Ear = Literal["auto", "basic-pitch", "chroma"]
SHORTEST_S: Final = 2.0


@dataclass(frozen=True)
class Measures:
    """What was measured. `tempos`: by each method that could be used. `energy`: shape [beats * SLOTS, 12]."""

    ear: str
    seconds: float
    beats: int
    level_db: float
    """RMS against full scale."""
    peak: float
    harmony: ChordFit
    harmony_of_chroma: ChordFit
    tempos: tuple[TempoEstimate, ...]
    tempo_asked: float
    tempo_kept: float
    """The most periodic tempo within 8 % of the asked one."""
    grid: GridFit
    swing_assumed: float
    energy: Doubles

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; nan becomes None."""
        tempos = {}
        for estimate in self.tempos:
            error = tempo_error(estimate.tempo, self.tempo_asked)
            tempos[estimate.method] = {
                "bpm": estimate.tempo,
                "strength": estimate.strength,
                "error_percent": error.raw * 100,
                "error_folded_percent": error.folded * 100,
                "multiple": error.multiple,
            }
        out = {
            "ear": self.ear,
            "seconds": self.seconds,
            "beats": self.beats,
            "level_db": self.level_db,
            "peak": self.peak,
            "harmony": self.harmony.as_dict(),
            "harmony_of_chroma": self.harmony_of_chroma.as_dict(),
            "tempo": {
                "asked": self.tempo_asked,
                "kept": self.tempo_kept,
                "kept_error_percent": (self.tempo_kept / self.tempo_asked - 1) * 100,
                "heard": tempos,
            },
            "grid": {**self.grid.as_dict(), "swing_assumed": self.swing_assumed},
        }
        return dict(_plain(out))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float):
        return round(value, 5) if np.isfinite(value) else None
    return value


def measure(
    audio: NDArray[Any],
    rate: int,
    chart: Chart,
    tempo: float,
    *,
    swing: float | None = None,
    offset: float = 0.0,
    ear: Ear = "auto",
    trackers: bool = True,
) -> Measures:
    """Measures sound against what was asked.

    Args:
        audio: shape [frames] or [frames, channels], full scale 1.
        rate: frames a second.
        chart: what was asked; it repeats for as long as the sound lasts.
        tempo: beats a minute.
        swing: share of the beat that the first eighth takes; None: the likeliest is assumed.
        offset: seconds at which the chart's first beat falls.
        ear: who hears the notes; `auto` is basic-pitch where it is installed, else chroma.
        trackers: whether installed third-party beat trackers are asked too.

    Raises:
        FailureError: the wanted ear is not installed.
        ValueError: there is less than two seconds of sound.
    """
    audio = np.asarray(audio, np.float32)
    seconds = len(audio) / rate
    if seconds - offset < SHORTEST_S:
        raise ValueError(f"{seconds - offset:.2f} s of sound is too little to measure")
    beats = max(int(np.floor((seconds - offset) * tempo / 60.0 + 1e-6)), 1)
    times, colours = chroma(audio, rate)
    bass_times, pitches, strengths = bass_pitches(audio, rate)
    sound_energy = beat_chroma_of_sound(times, colours, tempo, offset, beats)
    low = bass_of_sound(bass_times, pitches, strengths, chart, tempo, offset, beats)
    of_chroma = measure_fit(sound_energy, chart, low)
    energy, harmony, name = sound_energy, of_chroma, "chroma"
    if ear == "basic-pitch" or (ear == "auto" and transcribe.available()):
        notes = transcribe.transcribe(audio, rate)
        energy = beat_chroma_of_notes(notes, tempo, offset, beats)
        harmony = measure_fit(energy, chart, bass_of_notes(notes, chart, tempo, offset, beats))
        name = "basic-pitch"
    strength = onset_strength(audio, rate)
    estimates = [tempo_of_activation(strength, FPS, "onset autocorrelation")]
    if trackers and beatnet.available():
        estimates.append(beatnet.estimate_tempo(audio, rate))
    onsets = onset_times(strength)
    assumed = likeliest_swing(onsets, tempo, offset) if swing is None else swing
    return Measures(
        ear=name,
        seconds=seconds,
        beats=beats,
        level_db=float(10 * np.log10(max(float(np.mean(audio.astype(np.float64) ** 2)), 1e-12))),
        peak=float(np.abs(audio).max()),
        harmony=harmony,
        harmony_of_chroma=of_chroma,
        tempos=tuple(estimates),
        tempo_asked=tempo,
        tempo_kept=refine_tempo(strength, FPS, tempo, 0.08),
        grid=grid_deviation(onsets, tempo, assumed, offset),
        swing_assumed=assumed,
        energy=energy,
    )
