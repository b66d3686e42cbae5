"""Is a rendered clip what was asked for? Tempo, chords and parts from its sound, in steps short enough to lie between model steps.

The sound decides. The plan says where to listen: its onsets are the template that is scaled to find the tempo, its notes stand
beside the chroma where little sounds. What is too thin to be judged (harmony of one bar, or of drums) is let pass. The thresholds
were set on 120 clips of the shipped model, 60 to 280 beats a minute, all metres, feels and parts, 1 to 8 bars, and on the same
clips against other keys, at other tempos and without one part; of 90 others as few were flagged. No torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.signal import resample_poly

from jamd.contract.chart import Chart
from jamd.contract.units import PARTS, SAMPLE_RATE
from model.generator.events import PlannedNote
from model.generator.situation import auto_swing
from model.metrics.chord_fit import SLOTS, beat_chroma_of_sound, chord_masks
from model.metrics.distances import mel_filters
from model.metrics.grid import grid_deviation
from model.metrics.heard import Doubles, Floats
from model.metrics.loudness import loudness
from model.metrics.onsets import onset_times

CHECKED_TRIES: Final = 3
"""How often a clip is drawn before the best of them is kept."""

MOST_TEMPO_ERROR: Final = 0.03
BETTER_ELSEWHERE: Final = 1.08
"""Another tempo than the asked one is believed if the onsets match it so many times better."""
LEAST_ONSETS: Final = 6
REACH: Final = 0.08
"""Tempos are tried within this share of the asked one."""
LEAST_FIT: Final = 0.1
PLAN_WEIGHT: Final = 0.3
"""Of the planned notes in the chord fit; the rest is the sound's."""
LEAST_FIT_OF_SOUND: Final = 0.03
"""Of the sound alone, however well the plan fits."""
LEAST_FIT_UNPLANNED: Final = 0.045
"""Where no plan is given."""
LEAST_BARS: Final = 2
LEAST_LOUD: Final = -42.0
"""LUFS."""
MOST_SILENT: Final = 0.6
LEAST_DRUMS: Final = 0.3
"""Mean rise of the upper bands at the planned strokes, in nepers."""
LEAST_BASS: Final = -5.5
"""Level below 130 Hz less loudness, in decibels: -4 to 2.4 in 14 clips with a bass, -23 to -7 in 14 without."""

_RATE: Final = 12_000
_DOWN: Final = SAMPLE_RATE // _RATE
_PIECE: Final = _RATE * 3 // 2
"""Samples in one step of the analysis."""
_ONSET_WINDOW, _ONSET_HOP = 512, 60
_FPS: Final = _RATE / _ONSET_HOP
"""200, as `model.metrics.onsets` has it."""
_MEL: Final = mel_filters(_RATE, _ONSET_WINDOW, 24, 40.0, 5800.0).T.astype(np.float32)
_UPPER: Final = 6
"""Highest mel bands, from about 3 kHz: cymbals and snare."""
_TONE_WINDOW, _TONE_HOP = 4096, 960
_FIRST: Final = 34
"""Bin of 100 Hz; up to 1.5 kHz, tones count for the chroma."""
_LAST: Final = 512
_BASS_BINS: Final = slice(13, 45)
_SILENCE: Final = 1e-3
_BASS, _DRUMS = PARTS.index("bass"), PARTS.index("drums")


@dataclass(frozen=True)
class ClipFigures:
    """What a clip measures."""

    tempo_error: float
    """Heard tempo over the asked one, less 1; 0 unless the sound clearly tells another."""
    grid_ms: float
    """Median distance of the onsets from the swung grid in milliseconds, a common lag taken off; nan without onsets."""
    fit: float
    """Share of the energy on the chart's chords less the mean of the eleven other keys; nan where harmony is not judged."""
    loud: float
    """LUFS."""
    silent: float
    """Share of the time below -60 dBFS."""
    faults: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.faults

    @property
    def reason(self) -> str:
        """What is wrong; empty where nothing is."""
        return ", ".join(self.faults)

    @property
    def penalty(self) -> float:
        """How bad it is, to choose among clips with faults."""
        off = abs(self.tempo_error) / MOST_TEMPO_ERROR
        missed = 0.0 if np.isnan(self.fit) else max(LEAST_FIT - self.fit, 0.0) / LEAST_FIT
        return off + missed + 2.0 * self.silent + len(self.faults)


def better(a: ClipFigures, b: ClipFigures) -> bool:
    """Whether `a` is the better of two clips: one that passes, else the lesser penalty, else the better fit."""
    if a.ok != b.ok:
        return a.ok
    if not a.ok and a.penalty != b.penalty:
        return a.penalty < b.penalty
    return np.nan_to_num(a.fit) > np.nan_to_num(b.fit)


class ClipCheck:
    """Measures a clip in steps of a few milliseconds: `advance()` until `done`, then `figures`.

    Args:
        audio: 48 kHz, shape [frames, 2]; the clip begins on the chart's first beat.
        chart: what was asked for.
        tempo: beats a minute.
        swing: share of the beat that the first eighth takes; 0: by tempo and feel, as the model has it.
        feel: of the style.
        notes: the plan; beats from the start of the clip.
        parts: which were asked for; all of the plan's if left out.
    """

    def __init__(
        self,
        audio: Floats,
        chart: Chart,
        tempo: float,
        *,
        swing: float = 0.0,
        feel: str | None = None,
        notes: Sequence[PlannedNote] = (),
        parts: Mapping[str, bool] | None = None,
    ) -> None:
        self._audio = audio if len(audio) else np.zeros((1, 2), np.float32)
        self._chart, self._tempo = chart, tempo
        self._swing = swing if swing > 0 else auto_swing(tempo, feel)
        self._notes = list(notes)
        self._parts = {n.part for n in notes} if parts is None else {i for i, name in enumerate(PARTS) if parts.get(name, False)}
        self._asked = parts is None or bool(self._parts)
        self._figures: ClipFigures | None = None
        self._steps = self._work()

    @property
    def done(self) -> bool:
        return self._figures is not None

    @property
    def figures(self) -> ClipFigures:
        """Raises RuntimeError before the check is done."""
        if self._figures is None:
            raise RuntimeError("the check is not done")
        return self._figures

    def advance(self) -> None:
        """One step."""
        next(self._steps, None)

    def _work(self) -> Iterator[None]:
        mono = np.zeros(-(-len(self._audio) // _DOWN), np.float32)
        for start in range(0, len(mono), _PIECE):
            end = min(start + _PIECE, len(mono))
            mono[start:end] = _low_rate(self._audio, start, end)
            yield
        parts = []
        for magnitude in _spectra(mono, _ONSET_WINDOW, _ONSET_HOP):
            parts.append(np.log1p(2000.0 * (magnitude @ _MEL)))
            yield
        bands = np.concatenate(parts)
        flux = _flux(bands)
        yield
        loud = loudness(mono, _RATE) + 10 * np.log10(2.0)
        yield
        tones, bass = [], 0.0
        for magnitude in _spectra(mono, _TONE_WINDOW, _TONE_HOP):
            tones.append(magnitude[:, _FIRST - 1 : _LAST + 2])
            bass += float((magnitude[:, _BASS_BINS] ** 2).sum())
            yield
        bass_level = 10 * np.log10(bass / sum(len(tone) for tone in tones) + 1e-12)
        energy = np.sqrt(_chroma(np.concatenate(tones)))
        yield
        fit, fits = self._fit(energy)
        yield
        error = _tempo_error(flux, self._onsets())
        yield
        grid = grid_deviation(onset_times(flux), self._tempo, self._swing)
        frames = mono[: len(mono) // 600 * 600].reshape(-1, 600)
        silent = float((np.sqrt((frames**2).mean(axis=1)) < _SILENCE).mean()) if len(frames) else 1.0
        faults = []
        if self._asked and (loud < LEAST_LOUD or silent > MOST_SILENT):
            faults.append("hardly a sound")
        if abs(error) > MOST_TEMPO_ERROR + 1e-6:
            faults.append(f"tempo {error:+.1%}")
        if not fits:
            faults.append("chords of another key")
        faults += [f"no {name}" for name in self._missing(bands, bass_level - loud)]
        self._figures = ClipFigures(error, grid.deviation_ms, fit, float(loud), silent, tuple(faults))

    def _fit(self, energy: Doubles) -> tuple[float, bool]:
        """The chord fit, nan where it is not judged, and whether it passes."""
        beats = max(round(len(self._audio) / SAMPLE_RATE * self._tempo / 60.0), 1)
        pitched = [n for n in self._notes if n.part != _DRUMS]
        drums_alone = bool(self._parts) and self._parts <= {_DRUMS}
        if beats < LEAST_BARS * self._chart.beats_per_bar or (len(pitched) < LEAST_ONSETS if self._notes else drums_alone):
            return float("nan"), True
        masks = chord_masks(self._chart, beats)
        times = np.arange(len(energy)) * _TONE_HOP / _RATE
        of_sound = key_contrast(beat_chroma_of_sound(times, energy, self._tempo, 0.0, beats), masks)
        if not self._notes:
            return of_sound, not of_sound < LEAST_FIT_UNPLANNED
        fit = (1 - PLAN_WEIGHT) * of_sound + PLAN_WEIGHT * key_contrast(_plan_chroma(pitched, beats), masks)
        return fit, not (fit < LEAST_FIT or of_sound < LEAST_FIT_OF_SOUND)

    def _onsets(self) -> Doubles:
        """Seconds at which something is planned to begin; the beats where there is no plan. Shape: [n]."""
        if self._notes:
            beats = np.unique([n.beat for n in self._notes])
        else:
            beats = np.arange(0.0, len(self._audio) / SAMPLE_RATE * self._tempo / 60.0)
        return np.asarray(beats * 60.0 / self._tempo, np.float64)

    def _missing(self, bands: Floats, bass_level: float) -> list[str]:
        """Names of drums or bass that the plan plays with others and the sound lacks."""
        out = []
        strokes = np.unique([n.beat for n in self._notes if n.part == _DRUMS]) * 60.0 / self._tempo
        if len(self._parts) > 1 and len(strokes) >= LEAST_ONSETS:
            upper = bands[:, -_UPPER:].mean(axis=1)
            rise = np.maximum(upper[3:] - upper[:-3], 0.0)
            places = np.round(strokes[:, None] * _FPS).astype(np.int64) + np.arange(-3, 6)
            if rise[np.clip(places, 0, len(rise) - 1)].max(axis=1).mean() < LEAST_DRUMS:
                out.append("drums")
        if len(self._parts) > 1 and sum(n.part == _BASS for n in self._notes) >= LEAST_ONSETS and bass_level < LEAST_BASS:
            out.append("bass")
        return out


def measure_clip(audio: Floats, chart: Chart, tempo: float, **asked: Any) -> ClipFigures:
    """All steps of `ClipCheck` at once: about 3 ms for each second of sound."""
    check = ClipCheck(audio, chart, tempo, **asked)
    while not check.done:
        check.advance()
    return check.figures


def key_contrast(energy: Doubles, masks: Doubles) -> float:
    """Share of the energy on the chords less the mean of the eleven other keys; nan for silence. Shapes: [slots, 12]."""
    energy = energy * (masks.sum(axis=1) > 0)[:, None]
    total = energy.sum()
    if total <= 0:
        return float("nan")
    keys = [float((energy * np.roll(masks, shift, axis=1)).sum() / total) for shift in range(12)]
    return keys[0] - float(np.mean(keys[1:]))


def _low_rate(audio: Floats, start: int, end: int) -> Floats:
    """Samples `start` to `end` of the clip in mono at the low rate, as of the whole."""
    margin = 40
    low = max(start - margin, 0)
    piece = audio[low * _DOWN : (end + margin) * _DOWN].mean(axis=1)
    return np.asarray(resample_poly(piece, 1, _DOWN)[start - low : end - low], np.float32)


def _spectra(mono: Floats, window: int, hop: int) -> Iterator[Floats]:
    """Magnitudes of a Hann-windowed transform, piece by piece; frame i is centred on i * hop. Shape of all: [1 + n // hop, bins]."""
    taper = np.hanning(window + 1)[:-1].astype(np.float32)
    padded = np.pad(mono, (window // 2, window // 2 + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][: 1 + len(mono) // hop]
    each = min(_PIECE // hop, 48 * 4096 // window)
    for start in range(0, len(frames), each):
        piece = np.fft.rfft(frames[start : start + each] * taper, axis=1)
        yield np.asarray(np.abs(piece) * np.float32(2.0 / taper.sum()), np.float32)


def _flux(bands: Floats) -> Doubles:
    """Onset strength of log mel bands, as `model.metrics.onsets` has it. Shape: [frames]."""
    lag = 3
    rise = np.zeros(len(bands))
    rise[lag:] = np.maximum(bands[lag:] - np.maximum(bands[:-lag], bands[1 : 1 - lag]), 0.0).sum(axis=1)
    top = float(np.percentile(rise, 99.5))
    return rise / top if top > 1e-6 else np.zeros_like(rise)


def _chroma(tones: Floats) -> Doubles:
    """Energy by pitch class of the spectral peaks that last; harmonics of stronger tones count less. Shape: [frames, 12]."""
    padded = np.pad(tones, ((1, 1), (0, 0)), mode="edge")
    steady = np.minimum(tones, np.maximum(padded[:-2], padded[2:]))
    inner = steady[:, 1:-1]
    loud = inner > 4.0 * np.median(inner, axis=1, keepdims=True) + 1e-7
    steps, places = np.nonzero((inner > steady[:, :-2]) & (inner >= steady[:, 2:]) & loud)
    left, middle, right = (np.log(steady[steps, places + shift] + 1e-12) for shift in (0, 1, 2))
    bend = np.minimum(left - 2 * middle + right, -1e-9)
    hertz = (places + _FIRST + np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) * _RATE / _TONE_WINDOW
    pitch = 69 + 12 * np.log2(hertz / 440.0)
    near = np.round(pitch)
    weight = inner[steps, places] * np.exp(-0.5 * ((pitch - near) / 0.25) ** 2)
    for multiple in (3, 5):
        lower = np.round((places + _FIRST) / multiple).astype(np.int64) - _FIRST + 1
        beside = [steady[steps, np.clip(lower + shift, 0, None)] for shift in (-1, 0, 1)]
        weight *= np.where((lower > 0) & (np.max(beside, axis=0) > inner[steps, places]), 0.3, 1.0)
    out = np.zeros((len(tones), 12))
    np.add.at(out, (steps, near.astype(np.int64) % 12), weight)
    return out


def _plan_chroma(notes: Sequence[PlannedNote], beats: int) -> Doubles:
    """Slots that each pitch class sounds. Shape: [beats * SLOTS, 12]."""
    out = np.zeros((beats * SLOTS, 12))
    for note in notes:
        begin, end = note.beat * SLOTS, min((note.beat + note.length) * SLOTS, len(out))
        places = np.arange(int(begin), int(np.ceil(end)))
        out[places, note.pitch % 12] += np.maximum(np.minimum(end, places + 1) - np.maximum(begin, places), 0.0)
    return out


def _tempo_error(flux: Doubles, onsets: Doubles) -> float:
    """By how much the tempo at which the onsets meet the flux best is off; 0 where that is not clear.

    Args:
        flux: shape [frames], 200 a second.
        onsets: seconds at the asked tempo, from the clip's start. Shape: [n].
    """
    if len(onsets) < LEAST_ONSETS or not flux.any():
        return 0.0
    scales = 1.0 + np.arange(-REACH, REACH + 1e-9, 0.0025)
    lags = np.arange(-8, 17)
    smooth = np.convolve(flux, [0.1, 0.2, 0.4, 0.2, 0.1], "same")
    curve = np.pad(smooth, (8, int(len(flux) * 2 * REACH) + 40))
    places = np.round(onsets / scales[:, None] * _FPS).astype(np.int64) + 8
    match = np.max([curve[np.minimum(places + lag, len(curve) - 1)].mean(axis=1) for lag in lags], axis=0)
    best = int(match.argmax())
    return float(scales[best] - 1.0) if match[best] > BETTER_ELSEWHERE * match[len(scales) // 2] else 0.0
