"""What the daemon's topics say, as values. Fields that are not known here are passed over: a newer daemon may say more."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

SlotState = Literal["empty", "rendering", "ready", "queued", "playing", "stopping"]
JamState = Literal["stopped", "queued", "playing", "stopping"]
AdapterState = Literal["registered", "staging", "ready", "active"]
Peaks = tuple[float, float]
"""Left and right, linear."""


class Clock(msgspec.Struct, frozen=True):
    playing: bool = False
    tempo: float = 120.0
    """Quarter notes a minute."""
    beats_per_bar: int = 4
    bar: int = 0
    """From 1; below 0 in the count-in; 0: the clock stands."""
    beat: float = 0.0
    """In the bar, from 1."""
    frame: int = 0
    """Of the daemon's time line, at 48 kHz."""
    source: str = "internal"
    count_in: int = 0
    metronome: int = 0
    master: int = 0
    latency: float = 0.0
    waiting: bool = False
    """For the outside clock to start."""
    peers: int | None = None
    """Of Ableton Link; None: not the source."""


class Meters(msgspec.Struct, frozen=True):
    backend: str = ""
    rate: int = 0
    block: int = 0
    ports: list[str] = []
    xruns: int = 0
    late_cycles: int = 0
    callbacks: int = 0
    underruns: int = 0
    underrun_frames: int = 0
    max_callback_us: int = 0
    queue_ms: float = 0.0
    peak_left: float = 0.0
    peak_right: float = 0.0
    peaks: dict[str, Peaks] = {}
    """Of jam, slots and in, since the reading before."""
    limiter_db: float = 0.0
    fault: int = 0


class Slot(msgspec.Struct, frozen=True):
    slot: int
    state: SlotState = "empty"
    bars: int = 0
    tempo: float = 0.0
    """At which the clip was made."""
    seed: int = 0
    sounds_at: float = 0.0
    """Tempo to which it is stretched."""
    figures: dict[str, float] = {}
    name: str = ""
    mode: str = "trigger"
    quantize: str = "1"
    loop: int = 1
    gain: float = 0.0
    """dB."""
    place: float | None = None
    """Share of the clip that has been played in this pass."""
    error: str = ""


class Adapter(msgspec.Struct, frozen=True):
    name: str
    state: AdapterState = "registered"
    own: bool = False
    """It lies in the player's folder, not among those that ship."""
    base: str = ""
    created: str = ""
    rank: int = 0
    alpha: float = 0.0
    targets: list[str] = []
    style: str = ""
    scores: dict[str, Any] = {}
    guards: dict[str, Any] = {}
    bytes: int | None = None
    """Of its tensors on disk; None: not known."""
    strength: float | None = None
    """None: it does not play."""


class Adapters(msgspec.Struct, frozen=True):
    playing: list[tuple[str, float]] = []
    strength: float = 1.0
    """Of all that play."""
    adapters: list[Adapter] = []


class Jam(msgspec.Struct, frozen=True):
    state: JamState = "stopped"
    chart: str = ""
    chart_bar: int = 1
    """Bar of the clock, from 1, at which the chart begins."""
    style: str = ""
    chord: str = ""
    """That which holds in the place of the chart; empty: the chart's."""
    from_frame: int | None = None
    trade: int = 0
    turn: str = ""


class Engine(msgspec.Struct, frozen=True):
    ready: bool = False
    progress: str = ""
    model: str = ""
    parameters: int = 0
    device: str = ""
    real_time_factor: float = 0.0
    """Time to make over time made: under 1 is faster than real time."""
    frame_ms_p50: float = 0.0
    frame_ms_p99: float = 0.0
    queue_ms: float = 0.0
    skipped_frames: int = 0
    slow: str = ""
    memory_mb: float | None = None
    """Of all processes of the daemon; None: not known."""
    gpu_memory_mb: float | None = None
    """None: it is not on a GPU."""
    temperature_c: float | None = None
    """Of the processor or GPU that computes; None: not known."""
    chord: str = ""
    """That which the band is playing."""
    jam: Jam = msgspec.field(default_factory=Jam)


class Params(msgspec.Struct, frozen=True):
    params: dict[str, float] = {}
    parts: dict[str, int] = {}
    gain: float = 0.0


class Record(msgspec.Struct, frozen=True):
    recording: bool = False
    folder: str = ""
    seconds: float = 0.0
    last: str = ""


class Take(msgspec.Struct, frozen=True):
    name: str
    """Of its folder, below that of all takes."""
    seconds: float | None = None
    """None: not known."""
    bytes: int = 0
    """Of all its sounds."""
    files: list[str] = []
    ended: float = 0.0
    """Seconds since 1970."""


class Takes(msgspec.Struct, frozen=True):
    folder: str = ""
    """Of all of them, on the machine of the daemon."""
    count: int = 0
    takes: list[Take] = []
    """The newest ones, without that which is being recorded."""


class Midi(msgspec.Struct, frozen=True):
    learning: str = ""
    """Address that waits for a control."""
    bindings: list[dict[str, Any]] = []
    ports: list[str] = []


class Training(msgspec.Struct, frozen=True):
    """What `jamd learn` is doing, or has done within a day. None: not known yet."""

    name: str | None = None
    phase: str | None = None
    share: float | None = None
    """Done, from 0 to 1."""
    text: str | None = None
    step: int | None = None
    loss: float | None = None
    held_out: float | None = None
    base: float | None = None
    left_s: float | None = None
    began: float | None = None
    """Seconds since 1970, as `updated`."""
    updated: float = 0.0
    alive: bool = False
    curves: dict[str, tuple[list[float], list[float]]] = {}
    """By name: minutes and values."""


TOPICS: Final[dict[str, Any]] = {
    "clock": Clock, "meters": Meters, "slots": list[Slot], "adapters": Adapters, "engine": Engine, "params": Params, "record": Record,
    "takes": Takes, "midi": Midi, "learn": list[Training], "log": str,
}  # fmt: skip
"""Topic to the type of what its messages carry as JSON."""


def read_topic(topic: str, text: str) -> Any:
    """The value in a message of a topic.

    Raises:
        msgspec.DecodeError: it is no such value.
    """
    return _DECODERS[topic].decode(text)


_DECODERS: Final = {topic: msgspec.json.Decoder(kind) for topic, kind in TOPICS.items()}
