"""Adapters in the real daemon, with random ones for the shipped model: what is learned is not the matter here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from jamd.cli import main
from model.adapters.format import write_adapter
from model.generator.models import Models, load_models
from tests.conftest import wait_until
from tests.system.conftest import Daemon
from tests.unit.model.adapters.rig import make_adapter

RATE = 48_000


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models("small")


@pytest.fixture
def adapters(models: Models, tmp_path: Path) -> Path:
    """`ann` and `bo`, rank 4, and two that are not what they ought to be."""
    root = tmp_path / "adapters"
    for seed, name in enumerate(("ann", "bo", "cut", "foreign")):
        write_adapter(root, make_adapter(models, name, seed, size=0.3, targets=("qkv", "out")))
    tensors = root / "cut" / "adapter.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1000])
    manifest = root / "foreign" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"base_hash": "', '"base_hash": "f'))
    return root


def state(daemon: Daemon, name: str) -> str:
    """Asked at most twenty times a second: the list is read from the disk, and a client has a budget."""
    time.sleep(0.05)
    reply = daemon.client.ask("/adapter/list")
    assert reply.address == "/adapter/list", reply.arguments
    return next(str(row["state"]) for row in json.loads(reply.arguments[0])["adapters"] if row["name"] == name)


def test_swap_blend_refuse_and_play_on(
    tmp_path: Path, adapters: Path, shared_memory_is_clean: None, launch: Callable[[str], Daemon]
) -> None:
    out = tmp_path / "out.wav"
    daemon = launch(f"file:{out}")
    client = daemon.client
    client.send("/clock/tempo", 200)
    client.send("/jam/start")
    wait_until(lambda: daemon.status()["jam"]["state"] == "playing", 20, "the jam")
    begin = daemon.status()["clock"]["frame"]
    assert state(daemon, "ann") == "registered"
    client.send("/adapter/use", "ann", 0.8)
    wait_until(lambda: state(daemon, "ann") == "active", 20, "the adapter")
    client.send("/adapter/load", "bo")
    wait_until(lambda: state(daemon, "bo") == "ready", 20, "the other one")
    client.send("/adapter/blend", "ann", 0.5, "bo", 0.5)
    wait_until(lambda: state(daemon, "bo") == "active", 10, "the blend")
    client.send("/adapter/strength", 0.5)
    assert client.ask("/adapter/unload", "bo", expect="/error").address == "/error"
    for name, says in (("cut", "damaged"), ("foreign", "another base")):
        refused = client.ask("/adapter/use", name, timeout=10.0)
        assert refused.address == "/error" and refused.arguments[0] == "/adapter/use" and says in str(refused.arguments[2])
        assert says in daemon.log.read_text()
    assert client.ask("/adapter/use").arguments == ("ann", 0.5, "bo", 0.5)
    for words, status, says in ((("/adapter/load", "cut"), 1, "damaged"), (("/adapter/use", "ann", "0.6"), 0, "")):
        sent = run(tmp_path, "send", "--connect", f"127.0.0.1:{daemon.port}", *words)
        assert sent.returncode == status and says in sent.stderr, sent.stderr
    engine = next(p for p in psutil.Process(daemon.process.pid).children() if "jamd.engine" in p.cmdline())
    before = engine.memory_info().rss
    for index in range(12):
        client.send("/adapter/use", "ann" if index % 2 else "bo")
        wait_until(lambda index=index: state(daemon, "ann" if index % 2 else "bo") == "active", 10, f"swap {index}")
    assert engine.memory_info().rss - before < 30e6
    client.send("/adapter/use", "base")
    wait_until(lambda: state(daemon, "ann") == state(daemon, "bo") == "ready", 10, "the base")
    client.send("/adapter/unload", "bo")
    wait_until(lambda: state(daemon, "bo") == "registered", 10, "the end of bo")
    end = daemon.status()["clock"]["frame"]
    assert daemon.status()["jam"]["state"] == "playing"
    assert daemon.stop() == 0, daemon.log.read_text()
    audio, _ = soundfile.read(out)
    played = audio[begin + RATE : end]
    levels = np.sqrt((played[: len(played) // 24_000 * 24_000].reshape(-1, 24_000, 2) ** 2).mean(axis=(1, 2)))
    assert (levels > 1e-4).mean() > 0.9
    assert "Traceback" not in daemon.log.read_text()


def run(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jamd", *words], capture_output=True, text=True, timeout=120,
        env=os.environ | {"JAMD_HOME": str(tmp_path)},
    )  # fmt: skip


def test_command_line(tmp_path: Path, adapters: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["name"]: row for row in json.loads(run(tmp_path, "adapters", "list", "--json").stdout)}
    assert {"ann", "bo", "cut", "foreign"} <= set(rows)
    assert rows["ann"]["rank"] == 4
    monkeypatch.setenv("JAMD_HOME", str(tmp_path))

    def said(status: int, *words: str) -> tuple[str, str]:
        assert main(["adapters", *words]) == status, capsys.readouterr()
        both = capsys.readouterr()
        return both.out, both.err

    assert json.loads(said(0, "show", "ann")[0])["parameters"] > 0
    assert said(1, "show", "cut")[1].startswith("jamd: ")
    out = tmp_path / "ann.zip"
    said(0, "export", "ann", str(out))
    said(1, "export", "ann", str(out))
    said(1, "import", str(out))  # it is there
    said(0, "import", str(out), "--name", "ann2")
    said(0, "remove", "ann")
    assert not (adapters / "ann").exists()
    said(0, "import", str(out))
    evil = tmp_path / "evil.zip"
    with zipfile.ZipFile(evil, "w") as file:
        file.writestr("../x.pkl", b"x")
    assert "does not hold an adapter" in said(1, "import", str(evil))[1]
    said(1, "remove", "nobody")


def test_rendering_with_an_adapter(tmp_path: Path, adapters: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At strength 0 the same bytes as without; else other music, of the same length."""
    monkeypatch.setenv("JAMD_HOME", str(tmp_path))

    def render(name: str, *words: str) -> bytes:
        out = tmp_path / f"{name}.wav"
        assert main(["render", "--bars", "1", "--tempo", "240", "--out", str(out), *words]) == 0
        return out.read_bytes()

    base = render("base")
    assert render("none", "--adapter", "ann:0") == base
    changed = render("ann", "--adapter", "ann:0.8")
    assert changed != base and len(changed) == len(base)
