"""Settings: everything of the configuration with its help, and the colours."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.screens.base import BaseScreen
from tui.themes import THEMES
from tui.widgets.listing import Listing
from tui.widgets.settings import Running, SettingHelp, SettingList, ThemeList


class SettingsScreen(BaseScreen):
    """What runs, the settings, the one under the cursor, the colours.

    The daemon does not tell its configuration: what is shown is that of the file of this machine, read anew whenever the screen comes up.
    """

    CSS_PATH = "settings.tcss"
    AUTO_FOCUS = "SettingList"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("h", "colours", "Colours")]

    def body(self) -> ComposeResult:
        yield Running()
        listed = SettingList()
        yield listed
        yield SettingHelp(listed)
        yield ThemeList()

    def on_listing_moved(self, event: Listing.Moved) -> None:
        self.query_one(SettingHelp).show()

    def on_screen_resume(self) -> None:
        self.query_one(SettingList).read_again()
        super().on_screen_resume()

    def action_colours(self) -> None:
        """The next theme."""
        names = [theme.name for theme in THEMES]
        place = names.index(self.app.theme) if self.app.theme in names else -1
        self.app.theme = names[(place + 1) % len(names)]
        self.query_one(ThemeList).show()
