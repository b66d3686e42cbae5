"""Where the beats and chords of a clip lie: as a recording was heard, or as a render was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from jamd.contract.chart import Chord
from jamd.contract.units import SAMPLE_RATE
from model.generator.clip import ClipRequest
from model.learning.listening import ROOT_SURE, Heard
from model.metrics.chord_fit import changes_of_chart
from model.metrics.heard import Doubles


@dataclass(frozen=True)
class Timeline:
    """Times in seconds from the start of a clip; what is not sure is left out."""

    tempo: float
    """Beats a minute; 0 where it is not known."""
    per_bar: int
    """Beats of a bar; 0 where bars are not known."""
    beats: Doubles
    """Shape: [beats]; from before the start to after the end."""
    first_downbeat: int
    """Index in `beats`."""
    chords: tuple[tuple[float, float, Chord], ...]
    """(start, end, chord); the chord's root is known."""

    def beat_at(self, times: Doubles) -> Doubles:
        """Position in beats, 0 on a downbeat. Shape: [n] to [n]."""
        return np.interp(times, self.beats, np.arange(len(self.beats)) - self.first_downbeat)


def of_heard(heard: Heard) -> Timeline:
    """What is sure of a recording. A chord counts from its root on: its kind need not be sure."""
    tempo = heard.tempo if heard.knows_tempo else 0.0
    per_bar = heard.per_bar if heard.knows_bars else 0
    spans = heard.chords if heard.knows_chords else ()
    chords = tuple((span.start_s, span.end_s, span.heard.chord) for span in spans if span.heard.root_sure >= ROOT_SURE)
    return Timeline(tempo, per_bar, heard.beats, heard.first_downbeat, chords)


def of_request(request: ClipRequest) -> Timeline:
    """What a render was asked for: its first beat falls on its first sample."""
    chart, beat_s = request.chart, 60.0 / request.tempo
    count = int(np.ceil(request.frames / SAMPLE_RATE / beat_s))
    edges = [*changes_of_chart(chart, count), float(count)]
    spans = ((low * beat_s, high * beat_s, chart.chord_at(low)) for low, high in pairwise(edges))
    chords = tuple(span for span in spans if span[2].root is not None)
    return Timeline(request.tempo, chart.beats_per_bar, np.arange(-1, count + 2, dtype=np.float64) * beat_s, 1, chords)
