"""A take: all its files, and the same music again from its events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from jamd.told import find_told
from tests.conftest import wait_until
from tests.system.conftest import Daemon

RATE = 48_000


def test_a_take_is_recorded_and_played_again(tmp_path: Path, shared_memory_is_clean: None, launch: Callable[[str], Daemon]) -> None:
    """The jam began before the take; knobs, chart, parts and a slot change during it. The replay is the same music."""
    daemon = launch("null")
    client = daemon.client
    client.send("/slot/1/render", 1, "", 5)
    wait_until(lambda: daemon.slot(1) == "ready", 60, "a clip")
    client.send("/clock/tempo", 150)
    client.send("/jam/param/seed", 11)
    client.send("/jam/start")
    wait_until(lambda: daemon.status()["jam"]["state"] == "playing", 20, "the jam")
    client.send("/slot/1/launch")
    wait_until(lambda: daemon.slot(1) == "playing", 10, "the clip")
    client.send("/record/start", "first take")
    wait_until(lambda: daemon.status()["record"]["recording"], 5, "the recording")
    assert client.ask("/record/start", "second", expect="/error").address == "/error"

    def bars(count: int) -> None:
        end = daemon.status()["clock"]["frame"] + count * int(4 * 60 / 150 * RATE)
        wait_until(lambda: daemon.status()["clock"]["frame"] > end, 30, f"{count} bars")

    bars(1)
    client.send("/jam/param/density", 0.9)
    client.send("/jam/chart", "| Fm7 | Bb7 | Ebmaj7 | % |")
    bars(2)
    client.send("/jam/part/bass", 0)
    client.send("/slot/1/gain", -6.0)
    bars(1)
    client.send("/slot/1/stop")
    client.send("/jam/part/bass", 1)
    client.send("/gain", -3.0)
    bars(2)
    client.send("/jam/stop")
    wait_until(lambda: daemon.status()["jam"]["state"] == "stopped", 20, "the end")
    client.send("/record/stop")
    wait_until(lambda: not daemon.status()["record"]["recording"], 10, "the end of the recording")
    underruns = daemon.status()["audio"]["underruns"]
    assert client.ask("/record/stop", expect="/error").arguments[1] == "record"
    assert daemon.stop() == 0, daemon.log.read_text()

    folder = tmp_path / "sessions" / "first take"
    files = {path.name for path in folder.iterdir()}
    assert {"mix.wav", "jam.wav", "slots.wav", "input.wav", "events.jsonl", "clips"} <= files
    sounds = {name: soundfile.read(folder / f"{name}.wav")[0] for name in ("mix", "jam", "slots", "input")}
    assert len({len(sound) for sound in sounds.values()}) == 1
    assert soundfile.info(folder / "mix.wav").subtype == "PCM_24"
    assert np.abs(sounds["input"]).max() == 0
    assert np.sqrt((sounds["jam"] ** 2).mean()) > 1e-3
    lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    said = [line["address"] for line in lines[1:] if line["kind"] == "osc"]
    assert said[:3] == ["/record/start", "/jam/param/density", "/jam/chart"]
    assert all(line["frame"] > 0 for line in lines)

    paths, told = find_told([tmp_path / "sessions"])  # who learns of it is told all of that
    assert paths == [folder / "input.wav"]
    known = told[paths[0].resolve()]
    assert known.tempo == 150.0 and known.chart is not None
    assert {"Fm7", "Ebmaj7"} <= {known.chart.chord_at(beat).symbol for beat in range(64)}

    again = tmp_path / "again.wav"
    done = subprocess.run(
        [sys.executable, "-m", "jamd", "render", "--session", str(folder), "--out", str(again)],
        capture_output=True, text=True, timeout=300, env=os.environ | {"JAMD_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    played = soundfile.read(again)[0]
    assert len(played) == len(sounds["mix"])
    window = 4800
    count = len(played) // window

    def levels(sound: np.ndarray) -> np.ndarray:
        return np.sqrt((sound[: count * window].reshape(count, window, 2) ** 2).mean(axis=(1, 2)))

    difference = levels(played - sounds["mix"])
    same = (difference < 0.01 * levels(sounds["mix"]) + 1e-4).mean()
    assert same > (0.97 if underruns == 0 else 0.3), same


def test_a_folder_that_is_no_take(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jamd", "render", "--session", str(tmp_path), "--out", str(tmp_path / "x.wav")],
        capture_output=True, text=True, timeout=60, env=os.environ | {"JAMD_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("jamd: cannot read")
    assert not (tmp_path / "x.wav").exists()
