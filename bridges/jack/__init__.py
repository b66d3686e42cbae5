"""JACK: a client whose callback is compiled and never meets Python.

The callback gets the address of an int64 table: first what the owner put there, then the ports. libjack is loaded through
JACK-Client, and the compiled code calls its functions directly.
"""

from __future__ import annotations

from typing import Any

import jack
import llvmlite.binding
import numpy as np
from numpy.typing import NDArray

from jamd.contract.errors import AudioError
from jamd.contract.units import SAMPLE_RATE

llvmlite.binding.load_library_permanently("libjack.so.0")

NO_SERVER = (
    "no JACK server is running: start one (for example `jackd -d alsa -r 48000`, or `jackd -d dummy -r 48000` without a sound "
    "card; with PipeWire run jamd under `pw-jack`), or run with --audio file:PATH"
)


def open_client(name: str) -> jack.Client:
    """A client of the running server, not yet active.

    Raises:
        AudioError: there is no server, or it runs at another rate.
    """
    jack.set_error_function(lambda _: None)
    jack.set_info_function(lambda _: None)
    try:
        client = jack.Client(name, no_start_server=True, use_exact_name=True)
    except jack.JackOpenError as error:
        if error.status.name_not_unique or error.status.server_error:  # the second is what JACK 2 says of a name that is taken
            raise AudioError(f"JACK already has a client {name!r}: is jamd running?", code="jack") from error
        raise AudioError(NO_SERVER, code="jack") from error
    if client.samplerate != SAMPLE_RATE:
        rate = client.samplerate
        client.close()
        raise AudioError(f"the JACK server runs at {rate} Hz, jamd plays at {SAMPLE_RATE} Hz: restart it with -r 48000")
    return client


def set_process(client: jack.Client, address: int, table: NDArray[np.int64]) -> None:
    """Make compiled code the client's callback. `table` has to outlive the client.

    Raises:
        AudioError: JACK refused.
    """
    lib: Any = jack._lib
    ffi: Any = jack._ffi
    callback = ffi.cast("JackProcessCallback", address)
    if lib.jack_set_process_callback(client._ptr, callback, ffi.cast("void*", table.ctypes.data)):
        raise AudioError("JACK did not take the process callback", code="jack")


def port_address(port: Any) -> int:
    """A port as the integer that compiled code passes to libjack."""
    return int(jack._ffi.cast("intptr_t", port._ptr))
