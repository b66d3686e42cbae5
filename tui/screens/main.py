"""The main screen: everything a musician looks at while playing."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.commands import ask
from tui.screens.base import BaseScreen, Column, Line
from tui.widgets.band import Band
from tui.widgets.beat import Beat
from tui.widgets.chart import ChartLines
from tui.widgets.chord import Chords
from tui.widgets.health import Health
from tui.widgets.knobs import Knobs
from tui.widgets.log import Log
from tui.widgets.meters import History, Meters
from tui.widgets.slots import SlotGrid


class MainScreen(BaseScreen):
    """Clock, chords and chart above; slots and levels; knobs and the band; the log below."""

    AUTO_FOCUS = "Knobs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "part('piano')", "Piano on or off", show=False),
        Binding("b", "part('bass')", "Bass on or off", show=False),
        Binding("d", "part('drums')", "Drums on or off", show=False),
        Binding("h", "part('horn')", "Horn on or off", show=False),
        Binding("e", "ask('/jam/chart')", "Chart"),
        Binding("s", "ask('/jam/style')", "Style"),
        Binding("o", "ask('/jam/chord')", "Chord that holds", show=False),
        Binding("O", "plain('/jam/chord/resume')", "Back to the chart", show=False),
        Binding("x", "ask('/jam/trade')", "Take turns", show=False),
        Binding("a", "ask('/adapter/use')", "Adapter", show=False),
    ]

    def body(self) -> ComposeResult:
        with Line(id="top"):
            yield Beat()
            yield Chords()
        yield ChartLines()
        with Line(id="middle"):
            yield SlotGrid()
            with Column(id="signal"):
                yield Meters()
                yield Health()
                yield History()
        with Line(id="bottom"):
            yield Knobs()
            yield Band()
        yield Log()

    @property
    def chosen_slot(self) -> int:
        return self.query_one(SlotGrid).chosen

    def action_part(self, name: str) -> None:
        self.send(f"/jam/part/{name}", 0 if self.state.params.parts.get(name, 1) else 1)

    def action_ask(self, address: str) -> None:
        ask(self.dashboard, address)

    def action_plain(self, address: str) -> None:
        self.send(address)
