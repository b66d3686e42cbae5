"""What controllers do before anything is learnt: notes launch slots, held notes name the chord, all-notes-off stops everything."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from bridges.midi import ControlChange, Event, NoteEvent
from jamd.contract.config import MidiConfig
from jamd.control.chords import name_chord
from jamd.control.midi.control import Perform
from jamd.control.midi.files import Defaults

PADS: Final = 16
PANIC_CONTROLLERS: Final = (120, 123)


@lru_cache(maxsize=4096)
def _name(notes: frozenset[int]) -> str | None:
    return name_chord(notes)


class DefaultMap:
    """The map's own bindings."""

    def __init__(self, perform: Perform, config: MidiConfig) -> None:
        self.on = Defaults()
        self._perform = perform
        self._config = config
        self._held: set[tuple[str, int]] = set()
        self._pads: set[tuple[str, int]] = set()
        self._named = ""

    def panic(self, event: Event | None) -> bool:
        """Whether the event stopped everything."""
        if not (self.on.panic and isinstance(event, ControlChange) and event.controller in PANIC_CONTROLLERS):
            return False
        self._perform("/jam/panic", ())
        return True

    def note(self, event: NoteEvent, port: str) -> None:
        pad = event.note - self._config.launch_note + 1
        if self.on.launch and event.channel == self._config.launch_channel and 1 <= pad <= PADS:
            if event.kind == "on":
                self._pads.add((port, pad))
                self._perform(f"/slot/{pad}/launch", ())
            elif (port, pad) in self._pads:
                self._release(port, pad)
        elif self.on.chord and event.channel == self._config.chord_channel:
            (self._held.add if event.kind == "on" else self._held.discard)((port, event.note))
            self._chord()

    def _release(self, port: str, pad: int) -> None:
        self._pads.discard((port, pad))
        self._perform(f"/slot/{pad}/release", ())

    def let_go(self, port: str | None = None) -> None:
        """What is held on a port that has gone, or anywhere, is held no more."""
        for name, pad in sorted(self._pads):
            if port in (None, name):
                self._release(name, pad)
        if any(port in (None, name) for name, _ in self._held):
            self._held = {(name, note) for name, note in self._held if port not in (None, name)}
            self._chord()

    def _chord(self) -> None:
        if not self._held:
            if self._named:
                self._named = ""
                self._perform("/jam/chord/resume", ())
            return
        symbol = _name(frozenset(note for _, note in self._held))
        if symbol is not None and symbol != self._named:
            self._named = symbol
            self._perform("/jam/chord", (symbol,))
