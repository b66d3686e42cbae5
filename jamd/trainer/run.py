"""`jamd learn`: the order, its progress on the terminal and for the daemon, and a stop that loses nothing."""

from __future__ import annotations

import contextlib
import fcntl
import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from jamd import paths
from jamd.contract.errors import AdapterError, FailureError
from jamd.trainer.manners import choose_device, stepped_back
from jamd.trainer.notes import Notes
from jamd.trainer.terminal import Bar
from model.adapters.format import MANIFEST, check_name
from model.learning.learn import Learnt, Order, learn, show
from model.learning.recipe import Recipe
from model.learning.training import Interrupted, Progress


@contextlib.contextmanager
def _alone(work: Path, name: str) -> Iterator[None]:
    """
    Raises:
        FailureError: another process learns it.
    """
    with (work / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FailureError(f"{name} is being learnt already by another process", code="busy") from None
        yield


def run(order: Order, recipe: Recipe, *, replace_old: bool = False, as_json: bool = False) -> int:
    """Learn, saying how it goes; 0 if the adapter was accepted, 3 if it was kept but a guard failed.

    Raises:
        JamdError: it cannot be learnt, or was interrupted: all that was done is kept.
    """
    check_name(order.name)
    target = paths.adapters_folder() / order.name
    if (target / MANIFEST).is_file() and not replace_old:
        raise AdapterError(f"there is an adapter {order.name!r} already: --replace takes its place, or give another --name", code="exists")
    work = paths.learning_folder() / order.name
    work.mkdir(parents=True, exist_ok=True)
    device = choose_device(order.device, order.base)
    order, recipe = replace(order, device=device), replace(recipe, checkpointing=recipe.checkpointing or device == "cuda")
    with _alone(work, order.name), stepped_back(), _stoppable() as stopped:
        notes, bar = Notes(work, order.name), Bar(sys.stderr)

        def tell(progress: Progress) -> None:
            bar.show(progress)
            notes.write(
                phase=progress.phase, share=progress.share, text=progress.text, step=progress.step, loss=progress.loss,
                held_out=progress.held_out, base=progress.base, left_s=progress.left_s, now=progress.phase == "done",
            )  # fmt: skip

        try:
            learnt = learn(
                order, recipe, work, paths.adapters_folder(), paths.learning_folder() / ".base", tell=tell,
                stop=lambda: bool(stopped), replace_old=replace_old,
            )  # fmt: skip
        except BaseException as error:
            bar.close()
            notes.write(phase="stopped" if isinstance(error, Interrupted | KeyboardInterrupt) else "failed", text=str(error), now=True)
            raise
        bar.close()
    _say(learnt, as_json)
    return 0 if learnt.manifest.accepted else 3


def _say(learnt: Learnt, as_json: bool) -> None:
    manifest = learnt.manifest
    if as_json:
        values: dict[str, Any] = msgspec.to_builtins(manifest)
        print(json.dumps(values | {"folder": str(learnt.adapter), "report": str(learnt.report), "accepted": manifest.accepted}, indent=2))
        return
    print(show(manifest))
    print(f"used: {learnt.prepared.seconds_used / 60:.1f} minutes of playing; what was left out and why: {learnt.prepared.report}")
    if manifest.accepted:
        print(f"{manifest.name} is ready: jamd send /adapter/use {manifest.name}")
    else:
        print(f"{manifest.name} is kept, but marked: a guard failed. It can be played all the same.")
    print(f"report: {learnt.report}")


@contextlib.contextmanager
def _stoppable() -> Iterator[list[int]]:
    """The first SIGINT or SIGTERM is noted in the list, which ends the training in its own time; a second one ends it at once."""
    got: list[int] = []

    def note(number: int, _: object) -> None:
        if got:
            raise KeyboardInterrupt
        got.append(number)

    old = [(number, signal.signal(number, note)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield got
    finally:
        for number, handler in old:
            signal.signal(number, handler)
