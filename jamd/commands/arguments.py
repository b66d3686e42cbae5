"""Kinds of arguments that several commands take."""

from __future__ import annotations

import argparse
from typing import Any

from jamd.contract.units import PARTS

DEFAULT_ENDPOINT = "127.0.0.1:9120"


def between(low: float, high: float, kind: type = float) -> Any:
    """A number from `low` to `high`, for `type=`."""

    def check(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is outside {low:g}..{high:g}")
        return value

    return check


def parts(text: str) -> tuple[str, ...]:
    """Names of parts with commas between, for `type=`."""
    names = tuple(word.strip() for word in text.split(",") if word.strip())
    unknown = [name for name in names if name not in PARTS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"parts are {', '.join(PARTS)}, not {text!r}")
    return names
