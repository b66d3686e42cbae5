"""Takes as they lie in the sessions folder: a take is a folder with a journal, there or one folder further down."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import soundfile

from jamd.control.journal import NAME

SOUNDS: Final = (".wav", ".flac")
SHOWN: Final = 100
"""Of the newest, at most."""
ROOM: Final = 40_000
"""Characters of what is told of them: a datagram has to hold it."""
MOST: Final = 2000
"""Folders that are looked into."""
EVERY_S: Final = 2.0


def _folders(root: Path) -> Iterator[Path]:
    try:
        yield from (entry for entry in root.iterdir() if not entry.name.startswith(".") and entry.is_dir())
    except OSError:
        return


def find(root: Path) -> list[tuple[float, Path]]:
    """(time of the last change, folder) of every take, the newest first."""
    out: list[tuple[float, Path]] = []
    waiting = [(folder, True) for folder in _folders(root)]
    for count, (folder, is_above) in enumerate(waiting):  # grows while it is gone through
        try:
            out.append(((folder / NAME).stat().st_mtime, folder))
        except OSError:
            waiting += [(below, False) for below in _folders(folder)] if is_above else []
        if count > MOST:
            break
    return sorted(out, reverse=True)


def read(folder: Path) -> dict[str, Any]:
    """What is in a take: `seconds` of its mix, if that can be read, `bytes` of all its sounds, their `files`."""
    out: dict[str, Any] = {"bytes": 0, "files": []}
    try:
        sounds = sorted(path for path in folder.iterdir() if path.suffix in SOUNDS)
        out |= {"bytes": sum(path.stat().st_size for path in sounds), "files": [path.name for path in sounds]}
    except OSError:
        return out
    for path in sounds:
        if path.stem == "mix":
            try:
                info = soundfile.info(path)
            except (OSError, soundfile.SoundFileError):
                continue
            out["seconds"] = round(info.frames / info.samplerate, 1)
    return out


class Takes:
    """The newest takes, looked for every few seconds, each read once unless it has changed."""

    def __init__(self) -> None:
        self._looked_at = -EVERY_S
        self._read: dict[Path, tuple[float, dict[str, Any]]] = {}
        self._view: dict[str, Any] = {}

    def forget(self) -> None:
        """One has begun or ended."""
        self._looked_at = -EVERY_S

    def view(self, root: Path, recording: str) -> dict[str, Any]:
        """`folder` of all of them, their `count`, and of the newest `takes` those that are not being recorded.

        Args:
            recording: folder of the take that is, or empty.
        """
        now = time.monotonic()
        if now - self._looked_at < EVERY_S and self._view:
            return self._view
        self._looked_at = now
        found = [(at, folder) for at, folder in find(root) if str(folder) != recording]
        before, self._read = self._read, {}
        takes: list[dict[str, Any]] = []
        room = ROOM
        for at, folder in found[:SHOWN]:
            known = before.get(folder)
            if known is None or known[0] != at:
                known = (at, read(folder))
            self._read[folder] = known
            takes.append({"name": str(folder.relative_to(root)), "ended": round(at), **known[1]})
            room -= len(json.dumps(takes[-1]))
            if room < 0:
                break
        self._view = {"folder": str(root), "count": len(found), "takes": takes}
        return self._view
