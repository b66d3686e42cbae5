"""Meters of every port with peak hold, and the level of the mix over the last while."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

from tui.levels import FLOOR_DB, PORTS, Meter
from tui.state import State
from tui.widgets.panel import Panel, Row

MIDDLE_DB: Final = -18.0
HIGH_DB: Final = -3.0
_PARTS: Final = " ▏▎▍▌▋▊▉█"
_STEPS: Final = " ▁▂▃▄▅▆▇█"
NAME: Final = 6
FIGURE: Final = 6


def share(level: float) -> float:
    """Place on the scale from 0 to 1, linear in dB."""
    return min(max((level - FLOOR_DB) / -FLOOR_DB, 0.0), 1.0)


def bar(meter: Meter, width: int) -> Row:
    """A meter from the left to the right, in eighths of a cell; the held peak is a line."""
    held = min(int(share(meter.held) * width), width - 1) if meter.held > FLOOR_DB else -1
    return _bar(round(share(meter.level) * width * 8), held, width)


@lru_cache(maxsize=64)
def _zones(width: int) -> tuple[tuple[str, int], ...]:
    """Colours of the scale, each with the cell before which it ends."""
    middle, high = (math.ceil(share(level) * width) for level in (MIDDLE_DB, HIGH_DB))
    return ("low", middle), ("middle", high), ("high", width)


@lru_cache(maxsize=4096)
def _bar(eighths: int, held: int, width: int) -> Row:
    full, part = divmod(eighths, 8)
    row: list[tuple[str, str]] = []
    at = 0
    for zone, end in _zones(width):
        if at < min(full, end):
            row.append(("█" * (min(full, end) - at), zone))
            at = min(full, end)
    if part and held != full:
        row.append((_PARTS[part], next(zone for zone, end in _zones(width) if full < end)))
        at += 1
    track = "".join("·" if x % 4 == 3 else " " for x in range(width))
    if held >= at:
        row += [(track[at:held], "track"), ("▕", "peak")]
        at = held + 1
    row.append((track[at:], "track"))
    return tuple(piece for piece in row if piece[0])


def figure(meters: tuple[Meter, Meter]) -> str:
    """The held peak in dB, left or right, whichever is louder."""
    held = max(meter.held for meter in meters)
    return f"{held:6.1f}" if held > FLOOR_DB else "     -"


class Meters(Panel):
    """A line for each port: left and right beside each other; two lines each where there is room."""

    SHOWS = frozenset({"meters"})
    TITLE = "Levels"

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        stacked = height >= 2 * len(PORTS)
        rows: list[Row] = []
        for port in PORTS:
            left, right = meters = state.levels.meters[port]
            name, value = (f"{port:<{NAME}}", "title"), (figure(meters), "bad" if max(left.held, right.held) >= -0.1 else "dim")
            if stacked:
                room = width - NAME - FIGURE
                rows += [(name, *bar(left, room), value), ((" " * NAME, "text"), *bar(right, room))]
            else:
                room = (width - NAME - FIGURE - 1) // 2
                rows.append((name, *bar(left, room), ("│", "dim"), *bar(right, room), value))
        return rows


def swing(level: float) -> float:
    """Of a level in the history, from 0 to 1: the root of its amplitude, which leaves room to tell loud from less loud."""
    return 10 ** (level / 40) if level > FLOOR_DB else 0.0


class History(Panel):
    """How loud the mix was: left grows up, right grows down from the middle. The public interface carries levels, no sound."""

    SHOWS = frozenset({"history"})
    TITLE = "Level of the mix"

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        history = list(state.levels.history)[-width:]
        up = height // 2
        down = height - up
        columns = [" " * height] * (width - len(history))
        columns += [_column(round(swing(left) * up * 8), round(swing(right) * down * 8), up, down) for left, right in history]
        return [(("".join(cells), "low"),) for cells in zip(*columns, strict=True)]


@lru_cache(maxsize=4096)
def _column(left: int, right: int, up: int, down: int) -> str:
    """From top to bottom, so many eighths of a cell each way."""
    above = (_STEPS[min(max(left - below * 8, 0), 8)] for below in reversed(range(up)))
    return "".join((*above, *(_down(right - y * 8) for y in range(down))))


def _down(eighths: int) -> str:
    """A cell that fills from the top. There are blocks for a half and a whole only that every font has, and one for an eighth."""
    return "█" if eighths >= 7 else "▀" if eighths >= 3 else "▔" if eighths >= 1 else " "
