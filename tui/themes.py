"""Colours. The states of slots have those of the pads (white, orange, green, red); Okabe and Ito's are told apart by colour-blind people.

Masataka Okabe and Kei Ito, "Color Universal Design", 2008.
"""

from __future__ import annotations

from typing import Final

from textual.theme import Theme


def _slots(rendering: str, ready: str, queued: str, playing: str, stopping: str) -> dict[str, str]:
    return {"slot-rendering": rendering, "slot-ready": ready, "slot-queued": queued, "slot-playing": playing, "slot-stopping": stopping}


def _levels(low: str, middle: str, high: str) -> dict[str, str]:
    return {"level-low": low, "level-middle": middle, "level-high": high}


VARIABLES: Final = _slots("#e8e8e8", "#e08a1e", "#7ed321", "#2fb344", "#e0443e") | _levels("#2fb344", "#e0c341", "#e0443e")
"""For themes that say nothing of slots and levels."""

DARK: Final = Theme(
    "jamd", primary="#5aa9e6", secondary="#7a8fa6", accent="#ffc857", foreground="#e6e9ef", background="#0e1116", surface="#151a21",
    panel="#202833", success="#2fb344", warning="#e0a030", error="#e0443e", variables=VARIABLES,
)  # fmt: skip
LIGHT: Final = Theme(
    "jamd-light", primary="#1f5fa8", secondary="#56677a", accent="#9a4a00", foreground="#14181d", background="#f4f4f0", surface="#ffffff",
    panel="#dfe3e8", success="#1b7a34", warning="#9a6200", error="#b3261e", dark=False,
    variables=_slots("#8a939e", "#f0a040", "#8fd14f", "#35b04f", "#e8655c") | _levels("#2f9e49", "#c79a00", "#cf3a33"),
)  # fmt: skip
OKABE_ITO: Final = Theme(
    "jamd-okabe-ito", primary="#56b4e9", secondary="#9aa5b1", accent="#f0e442", foreground="#f2f2f2", background="#000000",
    surface="#0c0f14", panel="#1d2430", success="#009e73", warning="#e69f00", error="#d55e00",
    variables=_slots("#f2f2f2", "#56b4e9", "#f0e442", "#009e73", "#d55e00") | _levels("#009e73", "#e69f00", "#d55e00"),
)  # fmt: skip
THEMES: Final = (DARK, LIGHT, OKABE_ITO)
