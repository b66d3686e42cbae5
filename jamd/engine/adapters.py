"""Adapters in the engine: read in a thread of their own, switched between two steps of the music.

What the thread has to say waits in a queue: the channel and the music belong to the engine's one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from jamd.contract import messages as m
from jamd.contract.errors import JamdError
from model.adapters.rack import AdapterRack, AdapterState, Mix
from model.generator.models import Models

BASE: Mix = []


class EngineAdapters:
    """The rack, led by control's messages.

    Args:
        send: to control.
    """

    def __init__(self, models: Models, send: Callable[[m.Message], None]) -> None:
        self.rack = AdapterRack(models, self._state)
        self._send = send
        self._events: SimpleQueue[m.AdapterEvent] = SimpleQueue()
        self._reader = ThreadPoolExecutor(1, "adapters")
        self._wanted: Mix | None = None
        self._at = 0
        self._turned = False

    def _state(self, name: str, state: AdapterState) -> None:
        entry = self.rack.entries().get(name)
        digest = entry.manifest.tensors_hash if entry is not None and entry.manifest is not None else ""
        self._events.put(m.AdapterEvent(name=name, state=str(state), digest=digest))

    def load(self, name: str, folder: str) -> None:
        """Read one in the background; an event says how it went."""

        def read() -> None:
            try:
                self.rack.load(Path(folder))
            except JamdError as error:
                entry = self.rack.entries().get(name)
                if entry is not None and entry.state in (AdapterState.READY, AdapterState.ACTIVE):
                    self._events.put(m.AdapterEvent(name=name, state=str(entry.state)))
                else:
                    self._events.put(m.AdapterEvent(name=name, state="failed", text=str(error)))
            except Exception as error:  # a fault of ours or of a library: the music goes on
                self._events.put(m.AdapterEvent(name=name, state="failed", text=f"{type(error).__name__}: {error}"))

        self._reader.submit(read)

    def load_now(self, folders: dict[str, str]) -> None:
        """For an engine that has just come up: before the music."""
        for name, folder in folders.items():
            self.load(name, folder)
        self._reader.submit(lambda: None).result()
        self.poll()

    def unload(self, name: str) -> None:
        """
        Raises:
            AdapterError: it plays, or is not there.
        """
        self.rack.unload(name)

    def use(self, adapters: Mix, frame: int) -> None:
        """This set from a frame on. One that already sounds only changes its strengths.

        Raises:
            AdapterError: not all of it is in memory, or it is too much at once.
        """
        if self._wanted is None and [name for name, _ in adapters] == [name for name, _ in self.rack.chosen]:
            for name, value in adapters:
                self.rack.strength(name, value)
            self._turned = bool(adapters)
            return
        self.rack.use(adapters)
        self._wanted, self._at = list(adapters), frame

    def before_step(self, frame: int) -> bool:
        """Before the step of the music that begins at a frame; True if the set has changed here."""
        changed, self._turned = self._turned, False
        if self._wanted is not None and frame >= self._at:
            self._wanted, changed = None, True
            self.rack.switch()
        self.rack.advance()
        return changed

    def settle(self) -> None:
        """Nothing sounds: what was asked for holds at once, and nothing has to fade."""
        if self._wanted is not None:
            self.before_step(self._at)
        while self.rack.fading:
            self.rack.advance()

    def poll(self) -> None:
        """Pass on what has happened."""
        while not self._events.empty():
            self._send(self._events.get())

    def close(self) -> None:
        self._reader.shutdown(wait=False, cancel_futures=True)
