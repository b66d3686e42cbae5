"""Controllers: the ports that are open, what was learned, and what is being learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from textual.binding import Binding, BindingType

from jamd.contract.config import MidiConfig
from tui.state import State
from tui.widgets.listing import Listing
from tui.widgets.panel import Panel, Row, fit

Learned = Mapping[str, Any]
"""A binding as the daemon tells it: what has its default is left out."""
CONTROL: Final = 26
KINDS: Final = {"cc14": "cc, 14 bit", "bend": "pitch wheel", "program": "program", "pressure": "pressure"}
UNNUMBERED: Final = ("bend", "pressure")
DEFAULTS: Final = MidiConfig()
PADS: Final = 16


def control(one: Learned) -> str:
    """What is touched: kind, number, channel, port."""
    kind, number = str(one.get("kind", "")), one.get("number", 0)
    words = KINDS.get(kind, kind) + ("" if kind in UNNUMBERED else f" {number}")
    channel, port = one.get("channel", 0), one.get("port", "")
    return words + (f" ch {channel}" if channel else "") + (f" {port}" if port else "")


def action(one: Learned) -> str:
    """What it does: range, curve, mode."""
    low, high = one.get("low"), one.get("high")
    words = ["" if low is None and high is None else f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}",
             str(one.get("curve", "")), str(one.get("mode", "value")), "picks up" if one.get("pickup") else "",
             " ".join(str(value) for value in one.get("arguments", ()))]  # fmt: skip
    return " ".join(word for word in words if word)


class Bindings(Listing[Learned]):
    """What was learned, a line each."""

    SHOWS = frozenset({"midi"})
    TITLE = "Learned"
    EMPTY = ("nothing is learned yet", "n: choose an address, then touch a pad, a knob or a key")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f,delete,backspace", "forget", "Forget", key_display="f")]

    def entries(self, state: State) -> Sequence[Learned]:
        return state.midi.bindings

    def name_of(self, entry: Learned) -> str:
        return f"{control(entry)} {entry.get('address')}"

    def heading(self, width: int) -> str:
        return f"{'control':{CONTROL}}address and what it does"

    def line(self, entry: Learned, state: State, width: int) -> Row:
        return ((fit(control(entry), CONTROL - 1) + " ", "coming"), (f"{entry.get('address', '')}  ", "text"), (action(entry), "dim"))

    def action_forget(self) -> None:
        if self.chosen is not None:
            self.send("/midi/forget", str(self.chosen["address"]))


class Devices(Panel):
    """Ports of MIDI, those of JACK among them."""

    SHOWS = frozenset({"midi", "counters"})
    TITLE = "Devices"

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        rows: list[Row] = [(("○ ", "dim"), ("no JACK, so no midi_in and midi_out", "dim"))]
        if state.meters.backend == "jack":
            rows = [(("● ", "good"), ("JACK: midi_in, midi_out", "text"))]
        for port in state.midi.ports:
            rows.append((("● ", "good"), (fit(port, width - 2), "text")))
        if not state.midi.ports:
            rows.append((("○ ", "dim"), (fit("no further ports: name them in [midi] of the configuration", width - 2), "dim")))
        if len(rows) > height:
            rows = [*rows[: height - 1], ((f"and {len(rows) - height + 1} more", "dim"),)]
        return rows


class Learning(Panel):
    """The address that waits for a control, and what works without learning."""

    SHOWS = frozenset({"midi"})
    TITLE = "Learn"

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        address = state.midi.learning
        first: Row = (("n: choose an address, then touch a control", "dim"),)
        if address:
            first = ((" ◌ touch a control ", "queued"), (f" for {address}", "lit"), ("  escape: never mind", "dim"))
        last = DEFAULTS.launch_note + PADS - 1
        pads = f"notes {DEFAULTS.launch_note}..{last} on channel {DEFAULTS.launch_channel} launch slots 1..{PADS}"
        chords = f"held notes on channel {DEFAULTS.chord_channel} name the chord"
        return [first, ((fit(f"d: defaults  {pads}", width), "dim"),), ((fit(f"   unless configured otherwise  {chords}", width), "dim"),)]
