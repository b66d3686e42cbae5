"""What the band is asked to do, over musical time: clock, charts, chord override, knobs, parts, style. No torch."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Final

from jamd.contract.chart import Bar, Chart, Chord
from jamd.contract.clock import Clock, ClockSegment
from jamd.contract.units import PARTS
from model.generator.events import BeatContext
from model.style.words import Style

ALWAYS: Final = -1e9
"""A beat before all others."""


def usual_feel(tempo: float, beats_per_bar: int) -> str:
    """What is played where no style says it."""
    return "waltz" if beats_per_bar == 3 else "ballad" if tempo < 76 else "swing"


def auto_swing(tempo: float, feel: str | None) -> float:
    """Share of the beat that the first eighth takes when nobody says: the corpus's own curve by tempo.

    Medians of the Weimar Jazz Database: ratio about 1.2 at 60-110 bpm, 1.5-1.7 at 110-240, 1.2 above.
    """
    if feel in ("bossa", "funk"):
        return 0.5
    if tempo < 90:
        return 0.57
    if tempo < 200:
        return 0.62
    return max(0.62 - (tempo - 200) * 0.0012, 0.53)


@dataclass
class Situation:
    """Desired state. Beats are the clock's; bar numbers are the clock's.

    `charts` holds (bar at which its first bar falls, chart), in the order in which they come; `overrides` (beat, chord or None for the
    chart again).
    """

    clock: Clock
    charts: list[tuple[int, Chart]]
    since: list[float] = field(default_factory=list)
    """Beat from which each chart holds: beats run on where bars are counted anew. Left out: that of its bar, and the first one always."""
    overrides: list[tuple[float, Chord | None]] = field(default_factory=list)
    density: float | None = 0.5
    energy: float | None = 0.5
    register: float | None = 0.5
    swing: float = 0.0
    """0: by tempo."""
    parts: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(PARTS, True))
    style: Style = field(default_factory=Style)
    trade: tuple[int, int] = (0, 0)
    """Bars of a turn, and the bar with which the band's first turn begins; 0: no turns are taken."""

    def __post_init__(self) -> None:
        if not self.since:
            self.since = [ALWAYS, *(self.clock.beat_of_bar(bar) for bar, _ in self.charts[1:])]

    def parts_at(self, beat: float) -> tuple[bool, ...]:
        """Which parts play, in the order of PARTS: none while it is somebody else's turn."""
        bars, first = self.trade
        if bars:
            bar = self.bar_of(beat)[0]
            if bar >= first and (bar - first) // bars % 2:
                return (False,) * len(PARTS)
        return tuple(self.parts[name] for name in PARTS)

    def segment_at(self, beat: float) -> ClockSegment:
        return self.clock.segment_of(beat)

    def bar_of(self, beat: float) -> tuple[int, float, ClockSegment]:
        """Bar number, beat in the bar, and the clock's segment in force."""
        segment = self.segment_at(beat)
        bars = math.floor((beat - segment.bar_beat) / segment.beats_per_bar + 1e-9)
        return segment.bar + bars, max(beat - segment.bar_beat - bars * segment.beats_per_bar, 0.0), segment

    def chart_at(self, beat: float) -> tuple[int, Chart]:
        """The chart in force at a beat, and the bar at which its first bar falls: later than this one, after a locate back."""
        return self.charts[max(bisect_right(self.since, beat + 1e-6) - 1, 0)]

    def set_chart(self, chart: Chart, bar: int) -> None:
        """From `bar` on; charts that were to begin later are dropped, and what lies long back is forgotten."""
        beat = self.clock.beat_of_bar(bar)
        kept = [(since, one) for since, one in zip(self.since, self.charts, strict=True) if since < beat][-2:]
        self.since = [since for since, _ in kept] + [beat]
        self.charts = [one for _, one in kept] + [(bar, chart)]

    def set_chord(self, chord: Chord | None, beat: float) -> None:
        self.overrides = [(start, old) for start, old in self.overrides if start < beat][-4:] + [(beat, chord)]

    def override_at(self, beat: float) -> Chord | None:
        found = None
        for start, chord in self.overrides:
            if start <= beat + 1e-9:
                found = chord
        return found

    def harmony(self, beat: float) -> tuple[Chart, float, int]:
        """Chart in force, position in it in beats, bar in the form."""
        bar, within, segment = self.bar_of(beat)
        start, chart = self.chart_at(beat)
        chord = self.override_at(beat)
        if chord is not None:
            single = Chart(beats_per_bar=segment.beats_per_bar, bars=(Bar(((0.0, chord),)),))
            return single, within, (bar - start) % len(chart.bars)
        return chart, (bar - start) * chart.beats_per_bar + within, (bar - start) % len(chart.bars)

    def swing_at(self, tempo: float) -> float:
        if self.swing > 0:
            return self.swing
        return min(max(auto_swing(tempo, self.style.feel) + self.style.leans.get("swing", 0.0), 0.5), 0.75)

    def knob(self, name: str) -> float | None:
        """Density, energy or register as the band is told it: the knob, and how the style leans; None: it is told nothing."""
        return self.style.leaning(name, {"density": self.density, "energy": self.energy, "register": self.register}[name])

    def context(self, beat: int) -> BeatContext:
        """What the planner is told of a beat."""
        _, within, segment = self.bar_of(beat)
        chart, chart_beat, form_bar = self.harmony(beat)
        feel = self.style.feel
        if feel is None:
            feel = usual_feel(segment.tempo, segment.beats_per_bar)
        return BeatContext(
            chart=chart,
            chart_beat=chart_beat,
            bar=form_bar,
            beat_in_bar=int(within),
            tempo=segment.tempo,
            parts=self.parts_at(beat),
            swing=self.swing_at(segment.tempo),
            density=self.knob("density"),
            energy=self.knob("energy"),
            register=self.knob("register"),
            feel=feel,
            **self.style.manner(),
        )
