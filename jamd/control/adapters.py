"""The adapters' desk: what lies on disk, what is in the engine's memory, what plays from the next bar on.

What is in a file is the engine's to judge; here only names and manifests are read. A change is for everything that the model plays:
the jam from the bar line on, and clips that are rendered after it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jamd import paths
from jamd.adapter_folders import MANIFEST, TENSORS, adapters_on_disk, find_adapter
from jamd.contract import messages as m
from jamd.contract.clock import Clock
from jamd.contract.errors import MessageError
from jamd.control.desk import ASKED, Desk, Tell, tell_late

if TYPE_CHECKING:
    from jamd.control.session import Session

BASE = "base"
SHOWN = ("base", "created", "rank", "alpha", "targets", "style", "scores", "guards")


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a manifest says, of the things that are shown, and `bytes` of the tensors; nothing if it cannot be read."""
    try:
        when = (folder / MANIFEST).stat().st_mtime_ns
    except OSError:
        return {}
    return _read_manifest(folder, when)


@lru_cache(maxsize=256)
def _read_manifest(folder: Path, when: int) -> dict[str, Any]:
    """As it was at that time: subscribers want to know ten times a second whether it is another."""
    try:
        values = json.loads((folder / MANIFEST).read_text())
        size = {"bytes": (folder / TENSORS).stat().st_size} if (folder / TENSORS).is_file() else {}
    except (OSError, ValueError):
        return {}
    return {key: values[key] for key in SHOWN if key in values} | size if isinstance(values, dict) else {}


USES: Final = 32
"""Sets of which it is remembered who asked for them."""


class Adapters(Desk):
    """Actions of `/adapter/...`."""

    _waiting: list[tuple[str, float]] | None = None
    """What is to play once all of it is in memory."""
    _by: Tell | None = None
    """Who asked for that, or for what was asked for last."""
    _from: int = 0
    """Frame from which what was asked for last plays."""

    def wanted(self) -> dict[str, str]:
        """Adapters that are to be in memory, to their folders; for an engine that has just come up."""
        known = adapters_on_disk()
        return {name: str(known[name]) for name in self.state.loaded if name in known}

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._asked: dict[str, list[Tell | None]] = {}
        """Who asked for each adapter to be read, and who for a set that has to wait for it."""
        self._unloads: dict[str, Tell | None] = {}
        self._uses: dict[int, Tell | None] = {}
        """Who asked for the last sets that the engine was told of, by number."""
        self._requests = 0

    def tell_all(self) -> str:
        return json.dumps(self.view())

    def load(self, name: str) -> None:
        if self.state.loaded.get(name) in ("ready", "active"):
            return
        if self.state.loaded.get(name) == "staging":
            self._asked.setdefault(name, []).append(ASKED.get())
            return
        folder = find_adapter(name)
        self.session.need_engine()
        self._asked[name] = [ASKED.get()]
        self.send("engine", m.AdapterLoad(name=name, folder=str(folder)))
        self.state.loaded[name] = "staging"

    def unload(self, name: str) -> None:
        if name not in self.state.loaded:
            raise MessageError(f"adapter {name!r} is not in memory", code="adapter")
        if name in dict(self.state.adapters):
            raise MessageError(f"adapter {name!r} plays: use another one first", code="adapter")
        if name in dict(self._waiting or []):
            self._waiting = None
        self._unloads[name] = ASKED.get()
        self.send("engine", m.AdapterUnload(name=name))

    def use(self, name: str, strength: float | None) -> None:
        self._play([] if name == BASE else [(name, 1.0 if strength is None else strength)])

    def blend(self, *pairs: float | str) -> None:
        if len(pairs) % 2:
            raise MessageError("/adapter/blend takes names, each with a strength", code="arguments")
        names = [str(name) for name in pairs[::2]]
        if len(set(names)) != len(names):
            raise MessageError("an adapter is named twice", code="arguments")
        self._play([(name, float(value)) for name, value in zip(names, pairs[1::2], strict=True) if name != BASE])

    def strength(self, value: float) -> None:
        self.state.adapter_strength = value
        self.send("engine", m.AdapterStrength(value=value))

    def _play(self, wanted: list[tuple[str, float]]) -> None:
        for name, _ in wanted:
            find_adapter(name)
        self.session.need_engine()
        self._by = ASKED.get()
        for name, _ in wanted:
            self.load(name)
        if any(self.state.loaded.get(name) == "staging" for name, _ in wanted):
            self._waiting = wanted
            return
        self._switch(wanted)

    def _switch(self, wanted: list[tuple[str, float]]) -> None:
        """From the next bar on; all of it is in memory."""
        self._waiting = None
        clock = self.clock
        frame = clock.next_bar(self.ahead(self.session.config.engine.change_ms))[0] if clock.playing else self.now
        self.state.adapters = wanted
        self._tell(frame)

    def _tell(self, frame: int) -> None:
        self._from = frame
        self._requests += 1
        self._uses = {number: tell for number, tell in self._uses.items() if number > self._requests - USES}
        self._uses[self._requests] = self._by
        self.send("engine", m.AdapterUse(adapters=self.state.adapters, frame=frame, request=self._requests))

    def clock_moved(self, old: Clock) -> None:
        """A change that waits for a bar line of the old clock waits for it in the new one."""
        frame = self.clock.carried(old, self._from) if self._from > self.now else self._from
        if frame != self._from:
            self._tell(frame)

    def take(self, message: m.AdapterEvent) -> None:
        """The engine has done something with an adapter, or could not."""
        state, name = self.state, message.name
        if message.state == "refused":
            if not name and state.adapters == message.asked:  # nothing else was asked for meanwhile
                state.adapters = message.playing
            tell_late(self._unloads.pop(name, None) if name else self._uses.pop(message.request, None), message.text, "adapter")
            self.log(message.text)
            return
        self._unloads.pop(name, None)
        asked = self._asked.pop(name, []) if message.state in ("ready", "failed") else []
        if message.state in ("registered", "failed"):
            state.loaded.pop(name, None)
            if message.state == "failed":
                self.log(f"adapter {name}: {message.text}")
                for tell in asked:
                    tell_late(tell, message.text, "adapter")
                self._waiting = None if name in dict(self._waiting or []) else self._waiting
                state.adapters = [pair for pair in state.adapters if pair[0] != name]
            return
        state.loaded[name] = message.state
        waiting = self._waiting
        if waiting is not None and all(state.loaded.get(one) in ("ready", "active") for one, _ in waiting):
            self._switch(waiting)

    def engine_gone(self) -> None:
        """A new engine reads them all again."""
        self.state.loaded = dict.fromkeys(self.state.loaded, "staging")

    def view(self) -> dict[str, Any]:
        state = self.state
        playing = dict(state.adapters)
        rows = []
        for name, folder in adapters_on_disk().items():
            row = {"name": name, "state": state.loaded.get(name, "registered"), "own": folder.parent == paths.adapters_folder()}
            rows.append(row | read_manifest(folder) | ({"strength": playing[name]} if name in playing else {}))
        return {"playing": [list(pair) for pair in state.adapters], "strength": state.adapter_strength, "adapters": rows}

    def value(self, action: str, which: Any) -> Any:
        if action == "strength":
            return self.state.adapter_strength
        return tuple(each for pair in self.state.adapters or [(BASE, 1.0)] for each in pair)
