"""A list with a cursor: as much of it as there is room for, around the line under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType
from textual.message import Message

from tui.state import State
from tui.widgets.band import cut
from tui.widgets.panel import Panel, Row, fit, length

Entry = TypeVar("Entry")
MARK = 2
"""Cells of the cursor in front."""


class Listing(Panel, Generic[Entry], can_focus=True):
    """A sub-class says what the entries are, what they are called, and how one looks. The cursor stays with its entry when others come."""

    EMPTY: ClassVar[tuple[str, ...]] = ()
    """Lines for when there is nothing."""
    PAGE: ClassVar[int] = 10
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Line above", show=False),
        Binding("down", "move(1)", "Line below", show=False),
        Binding("pageup", f"move(-{PAGE})", "Page up", show=False),
        Binding("pagedown", f"move({PAGE})", "Page down", show=False),
        Binding("home", "move(-1000000)", "First line", show=False),
        Binding("end", "move(1000000)", "Last line", show=False),
    ]

    class Moved(Message):
        """The cursor is on another entry."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._name = ""
        self._at = 0
        self._top = 0

    def entries(self, state: State) -> Sequence[Entry]:
        raise NotImplementedError

    def name_of(self, entry: Entry) -> str:
        """What no other entry is called."""
        raise NotImplementedError

    def line(self, entry: Entry, state: State, width: int) -> Row:
        """One entry; what is longer than `width` is cut."""
        raise NotImplementedError

    def heading(self, width: int) -> str:
        """Names of the columns; empty: no such line."""
        return ""

    def _place(self, entries: Sequence[Entry]) -> int:
        """Of the cursor; where its entry has gone, that which has come in its place."""
        for place, entry in enumerate(entries):
            if self.name_of(entry) == self._name:
                return place
        return max(min(self._at, len(entries) - 1), 0)

    @property
    def chosen(self) -> Entry | None:
        """The entry under the cursor."""
        entries = self.entries(self.state)
        return entries[self._place(entries)] if entries else None

    def choose(self, place: int) -> None:
        """Put the cursor on an entry, the nearest that there is."""
        entries = self.entries(self.state)
        if entries:
            self._at = max(min(place, len(entries) - 1), 0)
            self._name = self.name_of(entries[self._at])
            self.show()
            self.post_message(self.Moved())

    def action_move(self, step: int) -> None:
        self.choose(self._place(self.entries(self.state)) + step)

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        heading = self.heading(width - MARK)
        rows: list[Row] = [((fit(" " * MARK + heading, width), "title"),)] if heading else []
        entries = self.entries(state)
        if not entries:
            return rows + [((fit(" " * MARK + text, width), "dim"),) for text in self.EMPTY]
        at, room = self._place(entries), max(height - len(rows), 1)
        self._at = at
        self._top = max(min(self._top, at, len(entries) - room), at - room + 1, 0)
        for place in range(self._top, min(self._top + room, len(entries))):
            row = cut(self.line(entries[place], state, width - MARK), width - MARK)
            if place == at and self.has_focus:
                row = ((fit("".join(text for text, _ in row), width - MARK), "cursor"),)
            mark = ("› ", "lit") if place == at else (" " * MARK, "text")
            rows.append((mark, *row, (" " * (width - MARK - length(row)), "text")))
        return rows
