"""A session: trials whose number, order and sounds are settled before the first answer. `session.json` in the folder of its sounds."""

from __future__ import annotations

import datetime
import re
import secrets
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from jamd.contract.errors import FailureError, UsageError

BASE: Final = "base"
"""Name of the side that plays without an adapter."""
FILE: Final = "session.json"
_LISTENER: Final = re.compile(r"[\w.-]{1,64}")


class Side(msgspec.Struct, frozen=True):
    """One of the two that are compared."""

    name: str
    """Of the adapter, or BASE."""
    hash: str
    """Of what makes it sound as it does: answers on equal hashes add up."""


class Trial(msgspec.Struct, frozen=True):
    """The same chart, tempo, parts and seed played by both. File names are in the folder of the session."""

    a: str
    b: str
    x: str | None
    """The player's own recording."""
    order: tuple[str, str]
    """Names of the sides that A and B are."""
    chart: str
    tempo: float
    seed: int

    def file(self, letter: str) -> str | None:
        """Of `a`, `b` or `x`."""
        return {"a": self.a, "b": self.b, "x": self.x}[letter]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    created: str
    """ISO 8601."""
    adapter: Side
    against: Side
    listener: str
    model: str
    parts: list[str]
    seed: int
    """Of the order, the clips and the renders."""
    trials: list[Trial]
    remarks: list[str] = []


def new_id() -> str:
    """Time and chance: sorts by time."""
    return f"{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def now() -> str:
    """ISO 8601 in UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def balanced(count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """For each trial whether the adapter is A: as often as not, within one, in random order. Shape: [count]."""
    first = np.arange(count) < count // 2 + (int(rng.integers(2)) if count % 2 else 0)
    return rng.permutation(first)


def check_listener(name: str) -> str:
    """Raises: UsageError: no good name for a listener."""
    if not _LISTENER.fullmatch(name):
        raise UsageError(f"a listener cannot be called {name!r}: letters, digits, . _ - and at most 64 of them")
    return name


def read_session(folder: Path) -> Session:
    """Raises: FailureError: it cannot be read, or sounds of it are missing."""
    try:
        session = msgspec.json.decode((folder / FILE).read_bytes(), type=Session)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise FailureError(f"{folder / FILE} cannot be read: {error}", code="session") from error
    for trial in session.trials:
        for name in (trial.a, trial.b, trial.x):
            if name is not None and not (folder / name).is_file():
                raise FailureError(f"{folder / name} is missing: start the test anew", code="session")
    return session


def session_folders(root: Path) -> list[Path]:
    """Of the sessions of one adapter, the oldest first; those that were not finished in the making are left out."""
    return sorted(path.parent for path in root.glob(f"*/{FILE}") if not path.parent.name.startswith("."))
