"""The wheel holds all that the program reads, and the program runs from what is in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name not in ("tests", "build"))
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1], {'--build-option': ['--compression=stored']})"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is built: in the sources' own place, what an old `build/` has would go along."""
    source = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    return source


@pytest.fixture(scope="module")
def unpacked(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built offline, and unpacked."""
    out = tmp_path_factory.mktemp("wheel")
    built = subprocess.run([sys.executable, "-c", BUILD, str(out)], cwd=source, capture_output=True, text=True, timeout=280)
    assert built.returncode == 0, built.stderr
    (wheel,) = out.glob("*.whl")
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


UNCOMPILED = {"NUMBA_DISABLE_JIT": "1"}
"""Compiling anew takes half a minute and says nothing of what is in the wheel."""
RUN = """
import contextlib, importlib, io, json, sys
from jamd.control.midi.pads import devices
from model.generator.models import load_models
module, function = sys.argv[1].split(":")
main = getattr(importlib.import_module(module), function)
def said(*words):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        main(words)
    return out.getvalue()
player = type(load_models("small", compiled=False).player).__name__
texts = said("--version"), said("describe", "--json"), said("adapters", "list")
print(json.dumps([sys.modules[module].__file__, *texts, sorted(devices()), player]))
"""


def test_wheel_has_every_file(source: Path, unpacked: Path) -> None:
    """All files of the packages, data too, and nothing but them."""
    assert {"jamd", "model", "bridges"} <= set(PACKAGES)
    wanted = {path.relative_to(source).as_posix() for name in PACKAGES for path in (source / name).rglob("*") if path.is_file()}
    there = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert {name for name in there if ".dist-info/" not in name} == wanted
    assert {f"{name}/py.typed" for name in PACKAGES} <= there
    assert any(name.endswith("licenses/LICENSE") for name in there)
    network = {f"model/weights/basic-pitch/{name}" for name in ("nmp.onnx", "LICENSE", "NOTICE")}
    assert network <= there, "the network that hears notes, with its licence"
    assert "tui/web/page.html" in there


def test_program_runs_from_the_wheel(unpacked: Path, tmp_path: Path) -> None:
    """A fresh Python with the wheel in front of its path: the script's entry point works, and finds weights, pads and shipped adapters."""
    (entry,) = unpacked.glob("*.dist-info/entry_points.txt")
    script = entry.read_text().split("jamd = ")[1].split()[0]
    environment = os.environ | {"PYTHONPATH": str(unpacked), "JAMD_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"} | UNCOMPILED
    done = subprocess.run([sys.executable, "-c", RUN, script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    place, version, table, adapters, pads, player = json.loads(done.stdout)
    assert Path(place).is_relative_to(unpacked)
    assert version == f"jamd {entry.parent.name.split('-')[1].removesuffix('.dist')}\n"
    assert len(json.loads(table)) > 50
    assert len(adapters.splitlines()) == len([*(unpacked / "model/weights/adapters").glob("*/manifest.json")])
    assert pads == sorted(path.stem for path in (unpacked / "jamd/control/midi/devices").glob("*.toml"))
    assert player == "Player"
