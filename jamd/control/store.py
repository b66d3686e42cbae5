"""What survives a restart: slots with their clips, mixer, connections. And the snapshot from which a killed control process goes on.

Files are written beside and renamed, so that there is always a whole one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

import msgspec

from jamd.control import clip_files
from jamd.control.state import Clip, SlotSetup, State

VERSION: Final = 1


class SavedSlot(msgspec.Struct, frozen=True):
    slot: int
    setup: SlotSetup
    clip: str = ""
    """Name of its file; empty: none."""


class Saved(msgspec.Struct, frozen=True):
    """The file `state.json`."""

    version: int
    slots: list[SavedSlot]
    gain_db: float = 0.0
    latency_ms: float = 0.0
    connections: list[tuple[str, str]] = []
    midi: dict[str, Any] = {}


def write_atomically(path: Path, data: bytes) -> None:
    """
    Raises:
        OSError: it cannot be written; what was there is whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def read_snapshot(path: Path) -> State | None:
    """The state of the control process that was here before, or None."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


class Store:
    """The folder with the state that outlives a run.

    Args:
        log: told once when something cannot be read or written.
    """

    def __init__(self, folder: Path, log: Callable[[str], None]) -> None:
        self._folder = folder
        self._log = log
        self._complained = False
        self._last = b""
        self._named: set[Path] = set()
        """Files of clips that `state.json` names; no other is ever removed."""
        self._newest: dict[int, Clip] = {}
        """Of each slot, of those that were to be kept."""
        self._writing = threading.Lock()

    def _file(self, index: int) -> Path:
        return self._folder / "slots" / f"slot-{index + 1:02d}.wav"

    def load(self) -> Saved | None:
        """What was saved. A file that cannot be read is put aside, not overwritten."""
        path = self._folder / "state.json"
        try:
            saved = msgspec.json.decode(path.read_bytes(), type=Saved)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            aside = path.with_suffix(".damaged.json")
            self._log(f"{path} cannot be read ({error}): it is kept as {aside.name}")
            try:
                path.replace(aside)
            except OSError:
                pass
            return None
        if saved.version != VERSION:
            self._log(f"{path} is of version {saved.version}, not {VERSION}: it is left alone until something changes")
            return None
        self._named = {self._file(one.slot) for one in saved.slots if one.clip}
        return saved

    def clip_reader(self, index: int, name: str, tempo: float, beats_per_bar: int) -> Callable[[], Clip] | None:
        """Reads a slot's saved clip into a shared memory of a name; None if there is none."""
        path = self._file(index)

        def read() -> Clip:
            clip = clip_files.load(path, name, tempo, beats_per_bar)
            clip.stored = True
            return clip

        return read if path.is_file() else None

    def clip_writer(self, index: int, clip: Clip) -> Callable[[], None]:
        """Keeps a slot's clip, in whatever thread, unless another one is to be kept by then. It raises FailureError if it cannot."""
        self._newest[index] = clip

        def write() -> None:
            with self._writing:
                if self._newest[index] is clip:
                    clip_files.save(self._file(index), clip, "FLOAT")

        return write

    def save(self, state: State, midi: dict[str, Any], unread: Collection[int] = ()) -> None:
        """Keep everything else, if it has changed. What cannot be written is told once; the music goes on.

        Args:
            unread: slots whose saved clips have not come back yet, or could not be read: their files stay.
        """
        plain = SlotSetup()
        slots = [
            SavedSlot(index, slot.setup, self._file(index).name if slot.clip is not None or index in unread else "")
            for index, slot in enumerate(state.slots)
            if slot.clip is not None or index in unread or slot.setup != plain
        ]
        saved = Saved(VERSION, slots, state.gain_db, state.latency_ms, state.connections, midi)
        data = msgspec.json.format(msgspec.json.encode(saved), indent=1)
        if data == self._last:
            return
        try:
            write_atomically(self._folder / "state.json", data)
            self._last, self._complained = data, False
            kept = {self._file(one.slot) for one in slots if one.clip}
            gone, self._named = self._named - kept, kept
            for path in gone:
                path.unlink(missing_ok=True)
        except OSError as error:
            if not self._complained:
                self._complained = True
                self._log(f"the state cannot be saved: {error}")
