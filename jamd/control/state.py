"""What is wanted, as plain values. Only the session changes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from jamd.contract.chart import Chart, Chord, parse_chart
from jamd.contract.clock import Clock
from jamd.contract.parameters import PARAMETERS, SLOTS
from jamd.contract.units import PARTS

DEFAULT_CHART = "| Dm7 | G7 | Cmaj7 | A7 |"
SlotName = Literal["empty", "rendering", "ready", "queued", "playing", "stopping"]


@dataclass
class Slot:
    """A slot as control sees it; what the audio thread does is read from the shared memory."""

    request: int = 0
    rendering: bool = False
    loaded: bool = False
    bars: int = 0
    tempo: float = 0.0
    seed: int = 0
    launch_at: int | None = None
    stop_at: int | None = None
    error: str = ""


@dataclass
class State:
    chart: Chart = field(default_factory=lambda: parse_chart(DEFAULT_CHART))
    chart_text: str = DEFAULT_CHART
    chart_bar: int = 0
    chord: Chord | None = None
    chord_beat: float = 0.0
    style: str = ""
    tempo: float = 120.0
    clock: Clock = field(default_factory=lambda: Clock(Clock.started(0, 120.0, 4).segments, False))
    jam_from: int | None = None
    jam_until: int | None = None
    params: dict[str, float] = field(default_factory=lambda: {p.name: p.default for p in PARAMETERS})
    parts: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(PARTS, True))
    gain_db: float = 0.0
    slots: list[Slot] = field(default_factory=lambda: [Slot() for _ in range(SLOTS)])
    engine: dict[str, Any] = field(default_factory=dict)
    audio: dict[str, Any] = field(default_factory=dict)
