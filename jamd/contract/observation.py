"""Where an outside clock was at a frame of the daemon's time line."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jamd.contract.units import SAMPLE_RATE


@dataclass(frozen=True)
class Observation:
    """One reading of an outside clock. Beats are quarter notes from the start of its song; a clock that stands keeps its beat."""

    frame: float
    beat: float
    tempo: float
    """Quarter notes a minute, as its owner names it: by the owner's own second."""
    playing: bool
    beats_per_bar: int | None = None
    """None: it knows no bars, and the daemon's metre holds."""
    bar_beat: float | None = None
    """Beat at which its bar began; None: bars of `beats_per_bar` since beat 0."""
    bar: int | None = None
    """Number of that bar, from 0; None: by counting."""

    @property
    def knows_bars(self) -> bool:
        return self.beats_per_bar is not None or self.bar_beat is not None

    def ahead(self, frame: float) -> float:
        """Beats that it runs from its own frame to another, were its tempo constant."""
        return (frame - self.frame) * self.tempo / (60.0 * SAMPLE_RATE) if self.playing else 0.0

    def place(self, frame: float, beats_per_bar: int) -> tuple[int, float]:
        """Number of the bar, and the beat in it, that it has (or had) reached at a frame, were its tempo constant."""
        ahead = self.ahead(frame)
        if self.bar_beat is None:
            bar, past = 0, self.beat + ahead
        else:
            bar = self.bar if self.bar is not None else round(self.bar_beat / beats_per_bar)
            past = self.beat + ahead - self.bar_beat
        bars = math.floor(past / beats_per_bar + 1e-9)
        return bar + bars, max(past - bars * beats_per_bar, 0.0)
