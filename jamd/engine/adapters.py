"""Adapters in the engine: read in a thread of their own, switched between two steps of the music.

What the thread has to say waits in a queue: the channel and the music belong to the engine's one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from queue import SimpleQueue

from jamd.contract import messages as m
from jamd.contract.errors import AdapterError, JamdError
from jamd.contract.units import FRAME_SAMPLES
from model.adapters.rack import STRONGEST, AdapterRack, AdapterState, Mix
from model.generator.models import Models

BASE: Mix = []


class Change(IntEnum):
    """What is different from a step on."""

    NONE = 0
    STRENGTHS = 1
    PLAYERS = 2
    """Other adapters."""


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
        self._playing: Mix = []
        """What plays since the last switch, as it was asked for: without the factor on all."""
        self._wanted: Mix | None = None
        self._at = 0
        self._factor = 1.0
        self._turned = False

    @property
    def chosen(self) -> Mix:
        """What was asked for last and not refused."""
        return self._playing if self._wanted is None else self._wanted

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
                if self.is_ready(name):
                    self._events.put(m.AdapterEvent(name=name, state=str(self.rack.entries()[name].state)))
                else:
                    self._events.put(m.AdapterEvent(name=name, state="failed", text=str(error)))
            except Exception as error:  # a fault of ours or of a library: the music goes on
                self._events.put(m.AdapterEvent(name=name, state="failed", text=f"{type(error).__name__}: {error}"))

        self._reader.submit(read)

    def is_ready(self, name: str) -> bool:
        """Whether it is in memory."""
        entry = self.rack.entries().get(name)
        return entry is not None and entry.state in (AdapterState.READY, AdapterState.ACTIVE)

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
        """This set from a frame on, also if it is the one that plays, at other strengths. It takes the place of one that waits.

        Raises:
            AdapterError: not all of it is in memory, or it is too much at once.
        """
        self.rack.use(self._heard(adapters))
        self._wanted, self._at = list(adapters), frame

    def strength(self, factor: float) -> None:
        """More or less of all of them, at once; a set that waits for its frame still waits."""
        if factor == self._factor:
            return
        self._factor = factor
        self.turn(self._playing)
        if self._wanted is not None:  # it may have the same ones, at strengths of its own
            self.rack.use(self._heard(self._wanted))

    def turn(self, adapters: Mix) -> None:
        """Those that play, at other strengths from the next step on."""
        for name, value in self._heard(adapters):
            with suppress(AdapterError):  # a set that was to fade in has been replaced before it could
                self.rack.strength(name, value)
        self._playing, self._turned = list(adapters), bool(adapters)

    def _heard(self, adapters: Mix) -> Mix:
        return [(name, min(value * self._factor, STRONGEST)) for name, value in adapters]

    def before_step(self, frame: int) -> Change:
        """Before the step of the music that begins at a frame; says what has changed there.

        What waits for a bar comes with the step in which the bar line lies: the plan is then taken back to the line, not to the beat after.
        """
        changed, self._turned = Change.STRENGTHS if self._turned else Change.NONE, False
        if self._wanted is not None and frame + FRAME_SAMPLES > self._at:
            same = {name for name, _ in self._wanted} == {name for name, _ in self._playing}
            self._playing, self._wanted, changed = self._wanted, None, Change.STRENGTHS if same else Change.PLAYERS
            self.rack.switch()
        self.rack.advance()
        return changed

    def settle(self) -> None:
        """Nothing sounds: what was asked for holds at once, and nothing has to fade."""
        if self._wanted is not None:
            self.before_step(self._at)
        while self.rack.fading:
            self.rack.advance()
        self._turned = False

    def poll(self) -> None:
        """Pass on what has happened."""
        while not self._events.empty():
            self._send(self._events.get())

    def close(self) -> None:
        self._reader.shutdown(wait=False, cancel_futures=True)
