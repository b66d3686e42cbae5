"""What runs between a program and the process that holds its MIDI ports: kind, index of the port, length, bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

_HEAD: Final = struct.Struct(">BBH")
LARGEST: Final = 4096 - _HEAD.size
"""Bytes of the longest message: a frame of up to PIPE_BUF bytes goes through a pipe in one piece or not at all."""


class Frame(IntEnum):
    MESSAGE = 1
    """MIDI: of an input to the program, for an output to the ports."""
    CHANGE = 2
    """A port opened or went; JSON."""
    ALIVE = 3


def pack(kind: Frame, index: int, data: bytes = b"") -> bytes:
    return _HEAD.pack(kind, index, len(data)) + data


class Unpacker:
    """Bytes in any pieces to frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """(kind, index, bytes) of each frame that is complete."""
        data = self._rest + data
        at = 0
        while len(data) - at >= _HEAD.size:
            kind, index, length = _HEAD.unpack_from(data, at)
            end = at + _HEAD.size + length
            if end > len(data):
                break
            self._rest = data[end:]
            yield kind, index, data[at + _HEAD.size : end]
            at = end
        self._rest = data[at:]
