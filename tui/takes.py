"""Takes, as far as the daemon has told of them: in its log, and in the topic of the recording. It does not list its folder."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final

from tui.state import State

_BEGAN: Final = re.compile(r"recording to (.+)")
_ENDED: Final = re.compile(r"recorded ([\d.]+) s to (.+)")


@dataclass(frozen=True)
class Take:
    """One recording. `folder` is its path on the machine of the daemon, or its name alone where that is all that is known."""

    folder: str
    seconds: float | None = None
    """None: not known."""
    running: bool = False

    @property
    def name(self) -> str:
        return PurePath(self.folder).name


def _read(line: str) -> Take | None:
    """What a line of the recorder says."""
    if ended := _ENDED.fullmatch(line):
        return Take(ended[2], float(ended[1]))
    if began := _BEGAN.fullmatch(line):
        return Take(began[1])
    return None


def takes(state: State) -> list[Take]:
    """The newest first."""
    found: dict[str, Take] = {}
    for line in (state.record.last, *state.log):
        take = _read(line)
        if take is not None and (take.seconds is not None or take.folder not in found):
            found[take.folder] = take
    now = state.record
    if now.recording:
        take = next((take for take in found.values() if take.name == now.folder), Take(now.folder))
        found.pop(take.folder, None)
        found[take.folder] = replace(take, seconds=now.seconds, running=True)
    return list(found.values())[::-1]
