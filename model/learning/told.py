"""What a musician says of a recording: tempo, chart, swing, where the first bar begins. It is believed, and the rest is heard.

A take that was played to a click has its tempo, and often its chart, in the head of who played it; transcribed notes without sure
bars and chords teach the planner nothing. Where the first bar is not told, chart and recording are laid over each other: of all
places of the chart, the one whose chords fit what sounds is taken, if it is sure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from jamd.contract.chart import Chart
from jamd.contract.errors import UsageError
from jamd.contract.units import TEMPO_MAX, TEMPO_MIN
from model.learning import harmony
from model.learning.harmony import FAMILIES, HeardChord, Pitches
from model.metrics.heard import Doubles

SHARPNESS: Final = 0.35
"""By which the scores of beats are taken: neighbouring beats say the same, so that they count less than independent ones."""
UNTOLD: Final = "augmented"
"""The kind of chord that the ear does not tell; it fits as a major one does."""


@dataclass(frozen=True)
class Told:
    """What is known of a recording.

    Raises:
        UsageError: a tempo or swing out of range, or a first bar without a tempo.
    """

    tempo: float = 0.0
    """Beats a minute; 0: not told."""
    chart: Chart | None = None
    """Repeats for as long as the recording lasts."""
    swing: float = float("nan")
    """Share of the beat that the first eighth takes."""
    starts_s: float | None = None
    """Where the chart's first bar begins, in seconds of the recording; may be negative. None: it is found."""
    beats_s: Doubles | None = None
    """Times of all beats from the chart's first on, where the tempo changes."""
    metre: int = 4
    """Beats of a bar, where there is no chart to say it."""

    def __post_init__(self) -> None:
        if self.tempo and not TEMPO_MIN <= self.tempo <= TEMPO_MAX:
            raise UsageError(f"a tempo of {self.tempo:g} is outside {TEMPO_MIN:g} to {TEMPO_MAX:g}", code="told")
        if not np.isnan(self.swing) and not 0.5 <= self.swing <= 0.75:
            raise UsageError(f"a swing of {self.swing:g} is outside 0.5 to 0.75", code="told")
        if self.starts_s is not None and not (self.tempo and np.isfinite(self.starts_s)):
            raise UsageError("where the first bar begins says nothing without a tempo", code="told")

    @property
    def per_bar(self) -> int:
        return self.chart.beats_per_bar if self.chart is not None else self.metre

    @property
    def knows_beats(self) -> bool:
        """Whether every beat's time follows from what is told."""
        return self.beats_s is not None or self.starts_s is not None

    def after(self, seconds: float) -> Told:
        """The same, of a stretch that begins so late in the recording."""
        starts = None if self.starts_s is None else self.starts_s - seconds
        return replace(self, starts_s=starts, beats_s=None if self.beats_s is None else self.beats_s - seconds)

    def beats(self, seconds: float) -> tuple[Doubles, int]:
        """Times of beats, from a bar before a stretch to after its end; and the index of the chart's first, below 0 if before."""
        if self.beats_s is not None and len(self.beats_s) > 1:
            first, last = self.beats_s[1] - self.beats_s[0], self.beats_s[-1] - self.beats_s[-2]
            front = max(int(np.ceil(self.beats_s[0] / first)), 0) + 1 + self.per_bar
            back = max(int(np.ceil((seconds + last - self.beats_s[-1]) / last)), 0)
            before = self.beats_s[0] - first * np.arange(front, 0, -1)
            return np.concatenate([before, self.beats_s, self.beats_s[-1] + last * np.arange(1, back + 1)]), front
        assert self.starts_s is not None
        period = 60.0 / self.tempo
        low, high = int(np.floor(-self.starts_s / period)) - 1 - self.per_bar, int(np.ceil((seconds - self.starts_s) / period)) + 1
        return np.asarray(self.starts_s + period * np.arange(low, high + 1), np.float64), -low

    def __repr__(self) -> str:
        """Short, the same for the same: it is part of what clips are known by."""
        beats = None if self.beats_s is None else np.round(self.beats_s, 4).tolist()
        chart = "" if self.chart is None else self.chart.text()
        return f"Told({self.tempo:g}, {chart!r}, {self.swing:g}, {self.starts_s}, {beats}, {self.metre})"


NOTHING: Final = Told()


def align(pitches: Pitches, beats: Doubles, chart: Chart) -> tuple[int, float]:
    """Which beat of the chart the first of some beats is, and the probability of its being that one.

    Chords of the chart are scored at every beat by the ear for chords, for all places at which the chart may be entered. Places in the bar
    from which it goes on alike are one.
    """
    scores = harmony.chord_scores(harmony.cells(pitches, beats))
    scores = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    wanted = np.array([_index(chart, beat) for beat in range(chart.beats)])
    total = np.zeros(chart.beats)
    places = np.arange(len(scores))
    for shift in range(chart.beats):
        chords = wanted[(places + shift) % chart.beats]
        known = chords >= 0
        total[shift] = scores[places[known], chords[known]].sum()
    share = np.exp(SHARPNESS * (total - total.max()))
    share /= share.sum()
    best = int(total.argmax())
    alike = [place for place in range(best % chart.beats_per_bar, chart.beats, chart.beats_per_bar)
             if np.array_equal(np.roll(wanted, -place), np.roll(wanted, -best))]  # fmt: skip
    return best, float(share[alike].sum())


def _index(chart: Chart, beat: int) -> int:
    """Number of a chord among those that are told apart; -1 where there is none."""
    chord = chart.chord_at(beat)
    family = "major" if chord.family == UNTOLD else chord.family
    if chord.root is None or family not in FAMILIES:
        return -1
    return int(chord.root) * len(FAMILIES) + FAMILIES.index(family)


def chord_of(chart: Chart, beat: float) -> HeardChord:
    """A chord of the chart as one that is heard for sure."""
    return HeardChord(chart.chord_at(beat), 1.0, 1.0)
