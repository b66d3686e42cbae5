"""What is heard in a stretch of playing, each with how sure it is, so that what is unsure is left out of the controls.

`Ear` hears a long stretch once; `Ear.hear` says what is known of a part of it. The bounds below were chosen by
`python -m model.learning.measure`, so that a tempo that is kept is right 9 times in 10 and a chord's root 3 times in 4. What the musician
told of the recording (`told`) is taken as sure.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.chart import Chart
from jamd.contract.units import PARTS, TEMPO_MAX, TEMPO_MIN
from model.learning import harmony, rhythm, timbre
from model.learning.harmony import HeardChord
from model.learning.timbre import Timbre
from model.learning.told import NOTHING, Told, align, chord_of
from model.metrics.grid import grid_deviation, likeliest_swing
from model.metrics.heard import Doubles
from model.metrics.onsets import onset_times

TEMPO_SURE: Final = 0.7
BEATS_SURE: Final = 0.75
"""That the beats are not the halves between them."""
BARS_SURE: Final = 0.6
ALONE_SURE: Final = 0.9
"""Both of these where neither bass nor drums are heard: what is syncopated alone misleads."""
ROOT_SURE: Final = 0.7
CHORD_SURE: Final = 0.5
PARTS_SURE: Final = 0.9
ENERGY_A_DB: Final = 0.07
"""Energy by dB against the mean of a recording: in the corpus 0.075 inside a piece (correlation 0.84), 0.061 between pieces."""
STEADY: Final = 0.8
"""Share of the beats that must be as long as the median one, within 15 percent."""
SHORTEST_S: Final = 4.0


@dataclass(frozen=True)
class Span:
    """A chord from one time to another, in seconds from the start of the clip."""

    start_s: float
    end_s: float
    heard: HeardChord

    @property
    def sure(self) -> bool:
        """Whether root and kind are sure enough to be told."""
        return self.heard.root_sure >= ROOT_SURE and self.heard.sure >= CHORD_SURE


@dataclass(frozen=True)
class Heard:
    """What is heard in a clip; times in seconds from its start."""

    seconds: float
    tempo: float
    """Beats a minute; 0 where there is none."""
    tempo_sure: float
    beats: Doubles
    """Shape: [beats]; some before the start and after the end, so that every time lies between two."""
    first_downbeat: int
    """Index in `beats` of a downbeat."""
    per_bar: int
    on_beat: float
    bars_sure: float
    steady: float
    swing: float
    """Share of the beat that the first eighth takes; nan where it is not clear."""
    chords: tuple[Span, ...]
    key: str
    timbre: Timbre
    onsets_a_beat: float
    energy: float
    form: tuple[int, int] | None = None
    """Bar of the told chart that begins with the beat numbered 0, and its bars; None: no chart was told, or its place is not sure."""

    @property
    def knows_tempo(self) -> bool:
        return self.tempo > 0 and self.tempo_sure >= TEMPO_SURE and self.steady >= STEADY

    @property
    def accompanied(self) -> bool:
        """Whether bass or drums are likelier there than not."""
        return max(self.timbre.parts[1], self.timbre.parts[2]) >= 0.5

    @property
    def knows_beats(self) -> bool:
        return self.knows_tempo and self.on_beat >= (BEATS_SURE if self.accompanied else ALONE_SURE)

    @property
    def knows_bars(self) -> bool:
        """Whether position in beat and bar, metre and tempo may be told: they are one group of controls."""
        return self.knows_beats and self.bars_sure >= (BARS_SURE if self.accompanied else ALONE_SURE)

    @property
    def knows_chords(self) -> bool:
        """Whether chords that are sure may be told: something with harmony plays, and half bars can be counted."""
        piano, bass = self.timbre.parts[0], self.timbre.parts[1]
        return self.knows_tempo and bool(self.chords) and (max(piano, bass) >= 0.5 or self.form is not None)

    @property
    def parts(self) -> tuple[bool, ...] | None:
        """Which parts play, in the order of PARTS; None where that is not sure."""
        return self.timbre.sure_parts(PARTS_SURE)

    @property
    def solo(self) -> str | None:
        """The part that plays alone, if that is sure."""
        return self.timbre.solo(PARTS_SURE)

    def beat_at(self, times: Doubles) -> Doubles:
        """Position in beats, 0 on a downbeat. Shape: [n] to [n]."""
        return np.interp(times, self.beats, np.arange(len(self.beats)) - self.first_downbeat)  # type: ignore[no-any-return]

    def line(self) -> str:
        """One line for people."""
        words = []
        if self.knows_tempo:
            words.append(f"{self.tempo:.0f} bpm" + (f" in {self.per_bar}/4" if self.knows_bars else ", bar lines unsure"))
        else:
            words.append("tempo unsure")
        sure = [span for span in self.chords if span.sure]
        if self.knows_chords:
            words.append(f"chords {len(sure)} of {len(self.chords)}")
        playing = self.parts
        if playing is not None:
            words.append("+".join(name for name, on in zip(PARTS, playing, strict=True) if on))
        else:
            words.append("instruments unsure")
        return ", ".join(words)


class Ear:
    """A stretch of playing, heard once.

    Args:
        audio: shape [frames] or [frames, channels].
        rate: frames a second.
        plays: the parts of PARTS that play, where the musician said so; None: they are heard, too.
        told: what the musician said of the stretch.
    """

    def __init__(self, audio: NDArray[Any], rate: int, plays: Collection[str] | None = None, told: Told = NOTHING) -> None:
        self.seconds = len(audio) / rate
        self.plays = plays
        self.told = told
        self.chart_beat: int | None = None
        """Beat of the told chart that the beat at `first_downbeat` is."""
        self.levels = rhythm.band_levels(audio, rate)
        self.flux = rhythm.flux(self.levels)
        self.pitches = harmony.hear_pitches(audio, rate)
        onsets = self.flux.sum(axis=1)
        self.tempo = rhythm.Tempo(told.tempo, 1.0) if told.tempo else rhythm.hear_tempo(self.flux)
        self.beats, self.bars = np.zeros(0), rhythm.Bars(4, 0, 0.0, 0.5)
        self.first_downbeat = 0
        """Index in `beats`."""
        self._harmony: tuple[Doubles, list[HeardChord]] | None = None
        if told.knows_beats:
            self._take_told()
            return
        if self.tempo.tempo > 0:
            self.beats = rhythm.track_beats(onsets, self.tempo.tempo)
        if len(self.beats) >= 4:
            self.bars = self._hear_bars(self.beats)
            if self.bars.shift % 2:
                self._move_to_the_beat(onsets)
            self._extend()
            if told.chart is not None:
                self._lay_chart(told.chart)

    def _take_told(self) -> None:
        """Every beat is known."""
        told = self.told
        self.beats, first = told.beats(self.seconds)
        per_bar = told.per_bar
        self.first_downbeat = first % per_bar
        self.bars = rhythm.Bars(per_bar, 0, 1.0, 1.0)
        if not self.tempo.tempo:
            self.tempo = rhythm.Tempo(60.0 / float(np.median(np.diff(self.beats))), 1.0)
        if told.chart is not None:
            self.chart_beat = (self.first_downbeat - first) % told.chart.beats

    def _lay_chart(self, chart: Chart) -> None:
        """Find the place at which the chart is entered, on the tracked beats or the halves between them; one that fits nowhere is left."""
        period = float(np.median(np.diff(self.beats)))
        found = [(align(self.pitches, self.beats + move * period, chart), move) for move in (0.0, 0.5)]
        (place, sure), move = found[0]
        if self.bars.on_beat < BEATS_SURE and found[1][0][1] > sure:
            (place, sure), move = found[1]
        if sure < ALONE_SURE:
            if self.bars.per_bar != chart.beats_per_bar:
                self.bars = rhythm.Bars(chart.beats_per_bar, 0, 0.0, self.bars.on_beat)
            return
        self.beats = self.beats + move * period
        self.first_downbeat = -place % chart.beats_per_bar
        self.bars = rhythm.Bars(chart.beats_per_bar, 0, sure, max(self.bars.on_beat, sure) if move == 0.0 else sure)
        self.chart_beat = (place + self.first_downbeat) % chart.beats

    def _hear_bars(self, beats: Doubles) -> rhythm.Bars:
        period = float(np.median(np.diff(beats)))
        novelty = harmony.novelty(self.pitches, rhythm.half_beats(beats), 1.6 * period)
        return rhythm.hear_bars(rhythm.accents(self.flux, beats, novelty))

    def _move_to_the_beat(self, onsets: Doubles) -> None:
        """What was tracked lies between the beats: move on to where they fall, which in swing is not the middle."""
        period = float(np.median(np.diff(self.beats)))
        shares = np.linspace(0.3, 0.6, 31)
        strength = [np.interp(self.beats + share * period, np.arange(len(onsets)) / rhythm.FPS, onsets).mean() for share in shares]
        self.beats = self.beats + float(shares[int(np.argmax(strength))]) * period
        bars = self.bars
        self.bars = rhythm.Bars(bars.per_bar, bars.shift - 1, bars.sure, 1.0 - bars.on_beat)

    def _extend(self) -> None:
        """Beats before the first and after the last that was tracked, so that the whole stretch is counted."""
        period = float(np.median(np.diff(self.beats)))
        front = int(np.ceil(self.beats[0] / period)) + 1
        back = max(int(np.ceil((self.seconds - self.beats[-1]) / period)), 0) + 1
        before = self.beats[0] - period * np.arange(front, 0, -1)
        self.beats = np.concatenate([before, self.beats, self.beats[-1] + period * np.arange(1, back + 1)])
        self.first_downbeat = (self.bars.shift // 2 + front) % self.bars.per_bar

    def bar_lines(self) -> Doubles:
        """Times of downbeats in seconds; none where they are not sure. Shape: [bars]."""
        if self.tempo.sure < TEMPO_SURE or self.bars.sure < BARS_SURE:
            return np.zeros(0)
        return self.beats[self.first_downbeat :: self.bars.per_bar]

    def hear(self, start_s: float = 0.0, end_s: float | None = None, level_db: float = 0.0) -> Heard:
        """What is known of a part of the stretch.

        Args:
            start_s: where the part begins.
            end_s: where it ends; None: with the stretch.
            level_db: RMS level of the part against the mean of the recording, in dB.
        """
        end_s = self.seconds if end_s is None else end_s
        cut = slice(int(start_s * rhythm.FPS), max(int(end_s * rhythm.FPS), int(start_s * rhythm.FPS) + 1))
        flux, per_bar = self.flux[cut], self.bars.per_bar
        low = max(int(np.searchsorted(self.beats, start_s)) - 1, 0)
        low -= (low - self.first_downbeat) % per_bar
        low = max(low, 0)
        high = min(int(np.searchsorted(self.beats, end_s)) + 2, len(self.beats))
        beats = self.beats[low:high] - start_s
        inner = np.diff(beats[(beats >= -0.05) & (beats <= end_s - start_s + 0.05)])
        tempo, steady = 0.0, 0.0
        if len(inner) >= 4 and self.tempo.tempo > 0:
            steady = float((np.abs(inner / np.median(inner) - 1.0) < 0.15).mean())
            tempo = _tempo_of(inner, self.tempo.tempo)
            tempo = tempo if TEMPO_MIN <= tempo <= TEMPO_MAX else 0.0
        onsets = onset_times(flux.sum(axis=1) / 3)
        downbeat = (self.first_downbeat - low) % per_bar
        form = None
        if self.told.chart is not None and self.chart_beat is not None:
            bars = len(self.told.chart.bars)
            form = (self.chart_beat + low + downbeat - self.first_downbeat) // per_bar % bars, bars
        sound = timbre.hear_timbre(timbre.features(self.levels[cut], flux, tempo))
        if self.plays is not None:
            sound = replace(sound, parts=tuple(float(name in self.plays) for name in PARTS))
        return Heard(
            seconds=end_s - start_s,
            tempo=tempo,
            tempo_sure=self.tempo.sure,
            beats=beats,
            first_downbeat=downbeat,
            per_bar=per_bar,
            on_beat=self.bars.on_beat,
            bars_sure=self.bars.sure,
            steady=steady,
            swing=self._swing(onsets, beats, tempo) if steady >= STEADY else float("nan"),
            chords=self._chords(start_s, end_s - start_s) if tempo > 0 else (),
            key=harmony.hear_key(self.pitches)[0],
            timbre=sound,
            onsets_a_beat=len(onsets) / max((end_s - start_s) * tempo / 60.0, 1.0) if tempo > 0 else 0.0,
            energy=float(np.clip(0.5 + ENERGY_A_DB * level_db, 0.0, 1.0)),
            form=form,
        )

    def _swing(self, onsets: Doubles, beats: Doubles, tempo: float) -> float:
        return self.told.swing if np.isfinite(self.told.swing) else _swing(onsets, beats, tempo)

    def _chords(self, start_s: float, seconds: float) -> tuple[Span, ...]:
        """Chords of the half bars that a clip touches, heard in the whole stretch's order."""
        if len(self.beats) < 4 or not (self.pitches.present or self.chart_beat is not None):
            return ()
        edges, heard = self._all_chords()
        spans = []
        for index, one in enumerate(heard):
            low, high = edges[index] - start_s, edges[index + 1] - start_s
            if high > 0 and low < seconds:
                spans.append(Span(max(low, 0.0), min(high, seconds), one))
        return tuple(spans)

    def _all_chords(self) -> tuple[Doubles, list[HeardChord]]:
        """Edges of the half bars in seconds, and where a told chart changes between them; and the chord of each."""
        if self._harmony is None:
            numbers = np.arange(len(self.beats)) - self.first_downbeat
            half = self.bars.per_bar / 2
            places = np.arange(numbers[0] // self.bars.per_bar * 2, numbers[-1] // self.bars.per_bar * 2 + 1) * half
            chart, start = self.told.chart, self.chart_beat
            if chart is not None and start is not None:
                places = np.union1d(places, _changes(chart, float(numbers[0] + start), float(numbers[-1] + start)) - start)
            places = places[(places >= numbers[0]) & (places <= numbers[-1])]
            edges = np.interp(places, numbers, self.beats)
            if chart is not None and start is not None:
                self._harmony = edges, [chord_of(chart, float(beat)) for beat in start + places[:-1]]
            else:
                first = places[:-1] % self.bars.per_bar == 0
                self._harmony = edges, harmony.hear_chords(harmony.cells(self.pitches, edges), first)
        return self._harmony


def _changes(chart: Chart, low: float, high: float) -> Doubles:
    """Beats of a chart at which its chord changes, between two."""
    out, (place, _) = [], chart.next_change(low)
    while place < high:
        out.append(place)
        place, _ = chart.next_change(place)
    return np.array(out)


def _tempo_of(intervals: Doubles, about: float) -> float:
    """Beats a minute from the lengths of beats, those that are far off left out; the stretch's own where they agree to 1 percent."""
    kept = intervals[np.abs(intervals / np.median(intervals) - 1.0) < 0.15]
    tempo = 60.0 / float(kept.mean())
    return about if abs(tempo / about - 1.0) < 0.01 else tempo


def _swing(onsets: Doubles, beats: Doubles, tempo: float) -> float:
    """Where the second eighth falls; nan where too few do or they do not agree."""
    inside = onsets[(onsets > beats[0]) & (onsets < beats[-1])]
    if len(inside) < 12 or tempo <= 0:
        return float("nan")
    flat = np.interp(inside, beats, np.arange(len(beats))) * 60.0 / tempo
    share = likeliest_swing(flat, tempo)
    fit = grid_deviation(flat, tempo, share)
    return fit.swing if np.isfinite(fit.swing) and fit.within_30_ms > 0.6 else float("nan")
