"""The application: one state, one connection, the screens, and the keys that work everywhere."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, ClassVar, Final

from textual.app import App
from textual.binding import Binding, BindingType
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.theme import Theme

from jamd.contract.errors import JamdError
from jamd.contract.parameters import ADDRESSES
from tui.commands import Addresses
from tui.connection import Connection
from tui.harmless import harmless_lines
from tui.kept import keep_theme, read_theme
from tui.registry import SCREENS, Entry
from tui.screens.base import BaseScreen
from tui.screens.keys import Keys
from tui.state import State
from tui.themes import DARK, THEMES, VARIABLES
from tui.widgets.panel import Panel

RATE: Final = 30.0
"""Updates a second, at most."""


class Dashboard(App[None]):
    """
    Args:
        endpoint: (host, port) of the daemon; None: there is none, and the state stays as it is given.
        state: what is known already.
        keeps: folder for what is kept for the next run; None: nothing is.
    """

    TITLE = "jamd"
    CSS_PATH = "styles.tcss"
    COMMANDS = App.COMMANDS | {Addresses}
    MODES: ClassVar[dict[str, Any]] = {entry.name: entry.screen for entry in SCREENS}
    DEFAULT_MODE = SCREENS[0].name
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "jam", "Jam", key_display="space"),
        Binding("c", "clock", "Clock"),
        Binding("t", "plain('/clock/tap')", "Tap", show=False),
        Binding("left_square_bracket", "tempo(-1)", "Slower", show=False),
        Binding("right_square_bracket", "tempo(1)", "Faster", show=False),
        Binding("m", "metronome", "Metronome", show=False),
        Binding("r", "record", "Record", show=False),
        Binding("exclamation_mark", "plain('/jam/panic')", "Panic"),
        Binding("question_mark", "keys", "Keys"),
        Binding("q", "quit", "Quit", show=False),
    ]

    def __init__(self, endpoint: tuple[str, int] | None, state: State | None = None, keeps: Path | None = None) -> None:
        super().__init__()
        self.state = state if state is not None else State()
        self.endpoint_text = f"{endpoint[0]}:{endpoint[1]}" if endpoint is not None else "nowhere"
        self.connection: Connection | None = None
        if endpoint is not None:
            self.connection = Connection(endpoint, self.state.take, self.state.set_link)
        self.panels: dict[Screen[Any], list[Panel]] = {}
        """Those that are mounted, by their screens."""
        self.entries: tuple[Entry, ...] = SCREENS
        for theme in THEMES:
            self.register_theme(theme)
        self._keeps = keeps
        kept = read_theme(keeps) if keeps is not None else ""
        self.theme = kept if kept in self.available_themes else DARK.name
        for key, entry in enumerate(SCREENS, 1):
            self.bind(str(key), f"go({entry.name!r})", description=entry.title, show=False)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLES

    def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, self._keep)
        if self.connection is not None:
            self.connection.start()
            self.set_interval(1 / RATE, self._tick)
        if self.is_web:
            server = os.getppid()
            self.set_interval(1.0, lambda: self.exit() if os.getppid() != server else None)

    async def on_unmount(self) -> None:
        if self.connection is not None:
            await self.connection.close()

    def _keep(self, theme: Theme) -> None:
        if self._keeps is not None:
            keep_theme(self._keeps, theme.name)

    def _tick(self) -> None:
        """Everything that has come since the last tick is shown at once."""
        state = self.state
        state.tick(time.monotonic())
        changed = state.take_changes()
        while state.errors:
            address, _, message = state.errors.popleft()
            self.notify(message if address in message else f"{address}: {message}", severity="error", markup=False)
        if changed:
            for screen in self.screen_stack:
                if isinstance(screen, BaseScreen):
                    screen.show(changed)

    def notify(
        self, message: str, *, title: str = "", severity: SeverityLevel = "information", timeout: float | None = None, markup: bool = True
    ) -> None:
        """Show a note for a while; what others wrote in it does not steer the terminal."""
        super().notify(harmless_lines(message), title=title, severity=severity, timeout=timeout, markup=markup)

    @property
    def current_title(self) -> str:
        """Of the screen that is in front."""
        return next((entry.title for entry in self.entries if entry.name == self.current_mode), "")

    @property
    def chosen_slot(self) -> int:
        """Number of the slot that commands without a number mean."""
        return next((screen.chosen_slot for screen in self.screen_stack if isinstance(screen, BaseScreen)), 1)

    def send(self, address: str, *arguments: Any) -> None:
        """One message to the daemon; who cannot be reached is told of."""
        try:
            sent = self.connection is not None and self.connection.send(address, *arguments)
        except JamdError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        if not sent or self.state.link != "connected":
            self.notify(f"{address}: no connection to {self.endpoint_text}", severity="error", markup=False)

    # --- keys -----------------------------------------------------------------------------------------------------------

    def action_go(self, name: str) -> None:
        self.switch_mode(name)

    def action_plain(self, address: str) -> None:
        """An address without arguments."""
        self.send(address)

    def action_jam(self) -> None:
        self.send("/jam/stop" if self.state.jamming else "/jam/start")

    def action_clock(self) -> None:
        self.send("/clock/stop" if self.state.clock.playing else "/clock/play")

    def action_metronome(self) -> None:
        self.send("/clock/metronome", 0 if self.state.clock.metronome else 1)

    def action_record(self) -> None:
        self.send("/record/stop" if self.state.record.recording else "/record/start")

    def action_tempo(self, step: float) -> None:
        argument = ADDRESSES["/clock/tempo"][0].arguments[0]
        wanted = min(max(round(self.state.clock.tempo) + step, argument.low or 0.0), argument.high or 0.0)
        self.send("/clock/tempo", float(wanted))

    def action_keys(self) -> None:
        self.push_screen(Keys(self.screen.active_bindings.values()))
