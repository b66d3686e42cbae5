"""Reads a TensorFlow checkpoint (version 2: `.index` and `.data-00000-of-00001`) without TensorFlow. numpy only.

The index is a LevelDB table (LevelDB, doc/table_format.md) that maps names to BundleEntryProto messages
(tensorflow/core/protobuf/tensor_bundle.proto); the data file holds the raw little-endian tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

FOOTER: Final = 48
MAGIC: Final = 0xDB4775248B80FB57
FLOAT: Final = 1
"""DT_FLOAT of tensorflow/core/framework/types.proto; other tensors (counters) are passed over."""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A little-endian base-128 number and the place after it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _block(data: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table block."""
    if data[offset + size] != 0:
        raise ValueError("the checkpoint's index is compressed")
    block = data[offset : offset + size]
    end = size - 4 - 4 * int.from_bytes(block[-4:], "little")
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        fresh, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + fresh]
        at += fresh
        yield key, block[at : at + length]
        at += length


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a protobuf message's fields."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
        elif kind == 2:
            length, at = _varint(message, at)
            yield tag >> 3, message[at : at + length]
            at += length
        elif kind in (1, 5):
            width = 8 if kind == 1 else 4
            yield tag >> 3, int.from_bytes(message[at : at + width], "little")
            at += width
        else:
            raise ValueError(f"a protobuf field of kind {kind}")


def _shape(message: bytes) -> tuple[int, ...]:
    sizes = []
    for number, value in _fields(message):
        if number == 2 and isinstance(value, bytes):
            sizes.append(next((int(size) for field, size in _fields(value) if field == 1), 0))
    return tuple(sizes)


def read_bundle(path: Path) -> dict[str, NDArray[np.float32]]:
    """The float tensors of a checkpoint by name.

    Args:
        path: the file whose name ends with `.index`; its data lie beside it.

    Raises:
        OSError: a file is missing.
        ValueError: it is no such checkpoint, or one of several shards.
    """
    index = path.read_bytes()
    data = path.with_name(path.name.removesuffix(".index") + ".data-00000-of-00001").read_bytes()
    if len(index) < FOOTER or int.from_bytes(index[-8:], "little") != MAGIC:
        raise ValueError(f"{path} is no TensorFlow checkpoint")
    footer, at = index[-FOOTER:], 0
    _, at = _varint(footer, at)
    _, at = _varint(footer, at)
    offset, at = _varint(footer, at)
    size, at = _varint(footer, at)
    out: dict[str, NDArray[np.float32]] = {}
    for _, handle in _block(index, offset, size):
        start, after = _varint(handle, 0)
        length, _ = _varint(handle, after)
        for key, value in _block(index, start, length):
            if not key:
                continue
            entry = dict(_fields(value))
            shape = entry.get(2, b"")
            if entry.get(1) != FLOAT or not isinstance(shape, bytes):
                continue
            begin, count = int(entry.get(4, 0)), int(entry.get(5, 0))
            if entry.get(3, 0) != 0 or begin + count > len(data):
                raise ValueError(f"{path} lacks the data of {key.decode()}")
            out[key.decode()] = np.frombuffer(data[begin : begin + count], "<f4").reshape(_shape(shape))
    return out
