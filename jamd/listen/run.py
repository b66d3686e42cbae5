"""What `jamd listen` does: make a session or find one, put it to the listener, say what came of it."""

from __future__ import annotations

import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jamd import paths
from jamd.contract.errors import FailureError, UsageError
from jamd.listen.results import read_result
from jamd.listen.sitting import Sitting
from jamd.listen.trials import BASE, Session, Side, check_listener, new_id, now, session_folders

TRIALS: Final = 10
SECONDS: Final = 12.0
ME: Final = "me"
"""Name of the listener who gives none."""


@dataclass(frozen=True)
class Order:
    """Who is compared, and who listens.

    Raises:
        UsageError: nothing can be compared so, or no good name for a listener.
    """

    adapter: str
    against: str = BASE
    listener: str = ME
    as_json: bool = False

    def __post_init__(self) -> None:
        check_listener(self.listener)
        if self.adapter == BASE:
            raise UsageError(f"--adapter is the one that is judged; {BASE} is what it is held --against")
        if self.adapter == self.against:
            raise UsageError(f"{self.adapter} against itself: there is nothing to tell apart")

    @property
    def folder(self) -> Path:
        """Of the sessions and answers."""
        return paths.listening_folder() / self.adapter

    def again(self) -> str:
        """The command that goes on."""
        words = ["jamd listen --adapter", self.adapter]
        words += ["--against", self.against] if self.against != BASE else []
        words += ["--listener", self.listener] if self.listener != ME else []
        return " ".join([*words, "--resume"])

    def say(self, text: str) -> None:
        """To the listener; with --json not where programs read."""
        print(text, end="", flush=True, file=sys.stderr if self.as_json else sys.stdout)

    def sides(self) -> tuple[Side, Side]:
        """Both as they are now.

        Raises:
            AdapterError: an adapter is missing or damaged.
        """
        from jamd.listen.sounds import side

        return side(self.adapter, self.adapter), side(self.against, self.adapter)


@dataclass(frozen=True)
class Wanted:
    """How a new session is made."""

    reference: Path | None = None
    trials: int = TRIALS
    seconds: float = SECONDS
    seed: int | None = None
    """None: by chance."""
    model: str = "small"
    parts: tuple[str, ...] | None = None
    """Who plays; None: who is heard in the reference."""


class Progress:
    """A line on stderr that is written over; nothing where that is no terminal."""

    def show(self, what: str, share: float) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{what} ({share:.0%})", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def begin(order: Order, wanted: Wanted) -> Sitting:
    """Render a new session.

    Raises:
        JamdError: an adapter is missing, damaged or made for another base; nothing in the recordings can be used; a file cannot be written.
    """
    import numpy as np
    import torch

    from jamd.adapter_folders import find_adapter
    from jamd.listen.plan import make_plan
    from jamd.listen.sounds import make_session
    from model.adapters.format import read_manifest
    from model.generator.models import load_models

    adapter, against = order.sides()
    if adapter.hash == against.hash:
        raise UsageError(f"{adapter.name} and {against.name} are one adapter under two names: there is nothing to tell apart")
    learned = [read_manifest(find_adapter(name)).data_hash for name in (order.adapter, order.against) if name != BASE]
    if unfinished(order):
        order.say(f"a test of these two was not finished; this begins another one. To go on with that: {order.again()}\n")
    seed = secrets.randbits(63) if wanted.seed is None else wanted.seed
    rng = np.random.default_rng(seed)
    order.say(f"rendering {wanted.trials} trials of {wanted.seconds:g} s\n")
    progress = Progress()
    torch.set_num_threads(1)
    try:
        models = load_models(wanted.model)
        plan = make_plan(
            wanted.reference, wanted.trials, rng, learned=[one for one in learned if one], parts=wanted.parts, progress=progress.show
        )
        head = Session(
            id=new_id(), created=now(), adapter=adapter, against=against, listener=order.listener, model=models.name, parts=[], seed=seed,
            trials=[],
        )  # fmt: skip
        folder = make_session(order.folder, head, plan, models, wanted.seconds, rng, progress.show)
    finally:
        progress.close()
    order.say("".join(f"{remark}\n" for remark in plan.remarks))
    return Sitting(folder)


def unfinished(order: Order) -> list[Sitting]:
    """Sessions of these two by this listener that still have trials to answer, the oldest first; those that are damaged are left out."""
    out = []
    for folder in session_folders(order.folder):
        try:
            sitting = Sitting(folder)
        except FailureError:
            continue
        session = sitting.session
        same = (session.adapter.name, session.against.name, session.listener) == (order.adapter, order.against, order.listener)
        if same and sitting.answered < sitting.count:
            out.append(sitting)
    return out


def resume(order: Order) -> Sitting:
    """The last session that was not finished.

    Raises:
        FailureError: there is none.
    """
    found = unfinished(order)
    if not found:
        raise FailureError(
            f"there is no unfinished test of {order.adapter} against {order.against} by {order.listener}: start one without --resume",
            code="session",
        )
    return found[-1]


def sit(order: Order, sitting: Sitting, web: tuple[str, int] | None = None) -> None:
    """Put the trials to the listener; the result once all have answers, and not before.

    Args:
        web: host and port of the page; None: on the terminal.

    Raises:
        FailureError: an answer cannot be saved, a sound not be read, or the address not be had.
    """
    session = sitting.session
    order.say(f"{sitting.count} trials, {sitting.count - sitting.answered} to go: which matches the player better, A or B?\n")
    try:
        if web is None:
            _at_the_terminal(order, sitting)
        else:
            _in_the_browser(order, sitting, web)
    except KeyboardInterrupt:
        pass
    about: dict[str, Any] = {"session": session.id, "finished": sitting.answered == sitting.count, "answered": sitting.answered}
    if sitting.answered < sitting.count:
        order.say(f"\n{sitting.answered} of {sitting.count} answers are saved; to go on: {order.again()}\n")
        if order.as_json:
            print(json.dumps(about | {"trials": sitting.count}, indent=2))
        return
    result = read_result(paths.listening_folder(), session.adapter, session.against)
    order.say("\n")
    print(json.dumps(about | result.as_dict(), indent=2) if order.as_json else "\n".join(result.lines()))


def show(order: Order) -> None:
    """The result so far.

    Raises:
        AdapterError: an adapter is missing or damaged.
        FailureError: answers cannot be read.
    """
    result = read_result(paths.listening_folder(), *order.sides())
    print(json.dumps(result.as_dict(), indent=2) if order.as_json else "\n".join(result.lines()))


def _at_the_terminal(order: Order, sitting: Sitting) -> None:
    from jamd.listen.output import open_output
    from jamd.listen.terminal import Terminal

    if sys.stdin is None:
        raise FailureError("there is no input to take answers from: --web takes them in a browser", code="input")
    output, why = open_output()
    if output is None:
        order.say(f"no sound output here ({why}): play the files that are named, or hear them in a browser: {order.again()} --web\n")
    elif output.remark:
        order.say(f"{output.remark}\n")
    terminal = Terminal(sitting, output, sys.stdin.fileno(), order.say)
    try:
        terminal.run()
    finally:
        terminal.close()


def _in_the_browser(order: Order, sitting: Sitting, endpoint: tuple[str, int]) -> None:
    from jamd.listen.web import Server, serve

    session = sitting.session
    server = Server(endpoint, sitting, lambda: read_result(paths.listening_folder(), session.adapter, session.against).lines())
    if endpoint[0] not in ("127.0.0.1", "localhost"):
        print(f"jamd: warning: the page is on {endpoint[0]}: whoever reads the network can read its address", file=sys.stderr)
    order.say(f"open {server.url}\nand leave this running; Ctrl-C saves and stops\n")
    serve(server)
