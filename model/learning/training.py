"""An adapter's training: one network at a time, ended early by held-out playing, and gone on with after an interruption.

Every step draws from its own number, so a training that was interrupted ends with the same numbers as one that was not (unless the
time runs out, which no two runs share).
"""

from __future__ import annotations

import csv
import functools
import json
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from jamd.contract.errors import FailureError
from model.adapters.training import add_lora, lora_tensors
from model.checkpoint import load_tensors, write_tensors
from model.generator.planner import Planner
from model.generator.player import Player
from model.layers.nf4 import round_to_nf4
from model.learning.recipe import Recipe
from model.training.loop import Budget, mixed

FULL_RATE: Final = 0.05
"""Learning rate of a full fine-tuning, as a share of that of low-rank paths."""
LOOK_STEPS: Final = 16
"""Steps between two looks at held-out playing, at least."""
_FORMAT: Final = 1


class Interrupted(FailureError):
    """The training was asked to stop; what it has learnt so far is kept and gone on with."""


@dataclass(frozen=True)
class Progress:
    """How far a training is."""

    phase: str
    """preparing, replay, player, planner, checking, done."""
    share: float
    """Of the phase, 0 to 1."""
    text: str = ""
    step: int = 0
    loss: float = math.nan
    """Over the steps since the last report, nats."""
    held_out: float = math.nan
    """At the last look, nats; nan where nothing is held out."""
    base: float = math.nan
    """The same of the base."""
    left_s: float = math.nan
    """Of this phase, at most."""


Tell = Callable[[Progress], None]


class Lesson(Protocol):
    """What one network learns from."""

    name: str

    @property
    def network(self) -> Player | Planner:
        """What trains."""

    @property
    def round_steps(self) -> int:
        """Steps that go through all playing once."""

    def loss(self, rng: np.random.Generator, count: int) -> Tensor:
        """Of so many crops, mean in nats."""

    def held_out(self) -> float:
        """Mean loss over held-out playing in nats; nan without any."""


@dataclass(frozen=True)
class Fitted:
    """What came of a training."""

    name: str
    tensors: dict[str, Tensor]
    """As an adapter holds them; the whole network's after a full fine-tuning."""
    parameters: int
    """Numbers that trained."""
    base: float
    held_out: float
    """At the step whose numbers were kept."""
    step: int
    """That step."""
    steps: int
    """Done in all."""
    seconds: float
    ended: str
    """Why."""


TIME_UP: Final = "time up"
"""Such a training goes on where it is given more time."""


@dataclass
class _Memory:
    """Where a training stands."""

    step: int = 0
    seconds: float = 0.0
    base: float = math.nan
    best: float = math.inf
    best_step: int = 0
    waited: int = 0
    """Looks since the best."""
    ended: str = ""
    best_tensors: dict[str, Tensor] = field(default_factory=dict)

    def header(self) -> dict[str, Any]:
        return {"step": self.step, "seconds": self.seconds, "base": self.base, "best": self.best, "best_step": self.best_step,
                "waited": self.waited, "ended": self.ended}  # fmt: skip


def make_trainable(network: Player | Planner, recipe: Recipe) -> int:
    """Put in place what trains; returns how many numbers that is.

    On a GPU a base in 4 bits is packed; on a CPU, where packed products are slow, it has the same values in plain matrices.
    """
    device = next(network.parameters()).device
    packed = recipe.precision == "nf4" and device.type == "cuda" and not recipe.full
    if recipe.precision == "nf4" and not packed:
        round_to_nf4(network)
    if recipe.full:
        network.requires_grad_(True)
        count = sum(parameter.numel() for parameter in network.parameters())
    else:
        torch.manual_seed(recipe.seed)
        count = add_lora(network, recipe.rank, recipe.alpha, recipe.dropout, recipe.modules, "nf4" if packed else "none", recipe.dora)
    if recipe.checkpointing:
        for block in network.transformer.blocks:
            block.forward = functools.partial(checkpoint, block.forward, use_reentrant=False)  # type: ignore[method-assign]
    return count


def products(network: nn.Module, recipe: Recipe) -> AbstractContextManager[Any]:
    """As quick as the machine has them, unless the recipe wants float32."""
    return nullcontext() if recipe.precision == "float32" else mixed(next(network.parameters()).device)


class Trainer:
    """One lesson by a recipe.

    Args:
        folder: log.csv and the state, from which an interrupted training goes on, lie here.
        minutes: of training, at most.
        tell: told about every second.
        stop: asked before every step whether to stop.
        look: called after every look at held-out playing, with the minutes trained.
        signature: of what is learnt; a state of something else is not gone on with.
    """

    def __init__(
        self,
        lesson: Lesson,
        recipe: Recipe,
        folder: Path,
        minutes: float,
        tell: Tell,
        stop: Callable[[], bool] = lambda: False,
        look: Callable[[float], None] = lambda minutes: None,
        signature: str = "",
    ) -> None:
        self.lesson, self.recipe, self.folder = lesson, recipe, folder
        self.tell, self.stop, self.look = tell, stop, look
        self.signature = f"{_FORMAT} {signature}"
        self.memory = _Memory(base=lesson.held_out())
        self.parameters = make_trainable(lesson.network, recipe)
        self.trained = {name: p for name, p in lesson.network.named_parameters() if p.requires_grad}
        matrices = [p for p in self.trained.values() if p.ndim >= 2]
        others = [p for p in self.trained.values() if p.ndim < 2]
        self.optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}], lr=recipe.rate
        )
        self.budget = Budget(minutes, recipe.rate * (FULL_RATE if recipe.full else 1.0), 0.05, recipe.warm_up)
        self.total = max(math.ceil(recipe.rounds * lesson.round_steps), LOOK_STEPS)
        self.look_steps = max(lesson.round_steps, LOOK_STEPS)
        self._state = folder / f"{lesson.name}.safetensors"
        self._losses: list[float] = []

    def _restore(self) -> None:
        try:
            with safe_open(str(self._state), framework="pt") as file:
                header = json.loads((file.metadata() or {})["jamd"])
            if header.pop("signature") != self.signature:
                return
            now, best = load_tensors(self._state, "now."), load_tensors(self._state, "best.")
            slots = load_tensors(self._state, "optimiser.")
        except (OSError, SafetensorError, KeyError, ValueError):
            return
        if set(now) != set(self.trained):
            return
        with torch.no_grad():
            for name, parameter in self.trained.items():
                parameter.copy_(now[name])
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in slots.items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = tensor
        whole = self.optimiser.state_dict()
        self.optimiser.load_state_dict(whole | {"state": state})
        self.memory = replace(self.memory, **header, best_tensors=best)
        if self.memory.ended == TIME_UP and self.memory.seconds < self.budget.minutes * 60:
            self.memory.ended = ""

    def _save(self) -> None:
        tensors = {f"now.{name}": p.detach().cpu().contiguous() for name, p in self.trained.items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.memory.best_tensors.items()}
        for index, slots in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{key}": value.detach().cpu().contiguous() for key, value in slots.items()}
        write_tensors(tensors, self._state, {"signature": self.signature, **self.memory.header()})

    def _keep(self) -> None:
        self.memory.best_tensors = {name: p.detach().cpu().clone().contiguous() for name, p in self.trained.items()}

    def run(self) -> Fitted:
        """Train until nothing more is gained, all rounds are done or the time is up.

        Raises:
            Interrupted: asked to stop; the same call goes on from there.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._restore()
        memory, name = self.memory, self.lesson.name
        if memory.step == 0:
            self._log(f"base_{name}", memory.base)
            self._keep()
        before, start = memory.seconds, time.monotonic()
        told = start
        while not memory.ended:
            if self.stop():
                self._save()
                raise Interrupted(f"stopped at step {memory.step} of the {name}: the same command goes on from there", code="stopped")
            self._step()
            memory.seconds = before + time.monotonic() - start
            if memory.step % self.look_steps == 0 or memory.step >= self.total or memory.seconds >= self.budget.minutes * 60:
                self._look()
                memory.seconds = before + time.monotonic() - start
                self._save()
            if time.monotonic() - told > 1.0 or memory.ended:
                told = time.monotonic()
                self._report()
        self._take_best()
        lesson = self.lesson
        tensors = dict(lesson.network.state_dict()) if self.recipe.full else lora_tensors(lesson.network)
        held_out = memory.best if math.isfinite(memory.best) else math.nan
        return Fitted(name, tensors, self.parameters, memory.base, held_out, memory.best_step, memory.step, memory.seconds, memory.ended)

    def _step(self) -> None:
        recipe, memory = self.recipe, self.memory
        rate = self.budget.rate(self._used())
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        torch.manual_seed(recipe.seed * 1_000_003 + memory.step)
        rng = np.random.default_rng([20_32, recipe.seed, memory.step])
        self.lesson.network.train()
        total = 0.0
        for _ in range(recipe.accumulate):
            with products(self.lesson.network, recipe):
                loss = self.lesson.loss(rng, recipe.batch // recipe.accumulate) / recipe.accumulate
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        norm = nn.utils.clip_grad_norm_(self.trained.values(), 1.0)
        if bool(torch.isfinite(norm)):
            self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self._losses.append(total)
        memory.step += 1

    def _used(self) -> float:
        return max(self.memory.step / self.total, self.memory.seconds / (self.budget.minutes * 60))

    def _look(self) -> None:
        """At held-out playing; without any, the last numbers are the best."""
        memory, name = self.memory, self.lesson.name
        self._log(f"{name}_loss", float(np.mean(self._losses[-self.look_steps :])))
        held_out = self.held_out()
        if math.isfinite(held_out):
            self._log(f"valid_{name}", held_out)
        if not math.isfinite(held_out) or held_out < memory.best:
            memory.best = held_out if math.isfinite(held_out) else memory.best
            memory.best_step, memory.waited = memory.step, 0
            self._keep()
        else:
            memory.waited += 1
        if memory.waited >= self.recipe.patience:
            memory.ended = f"no gain on held-out playing in {memory.waited} looks"
        elif memory.step >= self.total:
            memory.ended = "all rounds done"
        elif memory.seconds >= self.budget.minutes * 60:
            memory.ended = TIME_UP
        self.look(memory.seconds / 60)

    def held_out(self) -> float:
        """As it stands now."""
        self.lesson.network.eval()
        with torch.no_grad(), products(self.lesson.network, self.recipe):
            return self.lesson.held_out()

    def _take_best(self) -> None:
        with torch.no_grad():
            for name, parameter in self.trained.items():
                parameter.copy_(self.memory.best_tensors[name])
        self.lesson.network.eval()

    def _report(self) -> None:
        memory, used = self.memory, self._used()
        left = memory.seconds * (1 - used) / used if used > 0.01 else math.nan
        recent = self._losses[-self.look_steps :]
        self.tell(
            Progress(self.lesson.name, min(used, 1.0), memory.ended, memory.step, float(np.mean(recent)) if recent else math.nan,
                     memory.best if math.isfinite(memory.best) else math.nan, memory.base, left)
        )  # fmt: skip

    def _log(self, name: str, value: float) -> None:
        path = self.folder / "log.csv"
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(("step", "seconds", "rate", "name", "value"))
            rate = self.optimiser.param_groups[0]["lr"]
            writer.writerow((self.memory.step, f"{self.memory.seconds:.1f}", f"{rate:.3g}", name, f"{value:.6g}"))
