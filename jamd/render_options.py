"""What `jamd render` is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RenderOptions:
    """One call. `bars` or `seconds` says how long; with neither, once through the chart."""

    out: Path
    chart: str | None = None
    bars: int | None = None
    seconds: float | None = None
    tempo: float = 120.0
    style: str = ""
    parts: tuple[str, ...] = ("piano", "bass", "drums")
    density: float = 0.5
    energy: float = 0.5
    register: float = 0.5
    swing: float = 0.0
    temperature: float = 1.0
    top_p: float = 0.95
    guidance: float = 3.0
    seed: int = 1
    count: int = 1
    loop: bool = False
    midi: Path | None = None
    notes: Path | None = None
    """A MIDI file whose parts are played as written."""
    go_on: Path | None = None
    """A recording that the music goes on from."""
    model: str = "small"
    adapter: str | None = None
    """NAME or NAME:STRENGTH."""
