"""Where the music is in its chart: the bar, the chord that sounds, the one that comes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from jamd.contract.chart import Chart


@dataclass(frozen=True)
class Place:
    """`bar` and `chord` are places in the chart, from 0; -1: nowhere in it."""

    bar: int = -1
    chord: int = -1
    sounding: str = ""
    coming: str = ""
    beats: float = 0.0
    """Until `coming`."""
    coming_bar: int = -1
    coming_chord: int = -1

    @property
    def whole_beats(self) -> int:
        """Beats until `coming`, as they are counted down."""
        return max(math.ceil(self.beats - 1e-6), 0)

    @property
    def seen(self) -> Place:
        """As people see it: in whole beats."""
        return replace(self, beats=float(self.whole_beats))


def place(chart: Chart | None, bar: int, beat: float, playing: bool, held: str, heard: str) -> Place:
    """The place in a chart.

    Args:
        bar: bars since the chart began, below 0 where it has not.
        beat: in the bar, from 0.
        playing: whether the clock runs.
        held: a chord that holds in the chart's place, or empty. While there is one, nothing is coming.
        heard: the chord that the engine plays, for the time before the chart begins.
    """
    if chart is None:
        return Place(sounding=held or (heard if playing else ""))
    per_bar = chart.beats_per_bar
    if not playing or bar < 0:
        if held:
            return Place(sounding=held if playing else "")
        beats = -bar * per_bar - beat if playing else 0.0
        first = chart.bars[0].chords[0][1].symbol
        return Place(sounding=heard if playing else "", coming=first, beats=max(beats, 0.0), coming_bar=0, coming_chord=0)
    at = bar * per_bar + min(beat, per_bar - 1e-6)
    index = bar % len(chart.bars)
    here = _last(chart, index, beat)
    if held:
        return Place(bar=index, chord=here, sounding=held)
    begins, following = chart.next_change(at)
    number, within = divmod(begins % chart.beats, per_bar)
    return Place(
        bar=index, chord=here, sounding=chart.chord_at(at).symbol, coming=following.symbol, beats=begins - at,
        coming_bar=int(number), coming_chord=_last(chart, int(number), within),
    )  # fmt: skip


def _last(chart: Chart, bar: int, beat: float) -> int:
    """Number of the chord in a bar that holds at a beat."""
    return max(index for index, (begins, _) in enumerate(chart.bars[bar].chords) if index == 0 or begins <= beat + 1e-6)
