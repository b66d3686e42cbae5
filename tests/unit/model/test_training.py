"""The training loop in one process and in two, and what trainings begin from."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from model.checkpoint import load_what_fits, save_weights
from model.codec.discriminator import Discriminator, one_direction
from model.config import PlayerConfig
from model.generator.player import Player

TWO = """
import json, sys
from pathlib import Path
import torch
from accelerate import Accelerator
from model.training.loop import Budget, Loop

accelerator = Accelerator(cpu=True)
rank = accelerator.process_index
module = torch.nn.Linear(1, 1, bias=False)
torch.nn.init.constant_(module.weight, 3.0)
optimiser = torch.optim.SGD(module.parameters(), lr=0.2)
trained = accelerator.prepare(module)
target = torch.tensor([[1.0 if rank == 0 else -0.5]])
validated = []

def step(number):
    if rank == 1 and number == 150:  # one process wants to stop: both do
        import os, signal
        os.kill(os.getpid(), signal.SIGTERM)
    loss = (trained(torch.ones(1, 1)) - target).square().mean()
    return loss, {}

def validate():
    validated.append(rank)
    return {"weight": module.weight.item()}

out = Path(sys.argv[1])
loop = Loop(module, optimiser, step, out, Budget(5.0, 0.2, floor=1.0, warm_up=0.0), validate, clip=100.0, accelerator=accelerator)
steps = loop.run()
(out / f"rank{rank}.json").write_text(json.dumps({"steps": steps, "weight": module.weight.item(), "validated": validated}))
accelerator.end_training()
"""


def test_two_processes_train_one_network(tmp_path: Path) -> None:
    """Over gloo on the CPU: gradients are averaged, so both end at the mean of their targets; the first alone writes."""
    script = tmp_path / "two.py"
    script.write_text(TWO)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", str(script), str(tmp_path)]
    root = Path(__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    ranks = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1)]
    assert ranks[0]["steps"] == ranks[1]["steps"] > 150
    assert ranks[0]["weight"] == pytest.approx(0.25, abs=1e-3)
    assert ranks[1]["weight"] == pytest.approx(0.25, abs=1e-3)
    assert ranks[0]["validated"] and not ranks[1]["validated"]
    with (tmp_path / "log.csv").open() as file:
        assert [row["name"] for row in csv.DictReader(file)].count("valid_weight") == 1


def test_weights_of_a_smaller_network_fill_the_corner(tmp_path: Path) -> None:
    small = PlayerConfig(width=16, layers=1, heads=2, feedforward=32, window=8, levels=2, codebook_size=16, latent=8, depth_width=16)
    old = Player(small)
    save_weights(tmp_path / "old.safetensors", old, "player", small.to_dict(), dtype=torch.float32)
    large = Player(PlayerConfig(**(small.to_dict() | {"levels": 3, "style_tokens": 2, "style_width": 8})))
    fresh = load_what_fits(tmp_path / "old.safetensors", large)
    assert "style.weight" in fresh and "transformer.norm.weight" not in fresh
    assert torch.equal(large.transformer.blocks[0].qkv.weight, old.transformer.blocks[0].qkv.weight)  # type: ignore[union-attr]
    assert torch.equal(large.head.hidden.weight[:32], old.head.hidden.weight)
    assert torch.equal(large.head.out[1].weight, old.head.out[1].weight)  # type: ignore[union-attr]


def test_a_discriminator_learns_what_it_is_shown() -> None:
    """Noise with a hole in its spectrum against noise without: told apart after a few steps, and the codec's loss says so."""
    torch.manual_seed(0)
    judge = Discriminator()
    optimiser = torch.optim.AdamW(judge.parameters(), lr=3e-3)

    def pair() -> tuple[torch.Tensor, torch.Tensor]:
        true = 0.1 * torch.randn(4, 12_000)
        made = torch.fft.rfft(0.1 * torch.randn(4, 12_000))
        made[:, 2500:] = 0
        return true, torch.fft.irfft(made)

    first = float(judge.loss(*pair()).detach())
    for _ in range(100):
        loss = judge.loss(*pair())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert float(judge.loss(*pair()).detach()) < 0.75 * first
    true, made = pair()
    worse, far = judge.judge(true, made)
    better, near = judge.judge(true, 0.1 * torch.randn(4, 12_000))
    assert worse > better and far > near


def test_one_direction_is_a_rotation_of_stereo() -> None:
    audio = torch.randn(2, 2, 50)
    angles = torch.tensor([0.0, torch.pi / 2])
    mixed = one_direction(audio, angles)
    assert torch.allclose(mixed[0], audio[0, 0], atol=1e-6) and torch.allclose(mixed[1], audio[1, 1], atol=1e-6)


def test_planner_and_player_take_a_style_and_start_without_it() -> None:
    """Fresh style paths change nothing, so that old weights go on as they were."""
    player = Player(PlayerConfig(width=16, layers=2, heads=2, feedforward=32, window=8, levels=2, codebook_size=16, latent=8,
                                 depth_width=16, style_tokens=2, style_width=8)).eval()  # fmt: skip
    from model.conditioning import CONTROL_WIDTH, ROLL_WIDTH

    codes, controls, roll = torch.zeros(1, 4, 2, dtype=torch.long), torch.randn(1, 4, CONTROL_WIDTH), torch.rand(1, 4, ROLL_WIDTH)
    style = nn.functional.normalize(torch.randn(1, 8), dim=1)
    assert torch.allclose(player(codes, controls, roll), player(codes, controls, roll, style=style))
    nn.init.normal_(player.transformer.cross["0"].out.weight)  # type: ignore[arg-type]
    assert not torch.allclose(player(codes, controls, roll), player(codes, controls, roll, style=style))
