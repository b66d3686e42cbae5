"""Weights and training state survive the disk; damage is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from jamd.contract.errors import EngineError
from model.checkpoint import load_training, load_weights, read_header, save_training, save_weights


def test_weights_round_trip(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Linear(4, 3)
    path = tmp_path / "net.safetensors"
    save_weights(path, net, "test", {"width": 4}, {"score": 1.5}, keep_float=("bias",))
    other = nn.Linear(4, 3)
    load_weights(path, other)
    assert torch.equal(other.bias, net.bias)
    torch.testing.assert_close(other.weight, net.weight, atol=4e-3, rtol=1e-2)
    header = read_header(path)
    assert header["config"] == {"width": 4}
    assert header["metadata"] == {"score": 1.5}
    assert list(tmp_path.iterdir()) == [path]


def test_wrong_shape_is_told(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_weights(path, nn.Linear(4, 3), "test", {})
    with pytest.raises(EngineError, match="does not fit"):
        load_weights(path, nn.Linear(5, 3))


@pytest.mark.parametrize("content", [b"", b"not a file of tensors", b"\x00" * 64])
def test_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    with pytest.raises(EngineError, match="cannot read weights"):
        read_header(path)


def test_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(32, 4), torch.randn(32, 3)

    def train(net: nn.Module, optimiser: torch.optim.Optimizer, steps: int) -> None:
        for _ in range(steps):
            optimiser.zero_grad()
            (net(x) - y).square().mean().backward()
            optimiser.step()

    net = nn.Linear(4, 3)
    start = {k: v.clone() for k, v in net.state_dict().items()}
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.01)
    train(net, optimiser, 5)
    save_training(tmp_path / "c.safetensors", net, optimiser, {"steps": 5})
    train(net, optimiser, 5)

    again = nn.Linear(4, 3)
    again.load_state_dict(start)
    other = torch.optim.AdamW(again.parameters(), lr=0.01)
    assert load_training(tmp_path / "c.safetensors", again, other)["steps"] == 5
    train(again, other, 5)
    torch.testing.assert_close(again.weight, net.weight)
