"""What is wanted, as plain values. Only the session's desks change it.

A snapshot of all of it is kept while the daemon runs, so that a control process that was killed goes on where it was; what a musician
sets up (slots, mixer, connections) is kept beyond the run as well, see `store`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from jamd.contract.chart import Chart, Chord, parse_chart, parse_chord
from jamd.contract.clock import Clock
from jamd.contract.parameters import PARAMETERS, SLOTS
from jamd.contract.units import PARTS

DEFAULT_CHART = "| Dm7 | G7 | Cmaj7 | A7 |"
SlotName = Literal["empty", "rendering", "ready", "queued", "playing", "stopping"]


class Clip(msgspec.Struct):
    """What is in a slot, as it was made."""

    memory: str
    """Name of the shared memory: float32 [frames, 2]."""
    frames: int
    bars: int
    beats_per_bar: int
    tempo: float
    seed: int = 0
    chart: str = ""
    style: str = ""
    file: str = ""
    """Where it was loaded from."""
    figures: dict[str, float] = {}
    stored: bool = False
    """It is kept beyond the run."""

    @property
    def beats(self) -> float:
        return float(self.bars * self.beats_per_bar)


class SlotSetup(msgspec.Struct):
    """How a slot behaves; kept beyond the run."""

    name: str = ""
    mode: str = "trigger"
    quantize: str = "1"
    loop: int = 1
    legato: int = 0
    gain_db: float = 0.0
    choke: int = 0
    follow: str = "none"
    follow_bars: int = 0


class Slot(msgspec.Struct):
    """A slot as control sees it; what the audio thread does with it is read from the shared memory."""

    setup: SlotSetup = msgspec.field(default_factory=SlotSetup)
    clip: Clip | None = None
    request: int = 0
    rendering: bool = False
    attached: bool = False
    """The audio thread can play it."""
    sounding_tempo: float = 0.0
    """Tempo that the audio thread's copy has been stretched to."""
    stretching: float = 0.0
    """Tempo of the copy that is being made; 0: none."""
    swap_at: int | None = None
    """Frame from which a clip that waits is to take over, until the audio thread is told."""
    launch_at: int | None = None
    launch_beat: float | None = None
    """Beat at which the clip's start lies."""
    stop_at: int | None = None
    follow_beat: float | None = None
    held: bool = False
    repeat_at: int | None = None
    error: str = ""

    @property
    def loaded(self) -> bool:
        return self.clip is not None and self.attached

    def forget_launch(self) -> None:
        """Nothing sounds, and nothing is to begin."""
        self.launch_at = self.stop_at = self.launch_beat = self.follow_beat = self.repeat_at = None
        self.held = False


class State(msgspec.Struct):
    chart_text: str = DEFAULT_CHART
    chart_bar: int = 0
    chord_text: str = ""
    chord_beat: float = 0.0
    style: str = ""
    tempo: float = 120.0
    clock: Clock = msgspec.field(default_factory=lambda: Clock.standing(0, 120.0, 4))
    start_bar: int = 0
    """Bar at which a standing clock will start."""
    source: str = "internal"
    count_in: int = 0
    metronome: int = 0
    master: int = 0
    send_midi: int = 0
    latency_ms: float = 0.0
    jam_from: int | None = None
    jam_until: int | None = None
    trade: int = 0
    trade_bar: int = 0
    params: dict[str, float] = msgspec.field(default_factory=lambda: {p.name: p.default for p in PARAMETERS})
    parts: dict[str, bool] = msgspec.field(default_factory=lambda: dict.fromkeys(PARTS, True))
    gain_db: float = 0.0
    slots: list[Slot] = msgspec.field(default_factory=lambda: [Slot() for _ in range(SLOTS)])
    requests: int = 0
    connections: list[tuple[str, str]] = []
    loaded: dict[str, str] = {}
    """Adapters that are to be in the engine's memory, to their state there."""
    adapters: list[tuple[str, float]] = []
    """Those that play, or will from the next bar."""
    adapter_strength: float = 1.0
    recording: str = ""
    """Folder of the take that is being recorded."""
    engine: dict[str, Any] = {}
    audio: dict[str, Any] = {}

    @property
    def chart(self) -> Chart:
        return parse_chart(self.chart_text)

    @property
    def chord(self) -> Chord | None:
        return parse_chord(self.chord_text) if self.chord_text else None
