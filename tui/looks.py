"""What pieces of text look like, by names that all panels share; colours are variables of the theme.

They are no component classes of the style sheet: those would be matched for every panel whenever its focus or a class changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rich.style import Style
from textual.color import Color


@dataclass(frozen=True)
class Look:
    """`strength` is how much of the colour stands against the background; so is `fill` for `on`."""

    color: str = "foreground"
    strength: float = 1.0
    bold: bool = False
    on: str = ""
    """Variable of the background; empty: the panel's own."""
    fill: float = 1.0


LOOKS: Final = {
    "text": Look(), "dim": Look(strength=0.55), "title": Look("secondary", bold=True), "lit": Look("accent", bold=True),
    "coming": Look("primary", bold=True), "good": Look("success", bold=True), "warn": Look("warning", bold=True),
    "bad": Look("error", bold=True), "track": Look(strength=0.25), "low": Look("level-low"), "middle": Look("level-middle"),
    "high": Look("level-high"), "peak": Look(bold=True), "cursor": Look("background", bold=True, on="foreground"),
    # the states of a slot
    "empty": Look(strength=0.4, on="panel"), "rendering": Look("background", on="slot-rendering"),
    "ready": Look("background", on="slot-ready"), "queued": Look("background", bold=True, on="slot-queued"),
    "playing": Look("background", bold=True, on="slot-playing"), "unplayed": Look(bold=True, on="slot-playing", fill=0.4),
    "stopping": Look("background", bold=True, on="slot-stopping"),
}  # fmt: skip


def style(name: str, variables: Mapping[str, str], background: Color, fade: float = 1.0) -> Style:
    """A look in the colours of a theme, on a background.

    Args:
        fade: how much of all colours is left.

    Raises:
        KeyError: no look of that name.
    """
    look = LOOKS[name]
    behind = background.blend(Color.parse(variables[look.on]), look.fill * fade) if look.on else background
    front = behind.blend(Color.parse(variables[look.color]), look.strength * fade)
    return Style(color=front.rich_color, bgcolor=behind.rich_color, bold=look.bold)
