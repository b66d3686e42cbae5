"""The way from panels to the terminal, thirty times a second.

Textual composes all widgets in sight before it writes a cell of one, and goes through the queues of widget, screen and timer to do so. A
panel has its finished lines, though, and what has changed in it lies in front of all else, but for a note or a prompt. So that alone is
written, at once. Whatever is otherwise goes Textual's own way, and so does everything that is not called from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from textual._compositor import CompositorUpdate
from textual.geometry import Region
from textual.screen import Screen

from tui.widgets.panel import Panel

Changes = Mapping[Panel, Sequence[Region]]
"""What is other than before, in each panel's own places."""


class PanelUpdate(CompositorUpdate):
    """Pieces of panels: (panel, what of it, column and line on the screen)."""

    def __init__(self, pieces: Sequence[tuple[Panel, Region, int, int]]) -> None:
        self.pieces = pieces

    def render_segments(self, console: Console) -> str:
        """As the terminal takes it."""
        out = []
        for panel, crop, x, y in self.pieces:
            for line, strip in enumerate(panel.cells(crop), y + 1):
                out.append(f"\x1b[{line};{x + 1}H{strip.render(console)}")
        return "".join(out)


def pieces_in_front(screen: Screen[None], changes: Changes) -> list[tuple[Panel, Region, int, int]] | None:
    """What has to be written; None: something that is no panel, or not all of one, is to be seen there."""
    in_sight = screen._compositor.visible_widgets  # from the front to the back
    out = []
    for panel, regions in changes.items():
        if panel not in in_sight:
            return None
        place, clip = in_sight[panel]
        if not clip.contains_region(place):
            return None
        for region in regions:
            there = region.translate(place.offset)
            for widget, (other, _) in in_sight.items():
                if widget is panel:
                    break
                if other.overlaps(there):
                    return None
            out.append((panel, region, there.x, there.y))
    return out


def is_settled(screen: Screen[None]) -> bool:
    """Is the screen in front, with nothing of Textual's own still to be laid out or painted?"""
    waits = screen._layout_required or screen._scroll_required or screen._repaint_required or screen.app._batch_count
    return screen.is_current and not waits


def write(screen: Screen[None], changes: Changes) -> bool:
    """Write what has changed; False: it has to go Textual's way."""
    if not is_settled(screen):
        return False
    pieces = pieces_in_front(screen, changes)
    if pieces is None:
        return False
    screen.app._display(screen, PanelUpdate(pieces))  # type: ignore[arg-type]
    return True
