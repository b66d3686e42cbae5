"""How a control's way is spread over a range. Every curve maps 0..1 onto 0..1, rises, and keeps its ends exactly."""

from __future__ import annotations

import math
from typing import Final, Literal

Curve = Literal["linear", "exp", "log", "switch"]
BASE: Final = 16.0
"""Of `exp`: half way up gives a fifth of the range; `log` is its mirror."""


def shape(curve: Curve, x: float) -> float:
    """The curve at `x` in 0..1."""
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    match curve:
        case "exp":
            return (BASE**x - 1.0) / (BASE - 1.0)
        case "log":
            return math.log(1.0 + (BASE - 1.0) * x, BASE)
        case "switch":
            return float(x >= 0.5)
    return x


def unshape(curve: Curve, y: float) -> float:
    """Where the curve has the value `y`."""
    match curve:
        case "exp":
            return shape("log", y)
        case "log":
            return shape("exp", y)
    return shape(curve, y)
