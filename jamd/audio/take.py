"""The recorder of the audio process, led by control's messages. Its events come from its own thread and are passed on by the main one."""

from __future__ import annotations

from pathlib import Path
from queue import SimpleQueue
from typing import Final, Literal, cast

from jamd.audio.recorder import CHANNELS, Recorder
from jamd.contract import messages as m
from jamd.contract.capture import CaptureRing
from jamd.contract.errors import AudioError
from jamd.contract.memory import AudioMemory
from jamd.contract.steady import SteadyChannel

STEMS: Final = tuple(CHANNELS)


class Take:
    """One recording at a time. Main thread only."""

    def __init__(self, memory: AudioMemory, channel: SteadyChannel) -> None:
        self._channel = channel
        self._events: SimpleQueue[m.RecordEvent] = SimpleQueue()
        self._recorder = Recorder(CaptureRing(memory.header, memory.arrays["capture"]), self._event)

    def _event(self, kind: str, text: str, frames: int) -> None:
        first = frames if kind == "started" else 0
        self._events.put(m.RecordEvent(kind=kind, text=text, frames=0 if kind == "started" else frames, frame=first))

    def handle(self, message: m.Message) -> None:
        """Start or stop."""
        if isinstance(message, m.RecordStop):
            self._recorder.stop()
        elif isinstance(message, m.RecordStart):
            try:
                kind = cast(Literal["wav", "flac"], message.format)
                self._recorder.start(Path(message.folder), STEMS, kind, message.frame)
            except AudioError as error:
                self._channel.send(m.RecordEvent(kind="failed", text=str(error), frames=0))

    def poll(self) -> None:
        """Pass on what has happened."""
        while not self._events.empty():
            self._channel.send(self._events.get())

    def close(self) -> None:
        """End the take; its files are whole."""
        self._recorder.close()
