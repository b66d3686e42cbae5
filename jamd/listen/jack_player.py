"""Plays sounds through a JACK client of its own, beside a running daemon or without one.

The callback is compiled and reads a table of 64-bit words. Exactly one thread asks (`play`, `stop`): it writes what is to be played
next and counts ASKED up; the callback fades out what sounds, takes the next and sets TAKEN to ASKED. Sounds are kept until then.
"""

from __future__ import annotations

import time
from typing import Any, Final

import jack
import numpy as np
from numba import carray, cfunc, njit, types
from numpy.typing import NDArray

import bridges.jack as bridge
from bridges.jack.connections import Patchbay
from jamd.audio.pointers import fence, pointer_of
from jamd.contract.errors import AudioError

CLIENT: Final = "jamd-listen"
FADE: Final = 480
"""Frames in which a sound that is cut off ends."""
ANSWER_S: Final = 5.0
"""For which a server may be silent before it counts as gone."""
NEXT, NEXT_FRAMES, ASKED, TAKEN, SOUND, FRAMES, PLACE, GAIN, LEFT, RIGHT, WORDS = range(11)

_get_buffer = types.ExternalFunction("jack_port_get_buffer", types.voidptr(types.intp, types.uint32))


@cfunc(types.int32(types.uint32, types.voidptr), error_model="numpy")
def process(frames: int, arg: Any) -> int:
    """JACK's process callback."""
    count = np.int64(frames)
    table = carray(arg, (WORDS,), np.int64)
    left = carray(_get_buffer(table[LEFT], frames), (count,), np.float32)
    right = carray(_get_buffer(table[RIGHT], frames), (count,), np.float32)
    for index in range(count):
        over = table[PLACE] >= table[FRAMES]
        if table[ASKED] != table[TAKEN]:
            if over or table[GAIN] == 0:
                fence()
                table[SOUND], table[FRAMES], table[PLACE], table[GAIN] = table[NEXT], table[NEXT_FRAMES], 0, FADE
                fence()
                table[TAKEN] = table[ASKED]
                over = table[FRAMES] == 0
            else:
                table[GAIN] -= 1
        if over:
            left[index] = right[index] = 0.0
            continue
        sound = carray(pointer_of(table[SOUND]), (table[FRAMES], 2), np.float32)
        gain = np.float32(table[GAIN]) / np.float32(FADE)
        left[index] = sound[table[PLACE], 0] * gain
        right[index] = sound[table[PLACE], 1] * gain
        table[PLACE] += 1
    return 0


@njit
def _ask(table: Any, address: int, frames: int) -> None:
    table[NEXT], table[NEXT_FRAMES] = address, frames
    fence()
    table[ASKED] += 1


class JackPlayer:
    """The client `jamd-listen`, connected to the first two physical outputs.

    Raises:
        AudioError: no server, another rate, or another listening test on it.
    """

    name = "JACK"

    def __init__(self) -> None:
        self._table = np.zeros(WORDS, np.int64)
        self._kept: list[NDArray[np.float32]] = []
        self._fault: str | None = None
        self._client = client = bridge.open_client(CLIENT)
        ports = [client.outports.register(name) for name in ("out_1", "out_2")]
        self._table[LEFT : RIGHT + 1] = [bridge.port_address(port) for port in ports]
        bridge.set_process(client, process.address, self._table)

        @client.set_shutdown_callback
        def shutdown(status: Any, reason: str) -> None:
            self._fault = f"the JACK server went away: {reason}"

        client.activate()
        targets = client.get_ports(is_physical=True, is_input=True, is_audio=True)
        self._patchbay = Patchbay(client, [(port.shortname, target.name) for port, target in zip(ports, targets, strict=False)])
        self._connected = len(targets)

    @property
    def remark(self) -> str:
        """What the listener has to know."""
        return "" if self._connected else f"no loudspeakers on the JACK server: connect {CLIENT}:out_1 and out_2 yourself"

    def play(self, sound: NDArray[np.float32]) -> None:
        """From now on, in place of what sounds. Shape: [frames, 2] at 48 kHz.

        Raises:
            AudioError: the server is gone.
        """
        if self._fault is None:
            self._patchbay.poll()
        sound = np.ascontiguousarray(sound, np.float32)
        self._ask(sound.ctypes.data, len(sound))
        self._kept = [sound]

    def stop(self) -> None:
        """Raises: AudioError: the server is gone."""
        self._ask(0, 0)

    @property
    def playing(self) -> bool:
        table = self._table
        return self._fault is None and bool(table[ASKED] != table[TAKEN] or table[PLACE] < table[FRAMES])

    def _ask(self, address: int, frames: int) -> None:
        """Returns when the callback has taken it."""
        _ask(self._table, address, frames)
        deadline = time.monotonic() + ANSWER_S
        while self._table[ASKED] != self._table[TAKEN]:
            if self._fault is not None or time.monotonic() > deadline:
                raise AudioError(self._fault or "the JACK server does not answer", code="jack")
            time.sleep(0.002)

    def close(self) -> None:
        if self._fault is None:
            try:
                self._client.deactivate()
            except jack.JackError:
                pass
        self._client.close()
