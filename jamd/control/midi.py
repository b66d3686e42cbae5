"""MIDI to actions: pads launch slots, held notes name the chord, all-notes-off stops everything."""

from __future__ import annotations

from bridges.midi import ControlChange, NoteEvent, parse
from jamd.contract.config import MidiConfig
from jamd.contract.errors import JamdError
from jamd.control.chords import name_chord
from jamd.control.server import OscServer
from jamd.control.session import Session

PADS = 16
PANIC_CONTROLLERS = (120, 123)


class MidiMap:
    """The default map."""

    def __init__(self, session: Session, config: MidiConfig, server: OscServer) -> None:
        self._session = session
        self._config = config
        self._server = server
        self._held: set[int] = set()
        self._named = ""

    def handle(self, message: bytes) -> None:
        """One message; what cannot be done is logged."""
        event = parse(message)
        try:
            if isinstance(event, NoteEvent):
                self._note(event)
            elif isinstance(event, ControlChange) and event.controller in PANIC_CONTROLLERS:
                self._session.jam_panic()
        except JamdError as error:
            self._server.log(f"MIDI: {error}")

    def _note(self, event: NoteEvent) -> None:
        config = self._config
        pad = event.note - config.launch_note
        if event.channel == config.launch_channel and 0 <= pad < PADS:
            if event.kind == "on":
                self._session.slot_launch(pad)
        elif event.channel == config.chord_channel:
            (self._held.add if event.kind == "on" else self._held.discard)(event.note)
            self._chord()

    def _chord(self) -> None:
        if not self._held:
            if self._named:
                self._named = ""
                self._session.jam_chord_resume()
            return
        symbol = name_chord(self._held)
        if symbol is not None and symbol != self._named:
            self._named = symbol
            self._session.jam_chord(symbol)
