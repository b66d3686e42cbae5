"""Line plots as inline SVG, coloured by the page that they stand in. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 14, 42
_TICKS: Final = 5


@dataclass(frozen=True)
class Curve:
    """One line. `kind` is its class in the page's style: `train`, `held` or `base`."""

    label: str
    kind: str
    points: Sequence[tuple[float, float]]
    dots: bool = False
    """Whether single points are shown, each with its values on hovering."""


def ticks(low: float, high: float, count: int = _TICKS) -> list[float]:
    """Round numbers that cover a range from the inside, about so many: steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((factor * power for factor in (1, 2, 5) if factor * power >= rough * 0.999), 10 * power)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _number(value: float, step: float) -> str:
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}" if step > 0 else f"{value:g}"


def _range(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    edge = (high - low) * 0.06 or max(abs(low), 1.0) * 0.05
    return low - edge, high + edge


def line_plot(curves: Sequence[Curve], x_label: str, y_label: str, about: str) -> str:
    """An `<svg>`; empty text where there is no finite point.

    Args:
        curves: drawn in this order, the last on top.
        about: what is to be seen, for those who cannot see it.
    """
    kept = [(curve, [(x, y) for x, y in curve.points if math.isfinite(x) and math.isfinite(y)]) for curve in curves]
    kept = [(curve, points) for curve, points in kept if points]
    if not kept:
        return ""
    xs, ys = ([point[axis] for _, points in kept for point in points] for axis in (0, 1))
    left, right = min(xs), max(max(xs), min(xs) + 1e-9)
    low, high = _range(ys)

    def place(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + (x - left) / (right - left) * (WIDTH - _LEFT - _RIGHT)
        return across, _TOP + (high - y) / (high - low) * (HEIGHT - _TOP - _BOTTOM)

    out = [f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(about)}">']
    marks = ticks(low, high)
    for value in marks:
        _, y = place(left, value)
        text = _number(value, marks[1] - marks[0] if len(marks) > 1 else 0.0)
        out.append(f'<line class="rule" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    marks = ticks(left, right)
    for value in marks:
        x, _ = place(value, low)
        text = _number(value, marks[1] - marks[0] if len(marks) > 1 else 0.0)
        out.append(f'<text x="{x:.1f}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle">{text}</text>')
    out.append(f'<text x="{(WIDTH + _LEFT) / 2:.0f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>')
    middle = (HEIGHT - _BOTTOM + _TOP) / 2
    out.append(f'<text transform="translate(13 {middle:.0f}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>')
    for curve, points in kept:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        out.append(f'<polyline class="{escape(curve.kind)}" points="{path}"/>')
        for x, y in points if curve.dots else []:
            across, down = place(x, y)
            says = escape(f"{curve.label}: {y:.4g} at {x:.3g}")
            out.append(f'<circle class="{escape(curve.kind)}" cx="{across:.1f}" cy="{down:.1f}" r="3.5"><title>{says}</title></circle>')
    out.append("</svg>")
    legend = "".join(f'<li class="{escape(curve.kind)}">{escape(curve.label)}</li>' for curve, _ in kept)
    return "\n".join(out) + f'\n<ul class="legend">{legend}</ul>'
