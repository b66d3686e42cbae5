"""All screens, in the order of their keys: the first is on key 1. A new one is a sub-class of `BaseScreen` and a line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tui.screens.adapters import AdaptersScreen
from tui.screens.base import BaseScreen
from tui.screens.main import MainScreen
from tui.screens.midi import MidiScreen
from tui.screens.sessions import SessionsScreen
from tui.screens.settings import SettingsScreen
from tui.screens.slots import SlotsScreen


@dataclass(frozen=True)
class Entry:
    """`name` for programs, `title` for people."""

    name: str
    title: str
    screen: type[BaseScreen]


SCREENS: Final = (
    Entry("main", "Main", MainScreen),
    Entry("adapters", "Adapters", AdaptersScreen),
    Entry("slots", "Slots", SlotsScreen),
    Entry("midi", "MIDI", MidiScreen),
    Entry("sessions", "Sessions", SessionsScreen),
    Entry("settings", "Settings", SettingsScreen),
)
