"""Where a recording is cut: silence taken out, then clips that begin and end at bar lines or between phrases."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.learning.survey import HOP_S
from model.metrics.heard import Doubles

OPEN_DB: Final = 32.0
"""Below the loud level of a recording: sound begins there."""
CLOSE_DB: Final = 42.0
"""Below the loud level: sound ends there."""
FLOOR: Final = (-58.0, -66.0)
"""Of full scale: no sound opens or holds the gate below these."""
GAP_S: Final = 2.0
"""Silence that ends a stretch; shorter rests are music."""
LEAD_S, TAIL_S = 0.1, 0.3
SHORTEST_S: Final = 7.0
"""A clip has to hold a crop of the player's training."""
WANTED_S: Final = 13.5
LONGEST_S: Final = 20.0
EARLY_S: Final = 0.02
"""A cut at a bar line is so much before it, so that the attack is whole."""


def loud_level(levels: Doubles) -> float:
    """The level in dB that the loudest twentieth of a recording exceeds. Shape: [steps]."""
    return float(np.percentile(levels, 95)) if len(levels) else -120.0


def stretches(levels: Doubles) -> list[tuple[float, float]]:
    """Where there is sound, in seconds. Shape: [steps] of dB of full scale, HOP_S apart."""
    loud = loud_level(levels)
    opens, closes = max(loud - OPEN_DB, FLOOR[0]), max(loud - CLOSE_DB, FLOOR[1])
    found: list[list[int]] = []
    inside, last = False, 0
    smooth = np.convolve(np.pad(levels, 1, mode="edge"), np.full(3, 1 / 3), mode="valid") if len(levels) else levels
    for step, level in enumerate(smooth):
        if not inside and level >= opens:
            if found and (step - found[-1][1]) * HOP_S < GAP_S:
                pass  # the rest was short: the stretch goes on
            else:
                found.append([step, step + 1])
            inside = True
        if inside:
            if level >= closes:
                last = step + 1
                found[-1][1] = last
            elif (step - last) * HOP_S > 0.2:
                inside = False
    end = len(levels) * HOP_S
    return [(max(low * HOP_S - LEAD_S, 0.0), min(high * HOP_S + TAIL_S, end)) for low, high in found]


def pieces_of(spans: list[tuple[float, float]], longest_s: float, levels: Doubles) -> list[tuple[float, float]]:
    """Stretches, those longer than `longest_s` cut where they are quietest in the last third of that. In seconds."""
    out = []
    for start, end in spans:
        while end - start > longest_s:
            low = int((start + longest_s * 2 / 3) / HOP_S)
            high = int((start + longest_s) / HOP_S)
            cut = (low + int(levels[low:high].argmin())) * HOP_S
            out.append((start, cut))
            start = cut
        out.append((start, end))
    return out


def clip_edges(start_s: float, end_s: float, levels: Doubles, bar_lines: Doubles) -> list[float]:
    """Edges of clips of SHORTEST_S to LONGEST_S within a stretch, the first at its start or first bar line, the last at its end.

    Dynamic programming over bar lines and quiet moments: a cut costs by how loud the moment is, more where no bar begins, and a
    clip by how far it is from WANTED_S.

    Args:
        start_s: where the stretch begins, in seconds of the recording.
        end_s: where it ends.
        levels: of the recording, in dB, HOP_S apart.
        bar_lines: in seconds of the recording; none where they are not sure.
    """
    if end_s - start_s < SHORTEST_S:
        return []
    inside = bar_lines[(bar_lines > start_s + 1.0) & (bar_lines < end_s - 1.0)] - EARLY_S
    times = np.concatenate([[start_s], inside, _dips(start_s, end_s, levels), [end_s]])
    on_bar = np.concatenate([[True], np.ones(len(inside), bool), np.zeros(len(times) - len(inside) - 2, bool), [True]])
    order = np.argsort(times, kind="stable")
    times, on_bar = times[order], on_bar[order]
    local = mean_around(levels, times, 4.0)
    cost = np.clip((mean_around(levels, times, 0.15) - local) / 6.0, -2.0, 1.0) + 2.0
    cost += np.where(on_bar, 0.0, 1.0 if len(inside) else 0.0)
    cost[0] = cost[-1] = 0.0
    best, link = np.full(len(times), np.inf), np.full(len(times), -1)
    best[0] = 0.0
    for index in range(1, len(times)):
        lengths = times[index] - times[:index]
        allowed = (lengths >= SHORTEST_S) & (lengths <= LONGEST_S)
        if not allowed.any():
            continue
        total = np.where(allowed, best[:index] + ((lengths - WANTED_S) / 4.0) ** 2, np.inf)
        place = int(total.argmin())
        best[index], link[index] = total[place] + cost[index], place
    place = int(len(times) - 1) if np.isfinite(best[-1]) else int(np.flatnonzero(np.isfinite(best))[-1])
    edges = []
    while place >= 0:
        edges.append(float(times[place]))
        place = int(link[place])
    return edges[::-1] if len(edges) > 1 else []


def _dips(start_s: float, end_s: float, levels: Doubles) -> Doubles:
    """Moments that are quieter than those around them, the quietest of each second, in seconds."""
    found = []
    for second in np.arange(start_s + 1.0, end_s - 1.0, 1.0):
        low, high = int(second / HOP_S), int((second + 1.0) / HOP_S)
        if high > low and high <= len(levels):
            found.append((low + int(levels[low:high].argmin()) + 0.5) * HOP_S)
    return np.array(found)


def mean_around(levels: Doubles, times: Doubles, reach_s: float) -> Doubles:
    """Mean level within `reach_s` of each time. Shape: [steps], [n] to [n]."""
    total = np.concatenate([[0.0], np.cumsum(levels)])
    low: NDArray[np.int64] = np.clip(((times - reach_s) / HOP_S).astype(np.int64), 0, len(levels) - 1)
    high = np.clip(((times + reach_s) / HOP_S).astype(np.int64) + 1, low + 1, len(levels))
    return (total[high] - total[low]) / (high - low)  # type: ignore[no-any-return]
