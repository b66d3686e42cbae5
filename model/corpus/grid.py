"""What every player of the rule-based band shares: tempo, swing, sections, and human timing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.chart import Chart, Chord

FEELS: Final = ("swing", "bossa", "ballad", "waltz", "modal", "funk")
Row = tuple[int, int, float, float, float]
"""part, pitch, velocity, beat, length"""


@dataclass(frozen=True)
class Stage:
    """All that is settled before anybody plays."""

    rng: np.random.Generator
    chart: Chart
    tempo: float
    feel: str
    bars: int
    swing: float
    density: NDArray[np.float32]
    energy: NDArray[np.float32]
    register: NDArray[np.float32]
    parts: NDArray[np.bool_]

    @property
    def per_bar(self) -> int:
        return self.chart.beats_per_bar

    @property
    def straight(self) -> bool:
        return self.feel in ("bossa", "funk")

    def chord(self, bar: int, beat: float) -> Chord:
        return self.chart.chord_at(bar * self.per_bar + beat)

    def swung(self, beat: float, amount: float = 1.0) -> float:
        """Move a place on the straight grid to its swung place. `amount` 1: as the ride; less: straighter."""
        whole = np.floor(beat + 1e-9)
        part = beat - whole
        share = 0.5 + (self.swing - 0.5) * amount
        if part <= 0.5:
            return float(whole + part * share / 0.5)
        return float(whole + share + (part - 0.5) * (1 - share) / 0.5)

    def human(self, deviation_ms: float, late_ms: float = 0.0) -> float:
        """A timing offset in beats."""
        return float((self.rng.normal(0.0, deviation_ms) + late_ms) / 1000.0 * self.tempo / 60.0)

    def touch(self, bar: int, base: float, accent: float = 0.0, spread: float = 4.0) -> float:
        """A velocity: energy moves it by about 25 dB from end to end on common instruments."""
        level = base * (0.55 + 0.75 * float(self.energy[bar])) + accent * (0.6 + 0.6 * float(self.energy[bar]))
        return float(np.clip(level + self.rng.normal(0, spread), 8, 126))

    def section_end(self, bar: int) -> bool:
        return bar % 4 == 3
