"""The learning desk: what `jamd learn` is doing in other processes, read from the notes that it leaves in its folders."""

from __future__ import annotations

import csv
import json
import os
import time
from pathlib import Path
from typing import Any, Final

from jamd import paths
from jamd.control.desk import Desk

LOG: Final = "log.csv"
EVERY_S: Final = 1.0
POINTS: Final = 32
"""Of a curve at most, evenly chosen."""
SHOWN: Final = 8
"""Trainings, the newest."""
KEPT_S: Final = 24 * 3600.0
"""Since its last note, after which a training that has ended is no longer shown."""
LARGEST: Final = 1 << 20


def read_curves(path: Path) -> dict[str, list[list[float]]]:
    """Curves of a training's log by name: minutes and values, thinned to `POINTS`."""
    rows: dict[str, list[tuple[float, float]]] = {}
    try:
        if path.stat().st_size > LARGEST:
            return {}
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                rows.setdefault(str(row["name"]), []).append((float(row["seconds"]) / 60, float(row["value"])))
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return {}
    out = {}
    for name, points in rows.items():
        step = max((len(points) - 1) / max(POINTS - 1, 1), 1.0)
        places = sorted({min(round(index * step), len(points) - 1) for index in range(min(len(points), POINTS))})
        out[name] = [[round(points[place][axis], 4) for place in places] for axis in (0, 1)]
    return out


def read_note(folder: Path) -> dict[str, Any]:
    """The last note of a training, empty if there is none to be read; `alive` says whether its process still runs."""
    path = folder / paths.PROGRESS
    try:
        if path.stat().st_size > LARGEST:
            return {}
        note = json.loads(path.read_text())
        values = {key: note.get(key) for key in ("name", "phase", "share", "text", "step", "loss", "held_out", "base", "left_s", "began")}
        updated, pid = float(note["updated"]), int(note["pid"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    over = values["phase"] in ("done", "stopped", "failed")
    return values | {"updated": updated, "alive": not over and _runs(pid)}


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


class Learning(Desk):
    """Action of `/learn/list`, and the topic `learn`."""

    _read_at = -EVERY_S
    _view: tuple[dict[str, Any], ...] = ()

    def tell_all(self) -> str:
        return json.dumps(self.view())

    def view(self) -> tuple[dict[str, Any], ...]:
        """The newest trainings, those that run first; read again at most once a second."""
        if time.monotonic() - self._read_at >= EVERY_S:
            self._read_at = time.monotonic()
            self._view = tuple(self._look())
        return self._view

    def _look(self) -> list[dict[str, Any]]:
        root, found = paths.learning_folder(), []
        for folder in root.iterdir() if root.is_dir() else ():
            note = {} if folder.name.startswith(".") else read_note(folder)
            if note and (note["alive"] or time.time() - note["updated"] < KEPT_S):
                found.append((note, folder))
        found.sort(key=lambda one: (not one[0]["alive"], -one[0]["updated"]))
        return [note | {"curves": read_curves(folder / LOG)} for note, folder in found[:SHOWN]]
