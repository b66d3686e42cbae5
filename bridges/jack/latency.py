"""Port latencies, which JACK-Client does not know: the callback and the recomputing, by libjack itself."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import jack
import numpy as np
from numpy.typing import NDArray

from jamd.contract.errors import AudioError


@cache
def _library() -> Any:
    return ctypes.CDLL("libjack.so.0")


def _pointer(client: jack.Client) -> ctypes.c_void_p:
    return ctypes.c_void_p(int(jack._ffi.cast("intptr_t", client._ptr)))


def set_latency_callback(client: jack.Client, address: int, table: NDArray[np.int64]) -> None:
    """Make compiled code the client's latency callback, before it is activated. `table` has to outlive the client.

    Raises:
        AudioError: JACK refused.
    """
    if _library().jack_set_latency_callback(_pointer(client), ctypes.c_void_p(address), ctypes.c_void_p(table.ctypes.data)):
        raise AudioError("JACK did not take the latency callback", code="jack")


def recompute_latencies(client: jack.Client) -> None:
    """Have JACK ask all clients for their latencies again."""
    _library().jack_recompute_total_latencies(_pointer(client))
