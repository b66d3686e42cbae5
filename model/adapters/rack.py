"""Adapters in memory and in the music: registered > staging > ready > active.

`load` may run in any thread; everything else belongs to the thread that plays. Between two steps of the music

    rack.use([("ann", 0.8), ("bo", 0.4)])  # any time before: the set is written into the bank that does not sound
    rack.switch()                          # at the step from which it is to be heard
    rack.advance()                         # before every step

All streams of the models follow, those made later too. Make the rack before streams on CUDA, so that their graphs know of it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.errors import AdapterError
from model.adapters.banks import Staged, banks_of, bytes_of
from model.adapters.base import check_fit
from model.adapters.format import Manifest, read_adapter, read_manifest
from model.generator.models import Models
from model.layers.lowrank import BANKS, COLUMNS

FADE_STEPS: Final = 6
"""Steps of a cross-fade between two sets, and of a change of strength: 80 ms."""
READY: Final = 16
"""Adapters in memory at once."""
STRONGEST: Final = 2.0


class AdapterState(StrEnum):
    REGISTERED = "registered"
    """Known by its folder."""
    STAGING = "staging"
    """Being read and checked."""
    READY = "ready"
    """In memory."""
    ACTIVE = "active"
    """In the set that sounds, at whatever strength."""


@dataclass
class Entry:
    """One adapter as the rack knows it."""

    folder: Path
    state: AdapterState
    manifest: Manifest | None = None
    style: NDArray[np.float32] | None = None
    room: NDArray[np.float32] | None = None
    """Of its player. Shape: [512]."""
    error: str = ""
    """Why it could not be loaded last."""
    nbytes: int = 0
    staged: list[dict[str, Staged]] | None = None

    @property
    def rank(self) -> int:
        return self.manifest.rank if self.manifest is not None else 0


Mix = list[tuple[str, float]]


class AdapterRack:
    """The adapters of one set of networks.

    Args:
        models: whose streams follow.
        on_state: told of every change of state, in the thread where it happens.
    """

    def __init__(self, models: Models, on_state: Callable[[str, AdapterState], None] | None = None) -> None:
        self.models = models
        self.on_state = on_state
        self._banks = banks_of(models)
        self._entries: dict[str, Entry] = {}
        self._lock = threading.RLock()
        self._sounding = 0
        self._mixes: list[Mix] = [[], []]
        self._waiting: Mix | None = None
        """A set that waits for the end of a fade."""
        self._prepared = self._due = False
        self._left = [0] * BANKS
        shape = (BANKS, COLUMNS)
        self._current, self._target, self._rate, self._factor = (np.zeros(shape, np.float32) for _ in range(4))
        self._scales, self._used = np.zeros(shape, np.float32), np.zeros(BANKS, np.int64)
        self._publish()
        self._lean()

    # --- what there is

    def entries(self) -> dict[str, Entry]:
        """A copy by name."""
        with self._lock:
            return dict(self._entries)

    @property
    def active(self) -> Mix:
        """The set that sounds, or fades in, with its strengths."""
        return list(self._mixes[self._sounding])

    @property
    def chosen(self) -> Mix:
        """The set that sounds once every `switch` so far has been followed: `active`, or the one that a fade still holds up."""
        return list(self._waiting) if self._waiting is not None and self._due else self.active

    @property
    def fading(self) -> bool:
        return any(self._left)

    def _set_state(self, name: str, state: AdapterState) -> None:
        entry = self._entries[name]
        if entry.state is not state:
            entry.state = state
            if self.on_state is not None:
                self.on_state(name, state)

    def _entry(self, name: str) -> Entry:
        entry = self._entries.get(name)
        if entry is None:
            raise AdapterError(f"there is no adapter {name!r}", code="missing")
        return entry

    # --- loading

    def register(self, folder: Path) -> str:
        """Know of a folder without reading its tensors; returns the adapter's name.

        Raises:
            AdapterError: no readable manifest; see `read_manifest`.
        """
        manifest = read_manifest(folder)
        with self._lock:
            entry = self._entries.get(manifest.name)
            if entry is None or (entry.state is AdapterState.REGISTERED):
                self._entries[manifest.name] = Entry(folder, AdapterState.REGISTERED, manifest)
                if entry is None and self.on_state is not None:
                    self.on_state(manifest.name, AdapterState.REGISTERED)
        return manifest.name

    def load(self, folder: Path) -> str:
        """Read, check and stage an adapter; returns its name. One that is in memory is read again, unless it is in a set.

        Raises:
            AdapterError: see `read_adapter`; foreign: made for another base; full: `READY` are in memory; active: in a set;
                busy: another thread loads it.
        """
        name = self.register(folder)
        with self._lock:
            entry = self._entry(name)
            if entry.state is AdapterState.STAGING:
                raise AdapterError(f"adapter {name} is being loaded already", code="busy")
            self._refuse_held(name)
            before = entry.state
            kept = [other for key, other in self._entries.items() if key != name and other.state is not AdapterState.REGISTERED]
            if len(kept) >= READY:
                raise AdapterError(f"{READY} adapters are in memory, which is the most: unload one first", code="full")
            self._set_state(name, AdapterState.STAGING)
        try:
            adapter = read_adapter(folder)
            check_fit(adapter, self.models)
            staged = [banks.stage(adapter) for banks in self._banks]
        except BaseException as error:
            with self._lock:
                entry.error = str(error)
                self._set_state(name, before)
            raise
        with self._lock:
            entry.folder, entry.manifest, entry.staged, entry.nbytes, entry.error = folder, adapter.manifest, staged, bytes_of(staged), ""
            entry.style = None if adapter.style is None else adapter.style.numpy()
            entry.room = None if adapter.room is None else adapter.room.numpy()
            self._set_state(name, AdapterState.READY)
        return name

    def _refuse_held(self, name: str) -> None:
        waiting = self._waiting or []
        prepared = self._mixes[1 - self._sounding] if self._prepared else []
        if name in {held for mix in (self.active, waiting, prepared) for held, _ in mix}:
            raise AdapterError(f"adapter {name} is in use: choose another set first", code="active")

    def unload(self, name: str) -> None:
        """Out of memory; its folder stays known.

        Raises:
            AdapterError: missing; active: it is in the set that sounds or comes next; busy: it is being loaded.
        """
        with self._lock:
            entry = self._entry(name)
            if entry.state is AdapterState.STAGING:
                raise AdapterError(f"adapter {name} is being loaded", code="busy")
            self._refuse_held(name)
            entry.staged, entry.nbytes, entry.style, entry.room = None, 0, None, None
            self._set_state(name, AdapterState.REGISTERED)

    # --- playing

    def use(self, mix: Sequence[tuple[str, float]]) -> None:
        """Prepare the set that `switch` brings; the empty set is the base. One that has not sounded yet is dropped.

        Raises:
            AdapterError: missing; state: not loaded; strength: out of 0 to 2; twice: named twice; rank: more columns in all
                than a bank has. What sounds and what was prepared stay as they are.
        """
        with self._lock:
            chosen = [(name, _strength(name, value)) for name, value in mix]
            names = [name for name, _ in chosen]
            if len(set(names)) < len(names):
                raise AdapterError(f"an adapter is named twice: {', '.join(names)}", code="twice")
            ranks = 0
            for name in names:
                entry = self._entry(name)
                if entry.staged is None or entry.state is AdapterState.STAGING:
                    raise AdapterError(f"adapter {name} is {entry.state}, not ready: load it first", code="state")
                ranks += entry.rank
            if ranks > COLUMNS:
                raise AdapterError(f"the ranks of {', '.join(names)} sum up to {ranks}, {COLUMNS} is the most", code="rank")
            self._due = False
            if self._left[1 - self._sounding]:  # it is still heard
                self._waiting, self._prepared = chosen, False
            else:
                self._prepare(chosen)

    def _prepare(self, mix: Mix) -> None:
        bank, first = 1 - self._sounding, 0
        for name, _ in mix:
            entry = self._entries[name]
            for banks, staged in zip(self._banks, entry.staged or [], strict=True):
                banks.write(bank, first, entry.rank, staged)
            manifest = entry.manifest
            assert manifest is not None
            self._factor[bank, first : first + entry.rank] = manifest.alpha / manifest.rank
            first += entry.rank
        self._mixes[bank], self._waiting, self._prepared = mix, None, True

    def switch(self) -> None:
        """From the next `advance` on the prepared set fades in and the old one out; during a fade, as soon as that has ended.

        Raises:
            AdapterError: nothing is prepared.
        """
        if self._waiting is not None:
            self._due = True
            return
        if not self._prepared:
            raise AdapterError("no set is prepared", code="state")
        with self._lock:
            old, self._sounding = self._mixes[self._sounding], 1 - self._sounding
            self._prepared = self._due = False
            for bank in range(BANKS):
                self._aim(bank)
            new = {name for name, _ in self._mixes[self._sounding]}
            for name, _ in old:
                if name not in new:
                    self._set_state(name, AdapterState.READY)
            for name in new:
                self._set_state(name, AdapterState.ACTIVE)
        self._lean()

    def strength(self, name: str, value: float) -> None:
        """Turn an adapter up or down, over a fade's time; in the set that comes next too.

        Raises:
            AdapterError: state: it is in no set; strength: out of range.
        """
        value = _strength(name, value)
        coming = self._mixes[1 - self._sounding] if self._prepared else self._waiting
        held = [mix for mix in (self._mixes[self._sounding], coming or []) if name in dict(mix)]
        if not held:
            raise AdapterError(f"adapter {name} does not play", code="state")
        for mix in held:
            mix[:] = [(known, value if known == name else old) for known, old in mix]
        self._aim(self._sounding)
        self._lean()

    def _lean(self) -> None:
        """To the styles, instruments and rooms of the set that sounds."""
        mix = [(self._entries[name], value) for name, value in self._mixes[self._sounding]]
        self.models.own.lean([(entry.style, value) for entry, value in mix], self.models.style_width)
        self.models.own.take_up((entry.manifest.sounds, value) for entry, value in mix if entry.manifest is not None)
        self.models.room.follow((entry.room, value) for entry, value in mix)

    def _aim(self, bank: int) -> None:
        """Fade a bank from what is heard of it to its strengths, or to nothing."""
        self._target[bank] = 0.0
        first = 0
        for name, value in self._mixes[bank] if bank == self._sounding else []:
            rank = self._entries[name].rank
            self._target[bank, first : first + rank] = value
            first += rank
        self._left[bank] = 0 if np.array_equal(self._current[bank], self._target[bank]) else FADE_STEPS
        np.subtract(self._target[bank], self._current[bank], out=self._rate[bank])
        self._rate[bank] /= FADE_STEPS

    def advance(self) -> None:
        """Call before each step of the music. Costs nothing while nothing fades."""
        if not any(self._left):
            return
        for bank, left in enumerate(self._left):
            if left > 1:
                self._current[bank] += self._rate[bank]
            elif left == 1:
                self._current[bank] = self._target[bank]
            self._left[bank] = max(left - 1, 0)
        self._publish()
        if self._waiting is not None and not self._left[1 - self._sounding]:
            with self._lock:
                due = self._due
                self._prepare(self._waiting)
                if due:
                    self.switch()

    def settle(self) -> None:
        """To the end of a fade that lasts, and of one that waits for it: where nobody listens meanwhile."""
        for _ in range(2 * FADE_STEPS):
            self.advance()

    def use_now(self, mix: Sequence[tuple[str, float]]) -> None:
        """A set from the next step on, without a fade.

        Raises:
            AdapterError: as `use`.
        """
        self.use(mix)
        self.switch()
        self.settle()

    def _publish(self) -> None:
        np.multiply(self._current, self._factor, out=self._scales)
        for bank in range(BANKS):
            heard = np.flatnonzero(self._current[bank])
            self._used[bank] = heard[-1] + 1 if len(heard) else 0
        for banks in self._banks:
            banks.set_scales(self._current, self._scales, self._used)


def _strength(name: str, value: float) -> float:
    if not (math.isfinite(value) and 0.0 <= value <= STRONGEST):
        raise AdapterError(f"strength {value} of {name}: 0 to {STRONGEST:g} can be", code="strength")
    return float(value)
