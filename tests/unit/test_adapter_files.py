"""Adapters brought in from elsewhere: everything of them comes along."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from jamd import adapters, paths
from jamd.adapter_folders import find_adapter
from jamd.contract.errors import AdapterError
from model.adapters.format import read_adapter, write_adapter


def test_under_another_name_an_adapter_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAMD_HOME", str(tmp_path))
    ansel, priya = (read_adapter(find_adapter(name)) for name in ("ansel", "priya"))
    shipped = write_adapter(tmp_path / "elsewhere", replace(ansel, colour=priya.colour, room=torch.tensor([0.2, 1.0, 0.3, 5000.0])))
    folder = adapters.bring(shipped, "late")
    assert folder == paths.adapters_folder() / "late" and find_adapter("late") == folder
    one, other = read_adapter(shipped), read_adapter(folder)
    assert other.manifest.name == "late" and other.manifest.sounds == one.manifest.sounds == {"piano": "yamaha"}
    for mine, theirs in ((one.style, other.style), (one.colour, other.colour), (one.room, other.room)):
        assert mine is not None and theirs is not None and torch.equal(mine, theirs)
    assert one.tensors.keys() == other.tensors.keys()
    with pytest.raises(AdapterError, match="already"):
        adapters.bring(shipped, "late")
