"""The journal of a take: every command with its frame, one JSON object a line, from which the take can be played again.

The first line is the `JournalHead`, each other one an `Entry`. `Journal.write` only queues; a thread encodes and writes. Numbers
that JSON has not and bytes are kept as {"$float": "nan"} and {"$blob": base64}; a key of the caller's that begins with $ gets another.
"""

from __future__ import annotations

import base64
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from jamd.contract.errors import FailureError

VERSION: Final = 1
NAME: Final = "events.jsonl"
"""In the folder of a take."""
FLUSH_S: Final = 0.1
PORTION: Final = 16
"""Entries a write."""
MOST_WAITING: Final = 100_000
"""Entries that wait for a disk that hangs; then the newest are lost, and an entry of kind `lost` says how many."""
Kind = Literal["osc", "midi", "engine", "audio", "lost"]
_Queued = tuple[int, Kind, str, tuple[Any, ...], "int | None", "str | None"]


class JournalHead(msgspec.Struct, frozen=True, kw_only=True):
    """What the take began with. `state` is whatever the session's owner needs to begin there again."""

    journal: int = VERSION
    jamd: str
    model: str
    frame: int
    """Of the daemon, at the take's start."""
    rate: int
    state: dict[str, Any]


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A command: when it took effect, by which way it came, and all that decides what it did."""

    frame: int
    kind: Kind
    address: str
    arguments: list[Any] = []
    seed: int | None = None
    adapter: str | None = None
    """Hash of the adapter that played."""


class Journal:
    """Writes a journal, in a folder that is made if it is not there. An existing file is an error.

    Args:
        head: what the caller gives away: neither its state nor arguments may be changed afterwards.
        on_error: told once, in the journal's thread, that nothing more is written and why.
    """

    def __init__(self, path: Path, head: JournalHead, on_error: Callable[[str], None]) -> None:
        self._path = path
        self._head = head
        self._on_error = on_error
        self._waiting: deque[_Queued] = deque()
        self._dropped = 0
        self._dropped_told = 0
        self._failed = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def write(
        self, kind: Kind, frame: int, address: str, arguments: Sequence[Any] = (), *, seed: int | None = None, adapter: str | None = None
    ) -> None:
        """Note a command. Never waits and never raises; it is in the file within 0.2 s."""
        if len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
        elif not self._failed:
            self._waiting.append((frame, kind, address, tuple(arguments), seed, adapter))

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, and end."""
        self._closing.set()
        self._thread.join(timeout_s)

    # --- the thread -----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        fd = -1
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            _write_all(fd, _line(self._head))
            over = False
            while not over:
                over = self._closing.wait(FLUSH_S)
                for portion in self._portions():
                    _write_all(fd, portion)
        except Exception as error:
            self._failed = True
            self._waiting.clear()
            reason = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
            self._on_error(f"the event log {self._path} stopped: {reason}")
        finally:
            if fd >= 0:
                os.close(fd)

    def _portions(self) -> Iterator[bytes]:
        """What waits now, a few lines at a time: the interpreter is never held for longer than it takes to encode those."""
        frame = self._head.frame
        lines: list[bytes] = []
        for _ in range(len(self._waiting)):
            frame, kind, address, arguments, seed, adapter = self._waiting.popleft()
            lines.append(_entry_line(Entry(frame, kind, address, list(arguments), seed, adapter)))
            if len(lines) == PORTION:
                yield b"".join(lines)
                lines.clear()
        if (dropped := self._dropped) > self._dropped_told:
            lines.append(_entry_line(Entry(frame, "lost", "", [f"{dropped - self._dropped_told} entries: the disk was too slow"])))
            self._dropped_told = dropped
        if lines:
            yield b"".join(lines)


def read_journal(path: Path) -> tuple[JournalHead, list[Entry]]:
    """A journal; a last line that a crash has cut off is left out.

    Raises:
        FailureError: code `journal`: it cannot be read, is damaged, or of another version.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise FailureError(f"cannot read {path}: {error.strerror}", code="journal") from error
    complete = lines[:-1]  # what follows the last end of line is nothing, or cut off
    if not complete:
        raise FailureError(f"{path} is no event log: it has no first line", code="journal")
    first = _decoded(complete[0], path, 1)
    version = first.get("journal")
    if version != VERSION:
        what = f"of version {version}" if isinstance(version, int) else "no event log"
        raise FailureError(f"{path} is {what}; this jamd reads event logs of version {VERSION}", code="journal")
    head: JournalHead = _converted(first, JournalHead, path, 1)
    return head, [_converted(_decoded(line, path, number), Entry, path, number) for number, line in enumerate(complete[1:], 2)]


def first_frame(head: JournalHead, entries: Iterable[Entry]) -> int:
    """Of the daemon, at the first sample of the take's files."""
    return next((entry.frame for entry in entries if entry.kind == "audio" and entry.address == "FIRST"), head.frame)


def _decoded(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        return _restored(msgspec.json.decode(line, type=dict[str, Any]))
    except (msgspec.DecodeError, ValueError) as error:
        raise FailureError(f"{path}: line {number} is damaged: {error}", code="journal") from error


def _converted(values: dict[str, Any], kind: Any, path: Path, number: int) -> Any:
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise FailureError(f"{path}: line {number} is damaged: {error}", code="journal") from error


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _line(value: msgspec.Struct) -> bytes:
    return msgspec.json.encode(_plain(msgspec.to_builtins(value, builtin_types=(bytes,)))) + b"\n"


def _entry_line(entry: Entry) -> bytes:
    """An entry whose arguments cannot be encoded is kept as a lost one; the journal goes on."""
    try:
        return _line(entry)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return _line(Entry(entry.frame, "lost", entry.address, [f"{type(error).__name__}: {error}"]))


def _plain(value: Any) -> Any:
    """What JSON has; see the head of the module."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if isinstance(value, bytes | bytearray):
        return {"$blob": base64.b64encode(value).decode()}
    if isinstance(value, str):
        return value if value.isprintable() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {f"${key}" if str(key).startswith("$") else key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _restored(value: Any) -> Any:
    """The reverse of `_plain`.

    Raises:
        ValueError: bytes or a number that are none.
    """
    if isinstance(value, list):
        return [_restored(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        if isinstance(text := value.get("$float"), str):
            return float(text)
        if isinstance(text := value.get("$blob"), str):
            return base64.b64decode(text, validate=True)
    return {key[1:] if key.startswith("$") else key: _restored(item) for key, item in value.items()}
