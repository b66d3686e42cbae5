"""What control and engine tell each other."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from jamd.contract.clock import Clock
from jamd.contract.messages.base import Message, Overflow

# --- control to engine ------------------------------------------------------------------------------------------------


class EngineState(Message, frozen=True):
    """The whole desired state, for an engine that has just come up."""

    clock: Clock
    chart_text: str
    chart_bar: int
    chord_text: str | None
    chord_beat: float
    params: dict[str, float]
    parts: dict[str, bool]
    style: str
    jam_from: int | None = None
    jam_until: int | None = None
    trade: int = 0
    trade_bar: int = 0
    loaded: dict[str, str] = msgspec.field(default_factory=dict)
    """Adapters that are to be in memory, to their folders."""
    adapters: list[tuple[str, float]] = msgspec.field(default_factory=list)
    """Those that play, as they were asked for."""
    adapter_strength: float = 1.0
    """Factor on all of them."""


class SetClock(Message, frozen=True):
    clock: Clock


class SetChart(Message, frozen=True):
    """`bar` is the clock's bar at which the chart's first bar falls."""

    text: str
    bar: int


class SetChord(Message, frozen=True):
    """A chord from a beat of the clock on; None: the chart again."""

    text: str | None
    beat: float


class SetParam(Message, frozen=True):
    overflow: ClassVar[Overflow] = Overflow.COALESCE
    name: str
    value: float

    @property
    def key(self) -> str:
        return f"SetParam {self.name}"


class SetPart(Message, frozen=True):
    name: str
    on: bool
    frame: int


class SetStyle(Message, frozen=True):
    text: str


class JamStart(Message, frozen=True):
    frame: int


class JamStop(Message, frozen=True):
    frame: int


class Panic(Message, frozen=True):
    pass


class SetTrade(Message, frozen=True):
    """From a bar of the clock on the band plays `bars` bars and rests as many; 0: it plays on."""

    bars: int
    bar: int


class JournalOn(Message, frozen=True):
    """The engine is to report everything that it is told since the jam began, and from now on; or no longer."""

    on: bool


class AdapterLoad(Message, frozen=True):
    """From disk to memory."""

    name: str
    folder: str


class AdapterUnload(Message, frozen=True):
    name: str


class AdapterUse(Message, frozen=True):
    """What plays from a frame on: names with strengths, none for the base alone. All of them are loaded."""

    adapters: list[tuple[str, float]]
    frame: int
    request: int = 0
    """Comes back where it is refused."""


class AdapterStrength(Message, frozen=True):
    """Factor on the strengths of all adapters, of those that play and of those that wait for their frame; at once."""

    value: float


class RenderClip(Message, frozen=True):
    slot: int
    """From 0."""
    request: int
    bars: int
    tempo: float
    beats_per_bar: int
    chart_text: str
    style: str
    seed: int | None


# --- engine to control ------------------------------------------------------------------------------------------------


class EngineProgress(Message, frozen=True):
    overflow: ClassVar[Overflow] = Overflow.DROP_OLDEST
    text: str
    fraction: float


class EngineReady(Message, frozen=True):
    model: str
    parameters: int
    device: str
    warm_up_s: float
    real_time_factor: float


class EngineStatus(Message, frozen=True):
    overflow: ClassVar[Overflow] = Overflow.DROP_OLDEST
    real_time_factor: float
    frame_ms_p50: float
    frame_ms_p99: float
    queue_ms: float
    skipped_frames: int
    jam: bool
    bar: int
    chord: str
    slow: str
    gpu_memory_mb: float | None = None
    """None: not on a GPU."""
    gpu_temperature_c: float | None = None
    """None: not known."""


class ClipReady(Message, frozen=True):
    slot: int
    request: int
    name: str
    """Of the shared memory: float32 [frames, 2]."""
    frames: int
    bars: int
    tempo: float
    seed: int
    chart_text: str
    style: str
    seconds_to_render: float
    figures: dict[str, float]
    """What was measured before the clip was let through."""
    tries: int


class ClipFailed(Message, frozen=True):
    slot: int
    request: int
    code: str
    message: str


class EngineInput(Message, frozen=True):
    """What the engine was told, and where in its work: enough to do it again."""

    steps: int
    """Steps of the jam's performer that were done."""
    planned: int
    """Events of the plan that were written."""
    frame: int
    text: str
    """JSON."""


class AdapterEvent(Message, frozen=True):
    """The state of an adapter has changed: registered, staging, ready, active, failed; or something was refused: with a name that it be
    unloaded, without one a set `asked`, so that `playing` plays on."""

    name: str
    state: str
    text: str = ""
    digest: str = ""
    asked: list[tuple[str, float]] = msgspec.field(default_factory=list)
    playing: list[tuple[str, float]] = msgspec.field(default_factory=list)
    request: int = 0


class EngineError(Message, frozen=True):
    code: str
    message: str
    said: bool = False
    """The process has written it on its own standard error, since it ends."""


EngineMessage = (
    EngineState | SetClock | SetChart | SetChord | SetParam | SetPart | SetStyle | JamStart | JamStop | Panic | SetTrade | JournalOn
    | AdapterLoad | AdapterUnload | AdapterUse | AdapterStrength | RenderClip
    | EngineProgress | EngineReady | EngineStatus | ClipReady | ClipFailed
    | EngineInput | AdapterEvent | EngineError
)  # fmt: skip
