"""The JACK client `jamd`: ports, and the compiled callback that fills them.

The callback runs in JACK's real-time thread. It reads the table of addresses that is passed to it, mixes, moves MIDI between JACK's
buffers and the rings with exact frames, and counts late cycles. It holds no reference to any Python object.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import jack
import numpy as np
from numba import carray, cfunc, njit, types

import bridges.jack as bridge
from bridges.jack.connections import Pair, Patchbay
from bridges.jack.latency import recompute_latencies, set_latency_callback
from jamd.audio.kernel import mix
from jamd.audio.pointers import fence, pointer_of
from jamd.contract.errors import AudioError
from jamd.contract.layout import (
    CAPTURE_CHANNELS,
    CAPTURE_FRAMES,
    COMMANDS,
    FLOAT_WORDS,
    HEADER_WORDS,
    MIDI_EVENTS,
    PENDING,
    SLOT_FLOATS,
    SLOT_WORDS,
    Word,
)
from jamd.contract.memory import AudioMemory

ARRAYS = ("header", "levels", "command_words", "command_values", "pending_words", "pending_values", "midi_in", "midi_out",
          "slot_words", "slot_levels", "stream", "capture")  # fmt: skip
PORTS_S = 10.0
OUTPUTS = ("out_1", "out_2", "jam_1", "jam_2", "slots_1", "slots_2")
INPUTS = ("in_1", "in_2")
PORTS = len(ARRAYS)
"""Index of the first port in the table: six outputs, MIDI in and out, two inputs; then three words of scratch and the last time."""
MIDI_IN, MIDI_OUT, IN, SCRATCH, LAST_TIME = PORTS + 6, PORTS + 7, PORTS + 8, PORTS + 10, PORTS + 13
SCRATCH_LATENCY, TABLE = PORTS + 14, PORTS + 15

_get_buffer = types.ExternalFunction("jack_port_get_buffer", types.voidptr(types.intp, types.uint32))
_event_count = types.ExternalFunction("jack_midi_get_event_count", types.uint32(types.voidptr))
_event_get = types.ExternalFunction("jack_midi_event_get", types.int32(types.voidptr, types.voidptr, types.uint32))
_clear = types.ExternalFunction("jack_midi_clear_buffer", types.void(types.voidptr))
_reserve = types.ExternalFunction("jack_midi_event_reserve", types.intp(types.voidptr, types.uint32, types.intp))
_time = types.ExternalFunction("jack_get_time", types.uint64())
_set_range = types.ExternalFunction("jack_port_set_latency_range", types.void(types.voidptr, types.uint32, types.voidptr))

_HEAD_IN, _TAIL_IN, _HEAD_OUT, _TAIL_OUT, _FRAME = 8, 9, 10, 11, 1
_CALLBACKS, _LATE, _LONGEST = 12, 14, 18
_CYCLE_FRAME, _CYCLE_US, _CYCLE_GENERATION, _LATENCY = 30, 31, 32, 33


@njit(error_model="numpy")
def _midi_in(count: int, buffer: Any, scratch: Any, now: int, header: Any, records: Any) -> None:
    for index in range(_event_count(buffer)):
        if _event_get(scratch.ctypes, buffer, index) != 0:
            continue
        size, head = scratch[1], header[_HEAD_IN]
        if size < 1 or size > 3 or head - header[_TAIL_IN] >= MIDI_EVENTS:
            continue
        data = carray(pointer_of(scratch[2]), (3,), np.uint8)
        packed = np.int64(size)
        for byte in range(size):
            packed |= np.int64(data[byte]) << (8 * (byte + 1))
        records[head % MIDI_EVENTS, 0] = now + (scratch[0] & 0xFFFFFFFF)
        records[head % MIDI_EVENTS, 1] = packed
        fence()
        header[_HEAD_IN] = head + 1


@njit(error_model="numpy")
def _midi_out(count: int, buffer: Any, now: int, header: Any, records: Any) -> None:
    _clear(buffer)
    fence()
    last = 0
    while header[_TAIL_OUT] < header[_HEAD_OUT]:
        place = header[_TAIL_OUT] % MIDI_EVENTS
        at = max(records[place, 0] - now, last)
        if at >= count:
            return
        last = at
        packed = records[place, 1]
        size = packed & 0xFF
        address = _reserve(buffer, at, size)
        if address != 0:
            data = carray(pointer_of(address), (7,), np.uint8)
            for byte in range(size):
                data[byte] = (packed >> (8 * (byte + 1))) & 0xFF
        header[_TAIL_OUT] += 1


@cfunc(types.int32(types.uint32, types.voidptr), error_model="numpy")
def process(frames: int, arg: Any) -> int:
    """JACK's process callback."""
    began = _time()
    count = np.int64(frames)
    table = carray(arg, (TABLE,), np.int64)
    header = carray(pointer_of(table[0]), (HEADER_WORDS,), np.int64)
    levels = carray(pointer_of(table[1]), (FLOAT_WORDS,), np.float64)
    out_l = carray(_get_buffer(table[PORTS], frames), (count,), np.float32)
    out_r = carray(_get_buffer(table[PORTS + 1], frames), (count,), np.float32)
    jam_l = carray(_get_buffer(table[PORTS + 2], frames), (count,), np.float32)
    jam_r = carray(_get_buffer(table[PORTS + 3], frames), (count,), np.float32)
    slots_l = carray(_get_buffer(table[PORTS + 4], frames), (count,), np.float32)
    slots_r = carray(_get_buffer(table[PORTS + 5], frames), (count,), np.float32)
    in_l = carray(_get_buffer(table[IN], frames), (count,), np.float32)
    in_r = carray(_get_buffer(table[IN + 1], frames), (count,), np.float32)
    scratch = table[SCRATCH : SCRATCH + 3]
    now = header[_FRAME]
    header[_CYCLE_GENERATION] += 1
    fence()
    header[_CYCLE_FRAME], header[_CYCLE_US] = now, np.int64(began)
    fence()
    header[_CYCLE_GENERATION] += 1
    _midi_in(count, _get_buffer(table[MIDI_IN], frames), scratch, now, header,
             carray(pointer_of(table[6]), (MIDI_EVENTS, 2), np.int64))  # fmt: skip
    mix(count, header, levels,
        carray(pointer_of(table[2]), (COMMANDS, 3), np.int64), carray(pointer_of(table[3]), (COMMANDS,), np.float64),
        carray(pointer_of(table[4]), (PENDING, 3), np.int64), carray(pointer_of(table[5]), (PENDING,), np.float64),
        carray(pointer_of(table[8]), (header[20], SLOT_WORDS), np.int64),
        carray(pointer_of(table[9]), (header[20], SLOT_FLOATS), np.float64),
        carray(pointer_of(table[10]), (header[19], 2), np.float32),
        carray(pointer_of(table[11]), (CAPTURE_FRAMES, CAPTURE_CHANNELS), np.float32),
        out_l, out_r, jam_l, jam_r, slots_l, slots_r, in_l, in_r)  # fmt: skip
    _midi_out(count, _get_buffer(table[MIDI_OUT], frames), now, header,
              carray(pointer_of(table[7]), (MIDI_EVENTS, 2), np.int64))  # fmt: skip
    previous = table[LAST_TIME]
    if previous != 0 and (np.int64(began) - previous) * 48 > count * 1500:
        header[_LATE] += 1
    table[LAST_TIME] = np.int64(began)
    header[_CALLBACKS] += 1
    header[_LONGEST] = max(header[_LONGEST], np.int64(_time() - began))
    return 0


@cfunc(types.void(types.uint32, types.voidptr), error_model="numpy")
def latencies(mode: int, arg: Any) -> None:
    """JACK's latency callback: outputs (mode 0) sound that much after their source; inputs (mode 1) are heard at once."""
    table = carray(arg, (TABLE,), np.int64)
    header = carray(pointer_of(table[0]), (HEADER_WORDS,), np.int64)
    packed = carray(pointer_of(table.ctypes.data + 8 * SCRATCH_LATENCY), (1,), np.int64)
    frames = header[_LATENCY] if mode == 0 else 0
    packed[0] = frames | (frames << 32)
    if mode == 0:
        for port in range(6):
            _set_range(pointer_of(table[PORTS + port]), 0, pointer_of(table.ctypes.data + 8 * SCRATCH_LATENCY))
    else:
        for port in range(2):
            _set_range(pointer_of(table[IN + port]), 1, pointer_of(table.ctypes.data + 8 * SCRATCH_LATENCY))


class JackOutput:
    """The client `jamd` on the running JACK server.

    Raises:
        AudioError: no server, another rate, or a second jamd.
    """

    def __init__(self, memory: AudioMemory, name: str = "jamd", connect: bool = True, wanted: Iterable[Pair] = ()) -> None:
        self._client = bridge.open_client(name)
        self._connect = connect
        client = self._client
        self.block = client.blocksize
        self.fault: str | None = None
        ports = [client.outports.register(port) for port in OUTPUTS]
        inputs = [client.inports.register(port) for port in INPUTS]
        ports += [client.midi_inports.register("midi_in"), client.midi_outports.register("midi_out"), *inputs]
        self.ports = [port.name for port in ports]
        self._table = np.zeros(TABLE, np.int64)
        self._table[: len(ARRAYS)] = [memory.arrays[key].ctypes.data for key in ARRAYS]
        self._table[PORTS : PORTS + 10] = [bridge.port_address(port) for port in ports]
        bridge.set_process(client, process.address, self._table)
        set_latency_callback(client, latencies.address, self._table)
        self.patchbay = Patchbay(client, wanted)
        header = memory.header

        @client.set_xrun_callback
        def xrun(_: float) -> None:
            header[Word.XRUNS] += 1

        @client.set_shutdown_callback
        def shutdown(status: Any, reason: str) -> None:
            self.fault = f"the JACK server went away: {reason}"

    def start(self) -> None:
        """Begin to play; with no connections to restore, connected to the first physical outputs where there are any."""
        self._client.activate()
        self._wait_for_ports()
        if self._connect and not any(own in OUTPUTS for own, _ in self.patchbay.wanted):
            targets = self._client.get_ports(is_physical=True, is_input=True, is_audio=True)
            self.patchbay.add((port, target.name) for port, target in zip(OUTPUTS[:2], targets, strict=False))
        self.patchbay.poll()

    def tell_latency(self) -> None:
        """Have the server read our latency again."""
        recompute_latencies(self._client)

    def _wait_for_ports(self) -> None:
        """A busy server shows the ports of a new client late.

        Raises:
            AudioError: it does not show them at all.
        """
        deadline = time.monotonic() + PORTS_S
        while not set(self.ports) <= {port.name for port in self._client.get_ports(f"{self._client.name}:.*")}:
            if self.fault is not None or time.monotonic() > deadline:
                raise AudioError(self.fault or "the JACK server does not show jamd's ports", code="jack")
            time.sleep(0.01)

    def close(self) -> None:
        if self.fault is None:
            try:
                self._client.deactivate()
            except jack.JackError:
                pass
        self._client.close()
