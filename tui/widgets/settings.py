"""Settings: every key of the configuration with its help, and the colours of the dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, ClassVar, Final

import msgspec
from textual.binding import Binding, BindingType
from textual.theme import Theme

from jamd import paths
from jamd.contract.config import Config, load_config
from jamd.contract.errors import ConfigError
from jamd.reference import settings
from tui.state import State
from tui.themes import THEMES
from tui.widgets.listing import Listing
from tui.widgets.panel import Panel, Row, fit

KEY: Final = 22
VALUE: Final = 16
THEME_HELP: Final = {"jamd": "dark", "jamd-light": "light", "jamd-okabe-ito": "for every kind of colour vision (Okabe and Ito)"}


@dataclass(frozen=True)
class Setting:
    """`value` and `default` as TOML has them."""

    key: str
    kind: str
    default: str
    meaning: str
    value: str


def _word(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def read() -> tuple[list[Setting], str]:
    """All settings as the file of this machine has them, and what is wrong with it, if something is; then the defaults."""
    wrong = ""
    try:
        config = load_config(paths.config_file())
    except ConfigError as error:
        config, wrong = Config(), str(error)
    out = []
    for key, kind, default, meaning in settings():
        table, _, name = key.partition(".")
        out.append(Setting(key, kind, default, meaning, _word(getattr(getattr(config, table), name))))
    return out, wrong


class SettingList(Listing[Setting]):
    """All keys; what is not the default is lit."""

    TITLE = "Settings"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._settings, self.wrong = read()

    def read_again(self) -> None:
        """The file may have been changed."""
        self._settings, self.wrong = read()
        self.show()

    def entries(self, state: State) -> Sequence[Setting]:
        return self._settings

    def name_of(self, entry: Setting) -> str:
        return entry.key

    def heading(self, width: int) -> str:
        return f"{'setting':{KEY}}{'value':{VALUE}}what it is"

    def line(self, entry: Setting, state: State, width: int) -> Row:
        changed = entry.value != entry.default
        value = fit(("• " if changed else "  ") + entry.value, VALUE - 1) + " "
        return ((fit(entry.key, KEY), "text"), (value, "lit" if changed else "text"), (fit(entry.meaning, width - KEY - VALUE), "dim"))


class SettingHelp(Panel):
    """The setting under the cursor: all of its help, and how it is changed."""

    TITLE = "Help"

    def __init__(self, listed: SettingList) -> None:
        super().__init__()
        self._listed = listed

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        one = self._listed.chosen
        if one is None:
            return []
        table, _, name = one.key.partition(".")
        change: list[Row] = [
            (("to change it: ", "title"), (f"[{table}] ", "coming"), (f"{name} = {one.value}", "coming")),
            ((fit(f"and start `jamd run` again; all values are of this machine's {paths.config_file()}", width), "dim"),),
        ]
        if self._listed.wrong:
            change[1] = ((fit(self._listed.wrong, width), "bad"),)
        facts: Row = ((one.key, "lit"), (f"  {one.kind}, default {one.default}", "dim"))
        words = wrap(one.meaning, max(width, 1))[: max(height - len(change) - 1, 1)]
        return [facts, *[((line, "text"),) for line in words], *change]


class Running(Panel):
    """What the daemon tells of itself; of its configuration it tells no more."""

    SHOWS = frozenset({"engine", "counters", "link"})

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        engine, sound = state.engine, state.meters
        facts = [state.daemon or "no daemon yet", f"at {self.dashboard.endpoint_text}"]
        facts += [f"{engine.model} on {engine.device}"] if engine.ready else []
        facts += [f"{sound.backend}, {sound.rate} Hz, blocks of {sound.block}"] if sound.backend else []
        return [(("  running ", "title"), (fit("  ·  ".join(facts), width - 10), "text"))]


class ThemeList(Listing[Theme]):
    """The dashboard's own themes; the palette has all others."""

    TITLE = "Colours"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "take", "Take these colours", show=False)]

    def entries(self, state: State) -> Sequence[Theme]:
        return THEMES

    def name_of(self, entry: Theme) -> str:
        return entry.name

    def line(self, entry: Theme, state: State, width: int) -> Row:
        sign = ("● ", "good") if self.app.theme == entry.name else ("○ ", "dim")
        return (sign, (fit(entry.name, KEY - 2), "text"), (THEME_HELP.get(entry.name, ""), "dim"))

    def action_take(self) -> None:
        if self.chosen is not None:
            self.app.theme = self.chosen.name
            self.show()
