"""What all desks of the session share. A desk holds the actions of one subject; the state is the session's."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from jamd.contract import messages as m
from jamd.contract.clock import Clock
from jamd.contract.errors import JamdError, MessageError
from jamd.contract.layout import AudioOp
from jamd.contract.units import SAMPLE_RATE

if TYPE_CHECKING:
    from jamd.control.session import Session
    from jamd.control.state import State

ALWAYS: Final = -1e9
"""A beat before all others."""
Tell = Callable[[JamdError], None]
ASKED: Final[ContextVar[Tell | None]] = ContextVar("ASKED", default=None)
"""Tells an error to whoever sent the message that is being done; tasks that it starts keep it. None: nobody waits for an answer."""


def tell_late(tell: Tell | None, text: str, code: str) -> None:
    """What was asked for could not be done after all."""
    if tell is not None:
        tell(MessageError(text, code=code))


class Desk:
    """Base: time, state, and the ways to the other processes."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def state(self) -> State:
        return self.session.state

    @property
    def clock(self) -> Clock:
        return self.session.state.clock

    @property
    def now(self) -> int:
        return self.session.memory.frame

    def ahead(self, milliseconds: float) -> int:
        """The frame that much from now."""
        return self.now + int(milliseconds / 1000 * SAMPLE_RATE)

    def push(self, op: AudioOp, frame: int, index: int = 0, value: float = 0.0) -> None:
        """A command to the audio thread.

        Raises:
            MessageError: its ring is full.
        """
        if not self.session.memory.commands.push(op, frame, index, value):
            raise MessageError("too many commands wait for the audio thread", code="overload")
        self.session.recording.note("audio", frame, op.name, [index, value])

    def send(self, role: str, message: m.Message) -> bool:
        """A message to a role; False if that process is not there."""
        return self.session.send(role, message)

    def log(self, line: str) -> None:
        self.session.log(line)

    def value(self, action: str, which: Any) -> Any:
        """The current value of a setter: `which` is its name, or the number of a slot from 0."""
        raise NotImplementedError

    def poll(self) -> None:
        """Called every few milliseconds."""
