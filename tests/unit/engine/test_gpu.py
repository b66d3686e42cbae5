"""What is told of a GPU, and what is not."""

from __future__ import annotations

import pytest
import torch

from jamd.engine import gpu
from jamd.engine.gpu import Gpu


def test_on_a_cpu_nothing_is_known() -> None:
    one = Gpu(torch.device("cpu"))
    one.read()
    assert one.memory_mb is None and one.temperature_c is None


def test_what_the_driver_does_not_tell_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(device: torch.device) -> int:
        asked.append(device)
        raise ModuleNotFoundError("nvidia-ml-py does not seem to be installed")

    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 512_000_000)
    monkeypatch.setattr(torch.cuda, "temperature", refuse)
    monkeypatch.setattr(gpu, "EVERY_S", 0.0)
    one = Gpu(torch.device("cuda"))
    one.read()
    one.read()
    assert one.memory_mb == 512.0 and one.temperature_c is None and len(asked) == 1
    monkeypatch.setattr(torch.cuda, "temperature", lambda device: 64)
    other = Gpu(torch.device("cuda"))
    other.read()
    assert other.temperature_c == 64.0
