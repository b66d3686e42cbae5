"""Where beats and chords of a clip are heard.

Learning leaves out what is not sure. Here recordings and renders are heard alike, so that errors fall on both sides: all that is heard
counts. That tells players apart better than what is sure of recordings against what was asked of renders (docs/evaluation.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jamd.contract.chart import Chord
from jamd.contract.units import SAMPLE_RATE
from model.learning.listening import ROOT_SURE, Ear
from model.metrics.heard import Doubles, Floats


@dataclass(frozen=True)
class Timeline:
    """Times in seconds from the start of a clip."""

    per_bar: int
    """Beats of a bar; 0 where no tempo is heard."""
    beats: Doubles
    """Shape: [beats]; from before the start to after the end."""
    first_downbeat: int
    """Index in `beats`."""
    chords: tuple[tuple[float, float, Chord], ...]
    """(start, end, chord) of those whose root is sure."""

    def beat_at(self, times: Doubles) -> Doubles:
        """Position in beats, 0 on a downbeat. Shape: [n] to [n]."""
        return np.interp(times, self.beats, np.arange(len(self.beats)) - self.first_downbeat)


def hear_timeline(audio: Floats) -> Timeline:
    """Shape: [frames, 2] at 48 kHz."""
    heard = Ear(audio, SAMPLE_RATE).hear()
    chords = tuple((span.start_s, span.end_s, span.heard.chord) for span in heard.chords if span.heard.root_sure >= ROOT_SURE)
    known = heard.tempo > 0 and len(heard.beats) > 1
    return Timeline(heard.per_bar if known else 0, heard.beats, heard.first_downbeat, chords)
