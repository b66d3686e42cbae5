"""Names of files that come from outside, over OSC: they stay inside their folder."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jamd.contract.errors import MessageError

RESERVED: Final = '\\:*?"<>|'
"""Not in file names that other systems have to read; '/' divides folders."""
LONGEST_PART: Final = 255
LONGEST_PATH: Final = 4095
"""Bytes, as Linux counts them."""
_DIRECTIONS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the reading direction, so that a name looks like another one."""


def inside(folder: Path, name: str, suffixes: Sequence[str] = ()) -> Path:
    """The path of a file or folder that may or may not exist, below `folder`, with symlinks followed. Sub-folders are allowed.

    It guards against names, not against somebody who changes the folder's links meanwhile.

    Args:
        suffixes: endings of which the name must have one, such as '.wav', in small or capital letters; none: any name.

    Raises:
        MessageError: code `file`: the name is empty, too long, absolute, has reserved characters, leaves the folder, or ends otherwise.
    """
    _check(name, suffixes)
    try:
        base = folder.resolve()
        path = (base / name).resolve()
        size = len(os.fsencode(path))
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle
        raise _refused(name, "cannot be followed") from error
    if size > LONGEST_PATH:
        raise _refused(name, "is too long")
    if path == base or not path.is_relative_to(base):
        raise _refused(name, "leads out of its folder")
    return path


def _check(name: str, suffixes: Sequence[str]) -> None:
    if not name:
        raise MessageError("a file name is empty", code="file")
    if name.startswith("/"):
        raise _refused(name, "is an absolute path")
    if name.startswith("~/"):
        raise _refused(name, "begins with ~, which is a home folder elsewhere")
    for character in name:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _DIRECTIONS:
            raise _refused(name, "holds a control character")
        if character in RESERVED:
            raise _refused(name, f"holds the reserved character {character}")
    for part in name.split("/"):
        if part == "..":
            raise _refused(name, "leads out of its folder")
        if not part or part == ".":
            raise _refused(name, "has an empty part")
        if part != part.strip() or part.endswith("."):
            raise _refused(name, "has a part that begins or ends with a space or ends with a dot")
        if len(part.encode()) > LONGEST_PART:
            raise _refused(name, "is too long")
    if suffixes and not name.lower().endswith(tuple(suffix.lower() for suffix in suffixes)):
        raise _refused(name, f"does not end in {' or '.join(suffixes)}")


def _refused(name: str, why: str) -> MessageError:
    shown = name if len(name) <= 60 else f"{name[:57]}..."
    return MessageError(f"the file name {shown!r} {why}", code="file")
