"""What all messages have in common: what becomes of them when their queue is full."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

import msgspec


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
