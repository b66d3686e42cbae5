"""The base of all widgets that show the state: rows of styled text, of which only what has changed is drawn again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import TRANSPARENT
from textual.filter import ANSIToTruecolor, LineFilter
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from tui import looks
from tui.harmless import harmless

if TYPE_CHECKING:
    from tui.app import Dashboard
    from tui.state import State

TITLES_FROM: Final = 42
"""Lines of the terminal from which panels have titles."""
FADED: Final = 0.5
"""How much of the colours is left without a connection."""
KNOWN: Final = 256
"""Lines that a panel remembers."""
Row = tuple[tuple[str, str], ...]
"""Pieces of a line, left to right: (text, name of a look)."""


def fit(text: str, width: int) -> str:
    """Exactly so many characters: cut with an ellipsis, or filled with spaces."""
    return text.ljust(width) if len(text) <= width else text[: max(width - 1, 0)] + "…" * (width > 0)


def length(row: Row) -> int:
    """Characters of a row."""
    return sum([len(text) for text, _ in row])


def changed_span(old: Row, new: Row) -> tuple[int, int]:
    """First column that differs, and the one after the last, of two rows that are not equal."""
    first = 0
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        first += len(new[start][0])
        start += 1
    widths = length(old), length(new)
    if widths[0] != widths[1]:
        return first, max(widths)
    last = widths[1]
    end = 1
    while end <= min(len(old), len(new)) - start and old[-end] == new[-end]:
        last -= len(new[-end][0])
        end += 1
    return first, last


class Panel(Widget):
    """Shows rows. A sub-class names its topics and makes its picture of the state.

    Textual's own way from a line to the terminal takes longer than all else here, thirty times a second: the finished lines are kept, and
    given to the compositor as they are. So a panel has no border or padding of the style sheet; where there is room, a line with its
    title stands above the picture.
    """

    ALLOW_SELECT = False
    SHOWS: ClassVar[frozenset[str]] = frozenset()
    """Topics (see `State.changed`) that can change the picture."""
    TITLE: ClassVar[str] = ""
    """Of the line above it, where there is room for one."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._rows: list[Row] = []
        self._strips: list[Strip] = []
        self._known: dict[Row, Strip] = {}
        """Lines that were drawn before: many come again."""
        self._wide: set[Row] = set()
        """Those with letters that fill two cells."""
        self._looks: dict[str, Style] = {}
        self._background = TRANSPARENT
        self._filters: list[LineFilter] = []
        self._extent = Size(0, 0)

    def picture(self, state: State, width: int, height: int) -> Sequence[Row]:
        """At most `height` rows of at most `width` characters."""
        raise NotImplementedError

    @property
    def dashboard(self) -> Dashboard:
        return cast("Dashboard", self.app)

    @property
    def state(self) -> State:
        return self.dashboard.state

    @property
    def is_faded(self) -> bool:
        """What it shows is old."""
        return self.state.link != "connected"

    def send(self, address: str, *arguments: Any) -> None:
        """One message to the daemon."""
        self.dashboard.send(address, *arguments)

    # --- rows -----------------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """The state as it is now; what looks as before is left alone."""
        if regions := self.change():
            self.refresh(*regions)

    def change(self) -> list[Region]:
        """Take over the state as it is now; where it looks otherwise than before, and has to be written."""
        width, height = self._extent
        if not width or not height:
            return []
        rows = self._all_rows(width, height)
        if len(self._strips) != height or len(self._rows) != height:
            self._rows = rows
            self.redraw()
            return []
        regions = []
        for y, (before, after) in enumerate(zip(self._rows, rows, strict=True)):
            if before != after:
                self._strips[y] = self._strip(after, width)
                first, last = changed_span(before, after) if before not in self._wide and after not in self._wide else (0, width)
                regions.append(Region(first, y, max(min(last, width) - first, 0), 1))
        self._rows = rows
        return regions

    def _all_rows(self, width: int, height: int) -> list[Row]:
        rows: list[Row] = []
        if self.TITLE and self.app.size.height >= TITLES_FROM and height > 2:
            look = "lit" if self.has_focus else "title"
            rows.append((("─ ", "track"), (self.TITLE, look), (" " + "─" * (width - len(self.TITLE) - 3), "track")))
        rows += list(self.picture(self.state, width, height - len(rows)))[: height - len(rows)]
        return rows + [()] * (height - len(rows))

    def redraw(self) -> None:
        """All of it, in the colours of now."""
        self._forget()
        self.refresh()

    # --- lines ----------------------------------------------------------------------------------------------------------

    def _strip(self, row: Row, width: int) -> Strip:
        strip = self._known.get(row)
        if strip is None:
            looks = self._looks
            plain = Strip([Segment(harmless(text), looks.get(name) or self._look(name)) for text, name in row])
            if plain.cell_length != length(row):  # letters that fill two cells
                self._wide.add(row)
            strip = plain.adjust_cell_length(width, self._look("text"))
            for line_filter in self._filters:
                strip = strip.apply_filter(line_filter, self._background)
            if len(self._known) >= KNOWN:
                self._known.clear()
                self._wide &= {*self._rows, row}
            self._known[row] = strip
        return strip

    def _forget(self) -> None:
        """Looks or the width are others."""
        self._looks, self._strips, self._known = {}, [], {}

    def _look(self, name: str) -> Style:
        look = self._looks.get(name)
        if look is None:
            self._background = self.background_colors[1]
            self._filters = [one for one in self.get_line_filters() if not isinstance(one, ANSIToTruecolor)]  # all looks are true colours
            fade = FADED if self.is_faded else 1.0
            look = self._looks[name] = looks.style(name, self.app.theme_variables, self._background, fade)
        return look

    def render_lines(self, crop: Region) -> list[Strip]:
        width, height = self.size
        if len(self._strips) != height:
            rows = self._rows[:height] + [()] * (height - len(self._rows))
            self._strips = [self._strip(row, width) for row in rows]
        if crop.width == width and crop.height == height:
            return self._strips
        return self.cells(crop)

    def cells(self, crop: Region) -> list[Strip]:
        """Of the lines as they were drawn last."""
        return [strip.crop(crop.x, crop.right) for strip in self._strips[crop.y : crop.bottom]]

    def notify_style_update(self) -> None:
        """Another theme or style sheet."""
        self._forget()
        super().notify_style_update()

    def on_mount(self) -> None:
        self._screen = self.screen
        self.dashboard.panels.setdefault(self._screen, []).append(self)

    def on_unmount(self) -> None:
        self.dashboard.panels[self._screen].remove(self)

    def on_resize(self, event: events.Resize) -> None:
        self._extent = event.size
        self._forget()
        self.show()

    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        self.show()
