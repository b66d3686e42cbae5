"""What all processes say of their coming and going."""

from __future__ import annotations

from jamd.contract.messages.base import Message


class Hello(Message, frozen=True):
    """First message on every channel."""

    role: str
    pid: int
    fresh: bool = True
    """False: the process was there before, and has found control again."""


class Shutdown(Message, frozen=True):
    pass


class StopChild(Message, frozen=True):
    """Control passes the request on, or ends itself."""

    role: str


class Ready(Message, frozen=True):
    """All processes are up."""

    osc: str
    backend: str
    model: str
    real_time_factor: float


LifeMessage = Hello | Shutdown | StopChild | Ready
