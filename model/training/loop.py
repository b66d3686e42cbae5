"""One loop for all trainings: a wall-clock budget, warm-up and cosine decay, CSV log, atomic checkpoints, resume.

The learning rate follows the share of the budget that is used up, so that a run of any length ends with a small rate. It runs in
one process or, under `torchrun` or `accelerate launch`, in several on as many GPUs or CPUs: gradients are averaged, the first process
logs, validates and saves, and all stop together.
"""

from __future__ import annotations

import csv
import math
import signal
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from model.checkpoint import load_training, save_training


def mixed(device: torch.device | str) -> AbstractContextManager[Any]:
    """Products in bf16 where that is fast: on a CPU without units for it they are slower by a factor of ten and more, and stay float32."""
    kind = torch.device(device).type
    fast = kind != "cpu" or torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(kind, dtype=torch.bfloat16) if fast else nullcontext()


@dataclass(frozen=True)
class Budget:
    minutes: float
    peak: float
    """Highest learning rate."""
    floor: float = 0.02
    """Last learning rate as a share of the highest."""
    warm_up: float = 0.02
    """Share of the budget in which the rate rises."""

    def rate(self, used: float) -> float:
        """Learning rate when `used` (0..1) of the budget has gone."""
        if used < self.warm_up:
            return self.peak * max(used / self.warm_up, 0.01)
        progress = min((used - self.warm_up) / (1 - self.warm_up), 1.0)
        return self.peak * (self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * progress)))


@dataclass
class Loop:
    """Run `step` until the budget is used up, SIGTERM or SIGINT.

    Args:
        module: what is trained.
        optimiser: over its parameters.
        step: called with the number of the step; returns (loss to minimise, figures for the log).
        folder: log.csv and checkpoint.safetensors go here; a checkpoint that is there already is resumed.
        validate: called now and then; its figures are logged with the prefix `valid_`.
        accelerator: of `accelerate`, when its `prepare` has wrapped what `step` calls.
    """

    module: nn.Module
    optimiser: torch.optim.Optimizer
    step: Callable[[int], tuple[Tensor, dict[str, float]]]
    folder: Path
    budget: Budget
    validate: Callable[[], dict[str, float]] | None = None
    clip: float = 1.0
    report_s: float = 20.0
    save_s: float = 180.0
    validate_s: float = 240.0
    header: dict[str, object] = field(default_factory=dict)
    accelerator: Any = None

    @property
    def main(self) -> bool:
        """Whether this is the first process."""
        return self.accelerator is None or bool(self.accelerator.is_main_process)

    def _agree(self, stop: bool) -> bool:
        """True in every process as soon as it is true in one."""
        if self.accelerator is None or self.accelerator.num_processes == 1:
            return stop
        flag = torch.tensor(float(stop), device=self.accelerator.device)
        return float(self.accelerator.reduce(flag, "sum")) > 0

    def run(self) -> int:
        """Returns the number of steps done in all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        checkpoint = self.folder / "checkpoint.safetensors"
        count, before = 0, 0.0
        if checkpoint.exists():
            meta = load_training(checkpoint, self.module, self.optimiser)
            count, before = int(meta["steps"]), float(meta["seconds"])
            print(f"resumed at step {count}, {before / 60:.1f} min", flush=True)
        stopped = False

        def stop(*_: object) -> None:
            nonlocal stopped
            stopped = True

        old = [(number, signal.signal(number, stop)) for number in (signal.SIGTERM, signal.SIGINT)]
        start = time.monotonic()
        seconds = before
        last = {"report": before, "save": before, "validate": before}
        sums: dict[str, float] = defaultdict(float)
        n = 0

        def save() -> None:
            if self.main:
                save_training(checkpoint, self.module, self.optimiser, {"steps": count, "seconds": seconds, **self.header})

        try:
            while not self._agree(stopped or seconds >= self.budget.minutes * 60):
                rate = self.budget.rate(seconds / (self.budget.minutes * 60))
                for group in self.optimiser.param_groups:
                    group["lr"] = rate * group.get("scale", 1.0)
                loss, figures = self.step(count)
                self.optimiser.zero_grad(set_to_none=True)
                if self.accelerator is None:
                    loss.backward()  # type: ignore[no-untyped-call]
                else:
                    self.accelerator.backward(loss)
                norm = nn.utils.clip_grad_norm_(self.module.parameters(), self.clip)
                if bool(torch.isfinite(norm)):
                    self.optimiser.step()
                else:
                    sums["skipped"] += 1
                count += 1
                n += 1
                seconds = before + time.monotonic() - start
                sums["loss"] += float(loss.detach())
                for key, value in figures.items():
                    sums[key] += value
                if seconds - last["report"] >= self.report_s:
                    row = {key: value / n for key, value in sums.items()}
                    row["steps_per_s"] = n / (seconds - last["report"])
                    self._log(count, seconds, rate, row)
                    last["report"] = seconds
                    sums.clear()
                    n = 0
                if self.main and self.validate is not None and seconds - last["validate"] >= self.validate_s:
                    self._log(count, seconds, rate, {f"valid_{k}": v for k, v in self.validate().items()})
                    last["validate"] = seconds
                if seconds - last["save"] >= self.save_s:
                    save()
                    last["save"] = seconds
        finally:
            save()
            for number, handler in old:
                signal.signal(number, handler)
        if self.main and self.validate is not None:
            self._log(count, seconds, 0.0, {f"valid_{k}": v for k, v in self.validate().items()})
        return count

    def _log(self, count: int, seconds: float, rate: float, row: dict[str, float]) -> None:
        if not self.main:
            return
        path = self.folder / "log.csv"
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(("step", "seconds", "rate", "name", "value"))
            for key, value in row.items():
                writer.writerow((count, f"{seconds:.1f}", f"{rate:.3g}", key, f"{value:.6g}"))
        text = "  ".join(f"{key} {value:.4g}" for key, value in row.items())
        print(f"{seconds / 60:6.1f} min  step {count}  {text}", flush=True)
