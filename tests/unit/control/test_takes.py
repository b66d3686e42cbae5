"""Takes as they lie on the disk."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from jamd.control import takes
from jamd.control.takes import Takes
from tests.unit.control.rig import Rig


def record(root: Path, name: str, ended: float, seconds: float | None = 1.0, kind: str = "wav") -> None:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_text("{}\n")
    os.utime(folder / "events.jsonl", (ended, ended))
    if seconds is not None:
        soundfile.write(folder / f"mix.{kind}", np.zeros((int(seconds * 48_000), 2)), 48_000, "PCM_24")


def test_the_newest_first_and_only_takes(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAMD_HOME", str(tmp_path))
    root = tmp_path / "sessions"
    assert json.loads(rig.do("/record/list")) == {"folder": str(root), "count": 0, "takes": []}
    record(root, "one", 1000.0)
    record(root, "gig/first set", 3000.0, 2.5, "flac")
    record(root, "broken", 2000.0, None)
    (root / "broken" / "mix.wav").write_bytes(b"RIFF")
    (root / "notes").mkdir()
    record(root, "running", 4000.0)
    rig.session.state.recording = str(root / "running")
    rig.session.recording._takes.forget()
    found = json.loads(rig.do("/record/list"))
    assert found["count"] == 3
    first, second, third = found["takes"]
    assert (first["name"], first["ended"], first["seconds"], first["files"]) == ("gig/first set", 3000, 2.5, ["mix.flac"])
    assert (second["name"], second["bytes"]) == ("broken", 4) and "seconds" not in second
    assert (third["name"], third["seconds"]) == ("one", 1.0) and third["bytes"] > 280_000
    rig.session.state.recording = ""


def test_what_is_told_fits_into_a_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(takes.SHOWN + 5):
        record(tmp_path, f"take {number:03d} {'ü' * 60}", 1000.0 + number, None)
    view = Takes().view(tmp_path, "")
    assert view["count"] == takes.SHOWN + 5 > len(view["takes"]) > 50
    assert len(json.dumps(view)) < takes.ROOM + 2000
    monkeypatch.setattr(takes, "MOST", 10)
    assert len(takes.find(tmp_path)) < 20
