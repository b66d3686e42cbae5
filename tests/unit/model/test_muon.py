"""Muon and AdamW as one optimiser: it learns, and goes on after a break as if there had been none."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from model.training.loop import Budget, Loop
from model.training.muon import ADAM_SCALE, MuonAdamW


def _made() -> tuple[nn.Sequential, MuonAdamW]:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2))
    return module, MuonAdamW.of(module, lambda name: name.startswith("2."), 0.01, (0.9, 0.98), 0.02)


def _loss(module: nn.Module, number: int) -> torch.Tensor:
    x = torch.randn(32, 4, generator=torch.Generator().manual_seed(number))
    return (module(x) - x[:, :2] * x[:, 2:]).square().mean()


def _train(module: nn.Module, optimiser: torch.optim.Optimizer, steps: range) -> None:
    for number in steps:
        optimiser.zero_grad()
        _loss(module, number).backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def test_it_learns_and_moves_each_parameter_by_its_own_rule() -> None:
    module, optimiser = _made()
    before, first = module[2].weight.detach().clone(), _loss(module, 1000).item()
    _train(module, optimiser, range(1))
    gradient = module[2].weight.grad
    assert gradient is not None

    def directions(matrix: torch.Tensor) -> float:
        found = torch.linalg.svdvals(matrix).square()
        return float(found.sum() / found.max())

    moved = module[2].weight.detach() - before
    assert directions(moved) > 4 * directions(gradient)  # all of them by about as much: that is Muon
    _train(module, optimiser, range(1, 300))
    assert _loss(module, 1000).item() < 0.3 * first


def test_it_resumes_bit_by_bit(tmp_path: Path) -> None:
    whole, optimiser = _made()
    _train(whole, optimiser, range(20))
    half, one = _made()
    _train(half, one, range(10))
    states = half.state_dict(), one.state_dict()
    again, other = _made()
    again.load_state_dict(states[0])
    other.load_state_dict(states[1])
    _train(again, other, range(10, 20))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))


def test_the_loop_saves_it_and_sets_both_rates(tmp_path: Path) -> None:
    module, optimiser = _made()
    loop = Loop(module, optimiser, lambda number: (_loss(module, number), {}), tmp_path, Budget(0.5 / 60, 0.01))
    count = loop.run()
    assert count > 3
    rates = [group["lr"] for group in optimiser.param_groups]
    assert rates[1] == ADAM_SCALE * rates[0] and optimiser.adam.param_groups[0]["lr"] == rates[1]
    again, other = _made()
    assert Loop(again, other, lambda number: (_loss(again, number), {}), tmp_path, Budget(0.5 / 60, 0.01)).run() == count
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), again.parameters(), strict=True))
    assert torch.equal(optimiser.state[module[2].weight]["momentum_buffer"], other.state[again[2].weight]["momentum_buffer"])
