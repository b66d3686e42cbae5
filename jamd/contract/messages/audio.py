"""What control and the audio process tell each other."""

from __future__ import annotations

from jamd.contract.messages.base import Message


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


class AudioFault(Message, frozen=True):
    message: str
    said: bool = False
    """The process has written it on its own standard error, since it ends."""


AudioMessage = (
    ClipAttach | ClipDetach | ClipStretch | Connect | Connections | SetLatency | RecordStart | RecordStop | RecordEvent | AudioReady
    | ClipAttached | AudioFault
)  # fmt: skip
