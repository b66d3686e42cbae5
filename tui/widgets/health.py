"""How the engine and the sound are: what is late, what is missing, what it takes."""

from __future__ import annotations

from tui.state import State
from tui.widgets.panel import Panel, Row, length

Piece = tuple[str, str]
GAP = 2
HOT_C = 85.0
"""From here on most processors and GPUs begin to slow down."""


def size(count: float) -> str:
    """Bytes in three figures or four."""
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _count(name: str, value: int) -> tuple[Piece, Piece]:
    """Something that should be 0."""
    return (f"{name} ", "dim"), (f"{value}", "warn" if value else "good")


def figures(state: State) -> list[tuple[Piece, Piece]]:
    """(name, figure) of all that is known."""
    engine, meters = state.engine, state.meters
    factor = engine.real_time_factor
    out: list[tuple[Piece, Piece]] = []
    if engine.ready:
        out += [
            (("real time ", "dim"), (f"{factor:.2f}", "good" if factor < 0.8 else "warn" if factor < 1.0 else "bad")),
            (("frame ", "dim"), (f"{engine.frame_ms_p50:.1f}/{engine.frame_ms_p99:.1f} ms", "text")),
        ]
    out += [
        (("queue ", "dim"), (f"{meters.queue_ms:3.0f} ms", "text")),
        _count("underruns", meters.underruns),
        _count("late", meters.late_cycles),
        _count("xruns", meters.xruns),
        _count("left out", engine.skipped_frames),
        (("limiter ", "dim"), (f"{max(0.0, meters.limiter_db):.1f} dB", "warn" if meters.limiter_db >= 0.1 else "good")),
    ]
    if engine.memory_mb is not None:
        out.append((("memory ", "dim"), (size(engine.memory_mb * 1e6), "text")))
    if engine.gpu_memory_mb is not None:
        out.append((("GPU ", "dim"), (size(engine.gpu_memory_mb * 1e6), "text")))
    if engine.temperature_c is not None:
        out.append((("", "dim"), (f"{engine.temperature_c:.0f} °C", "warn" if engine.temperature_c >= HOT_C else "text")))
    out.append((("sound ", "dim"), (f"{meters.backend} {meters.block}" if meters.backend else "none", "text" if meters.backend else "bad")))
    if engine.ready:
        out.append((("model ", "dim"), (f"{engine.model} {engine.parameters / 1e6:.1f} M {engine.device}", "text")))
    if meters.fault:
        out.insert(0, (("fault ", "dim"), (f"{meters.fault}", "bad")))
    return out


def flow(pieces: list[tuple[Piece, Piece]], width: int, height: int) -> list[Row]:
    """As many in a line as there is room for; what finds no room is left out."""
    rows: list[list[Piece]] = [[]]
    for pair in pieces:
        used = length(tuple(rows[-1]))
        if used and used + GAP + length(pair) > width:
            if len(rows) == height:
                continue
            rows.append([])
            used = 0
        rows[-1] += [(" " * GAP, "text"), *pair] if used else [*pair]
    return [tuple(row) for row in rows]


class Health(Panel):
    """Figures in a few lines."""

    SHOWS = frozenset({"engine", "counters"})
    TITLE = "Engine"

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        return flow(figures(state), width, height)
