"""The chart, four bars a line, with the sounding and the coming chord lit."""

from __future__ import annotations

from jamd.contract.chart import Chart
from tui.harmony import Place
from tui.state import State
from tui.widgets.panel import Panel, Row, fit

NARROWEST = 12
"""Cells of a bar."""


def bars_in_line(bars: int, width: int, height: int) -> int:
    """How many bars stand in a line: four, or eight where the chart is long and there is room."""
    return 8 if bars > 4 * height and width // 8 >= NARROWEST else 4


def _bar(chart: Chart, index: int, place: Place, width: int) -> Row:
    """One bar of exactly so many cells, with its line in front."""
    chords = chart.bars[index].chords
    room = (width - 2) // len(chords)
    row: list[tuple[str, str]] = [("│ ", "dim")]
    for number, (_, chord) in enumerate(chords):
        cells = room if number < len(chords) - 1 else width - 2 - room * (len(chords) - 1)
        name = chord.symbol if len(chord.symbol) < cells else fit(chord.symbol, cells - 1)
        here = (index, number)
        look = "lit" if here == (place.bar, place.chord) else "coming" if here == (place.coming_bar, place.coming_chord) else "text"
        row += [(name, look), (" " * (cells - len(name)), "text")]
    return tuple(row)


def lines(chart: Chart, place: Place, width: int, height: int) -> list[Row]:
    """The lines around the place: that of the bar that sounds, and what follows; from the top if all of it fits."""
    a_line = bars_in_line(len(chart.bars), width, height)
    count = -(-len(chart.bars) // a_line)
    now = max(place.bar, 0) // a_line
    first = 0 if count <= height else now
    out: list[Row] = []
    for line in range(min(height, count)):
        number = (first + line) % count
        row: list[tuple[str, str]] = []
        for index in range(number * a_line, min((number + 1) * a_line, len(chart.bars))):
            row += _bar(chart, index, place, width // a_line)
        out.append(tuple(row))
    return out


class ChartLines(Panel):
    """The chart of the jam."""

    SHOWS = frozenset({"place", "engine"})
    TITLE = "Chart"

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        chart = state.chart
        return [(("no chart: press e", "dim"),)] if chart is None else lines(chart, state.place, width, height)
