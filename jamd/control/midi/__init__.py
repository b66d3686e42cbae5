"""Controllers: MIDI learn, maps, pad lights."""

from __future__ import annotations

from jamd.control.midi.map import MidiMap

__all__ = ["MidiMap"]
