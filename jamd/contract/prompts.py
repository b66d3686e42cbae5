"""Weighted style prompts as one line of text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from jamd.contract.errors import MessageError


def read_prompts(text: str) -> list[tuple[str, float]]:
    """Prompts and their weights from `tender ballad:0.7 | rhodes trio:0.3`; a weight that is not written is 1.

    A prompt without words, or whose weight is not a finite number, is left out.
    """
    out = []
    for piece in text.split("|"):
        match = re.fullmatch(r"(.*?)(?::\s*([-+]?[0-9.]+(?:e[-+]?[0-9]+)?))?", piece.strip(), re.DOTALL)
        if match is None:
            continue
        words, weight = match[1].strip(), match[2]
        try:
            value = float(weight) if weight else 1.0
        except ValueError:
            words, value = piece.strip(), 1.0
        if words and math.isfinite(value):
            out.append((words, value))
    return out


def check_prompts(text: str) -> None:
    """
    Raises:
        MessageError: code `style`: there are prompts, and none of them has any weight.
    """
    prompts = read_prompts(text)
    if prompts and not any(weight for _, weight in prompts):
        raise MessageError("all weights of the style are zero", code="style")


def write_prompts(prompts: Sequence[tuple[str, float]]) -> str:
    """What `read_prompts` reads."""
    return " | ".join(words if weight == 1.0 else f"{words}:{weight:g}" for words, weight in prompts)
