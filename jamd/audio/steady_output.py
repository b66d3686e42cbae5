"""A JACK output that outlives the server: when it comes back, so do ports and connections. The time line stands still meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterable

from bridges.jack.connections import Pair
from jamd.audio.jack_output import JackOutput
from jamd.contract.errors import AudioError
from jamd.contract.layout import Word
from jamd.contract.memory import AudioMemory

TRY_S = 0.25
LOOK_S = 0.5


class SteadyJackOutput:
    """The client `jamd`, again and again. Main thread only.

    Raises:
        AudioError: there is no server at the start.
    """

    fault: str | None = None
    """It never gives up."""

    def __init__(self, memory: AudioMemory, name: str, connect: bool) -> None:
        self._memory = memory
        self._name = name
        self._connect = connect
        self._jack: JackOutput | None = JackOutput(memory, name, connect)
        self._wanted: list[Pair] = []
        self._try_at = 0.0
        self._look_at = 0.0
        self._said = ""
        self.block, self.ports = self._jack.block, self._jack.ports

    def start(self) -> None:
        assert self._jack is not None
        self._jack.start()

    def connect(self, pairs: Iterable[Pair]) -> None:
        """Connections to make and to keep."""
        self._wanted = sorted({*self._wanted, *pairs})
        if self._jack is not None:
            self._jack.patchbay.add(self._wanted)
            self._jack.patchbay.poll()

    @property
    def wanted(self) -> list[Pair]:
        return self._jack.patchbay.wanted if self._jack is not None else self._wanted

    def set_latency(self, frames: int) -> None:
        """What the outputs report to JACK."""
        self._memory.header[Word.LATENCY] = frames
        if self._jack is not None:
            self._jack.tell_latency()

    def poll(self) -> tuple[str, bool]:
        """Watch server and connections: (something to say or nothing, the connections have changed)."""
        now = time.monotonic()
        if self._jack is not None and self._jack.fault is not None:
            fault = self._jack.fault
            self._wanted = self._jack.patchbay.wanted
            self._jack.close()
            self._jack = None
            return f"{fault}: waiting for it to return", False
        if self._jack is None:
            return (self._return() if now >= self._try_at else ""), False
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            return "", self._jack.patchbay.poll()
        return "", False

    def _return(self) -> str:
        self._try_at = time.monotonic() + TRY_S
        jack: JackOutput | None = None
        try:
            jack = JackOutput(self._memory, self._name, self._connect, self._wanted)
            jack.start()
        except AudioError as error:
            if jack is not None:
                jack.close()
            line = str(error)
            said, self._said = self._said, line
            return line if line != said and "no JACK server" not in line else ""
        self._jack, self._said = jack, ""
        self.block, self.ports = jack.block, jack.ports
        return "the JACK server is back: playing on"

    def close(self) -> None:
        if self._jack is not None:
            self._jack.close()
