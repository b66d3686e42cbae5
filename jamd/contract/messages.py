"""Messages between the processes: small frozen values, each with what happens to it when its queue is full.

COALESCE: only the newest of its key is kept. DROP_OLDEST: the oldest of its kind goes. NEVER: it stays, whatever the queue holds.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

import msgspec

from jamd.contract.clock import Clock


class Overflow(Enum):
    COALESCE = "coalesce"
    DROP_OLDEST = "drop_oldest"
    NEVER = "never"


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of all messages."""

    overflow: ClassVar[Overflow] = Overflow.NEVER

    @property
    def key(self) -> str:
        """Messages of one key replace each other where they coalesce."""
        return type(self).__name__


# --- anybody ----------------------------------------------------------------------------------------------------------


class Hello(Message, frozen=True):
    """First message on every channel."""

    role: str
    pid: int
    fresh: bool = True
    """False: the process was there before, and has found control again."""


class Shutdown(Message, frozen=True):
    pass


# --- control to engine --------------------------------------------------------------------------------------------------


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
    loaded: dict[str, str] = {}
    """Adapters that are to be in memory, to their folders."""
    adapters: list[tuple[str, float]] = []
    """Those that play."""


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


# --- engine to control --------------------------------------------------------------------------------------------------


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


class Applied(Message, frozen=True):
    """A change is in what is written from `frame` on."""

    overflow: ClassVar[Overflow] = Overflow.DROP_OLDEST
    address: str
    value_json: str
    frame: int


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
    """The state of an adapter has changed: registered, staging, ready, active, failed; or a set was refused, and `playing` plays on."""

    name: str
    state: str
    text: str = ""
    digest: str = ""
    playing: list[tuple[str, float]] = []


class EngineError(Message, frozen=True):
    code: str
    message: str


# --- control and audio ----------------------------------------------------------------------------------------------------


class ClipAttach(Message, frozen=True):
    slot: int
    name: str
    frames: int
    loop: bool


class ClipDetach(Message, frozen=True):
    slot: int


class ClipStretch(Message, frozen=True):
    """The slot's clip, as it was made, at another length."""

    slot: int
    frames: int


class Connect(Message, frozen=True):
    """Connections to keep: short names of our ports, full names of the others."""

    pairs: list[tuple[str, str]]


class Connections(Message, frozen=True):
    """The connections that are, or wait for a port to return."""

    pairs: list[tuple[str, str]]


class SetLatency(Message, frozen=True):
    """What the outputs report to JACK, in frames."""

    frames: int


class RecordStart(Message, frozen=True):
    folder: str
    format: str
    frame: int


class RecordStop(Message, frozen=True):
    pass


class RecordEvent(Message, frozen=True):
    """started, stopped, lost or failed; `frame`: of the first sample, when it started."""

    kind: str
    text: str
    frames: int
    frame: int = 0


class AudioReady(Message, frozen=True):
    backend: str
    rate: int
    block: int
    ports: list[str]


class ClipAttached(Message, frozen=True):
    """The clip is in the slot; or it waits there for SLOT_SWAP, because another one sounds."""

    slot: int
    name: str
    frames: int
    waits: bool = False


class ClipDetached(Message, frozen=True):
    slot: int


class AudioFault(Message, frozen=True):
    message: str


# --- supervisor and control -------------------------------------------------------------------------------------------------


class StopChild(Message, frozen=True):
    """Control passes the request on, or ends itself."""

    role: str


class Ready(Message, frozen=True):
    """All processes are up."""

    osc: str
    backend: str
    model: str
    real_time_factor: float


AnyMessage = (
    Hello | Shutdown | EngineState | SetClock | SetChart | SetChord | SetParam | SetPart | SetStyle | JamStart | JamStop | Panic
    | RenderClip | EngineProgress | EngineReady | EngineStatus | ClipReady | ClipFailed | Applied | EngineError | ClipAttach
    | ClipDetach | AudioReady | ClipAttached | ClipDetached | AudioFault | StopChild | Ready | SetTrade | JournalOn | EngineInput
    | AdapterLoad | AdapterUnload | AdapterUse | AdapterEvent
    | ClipStretch | Connect | Connections | SetLatency | RecordStart | RecordStop | RecordEvent
)  # fmt: skip
