"""Which slot comes after another one."""

from __future__ import annotations

import random
from collections.abc import Sequence


def next_slot(action: str, index: int, group: Sequence[int], seed: int) -> int | None:
    """The slot that a follow action launches, of the loaded slots of a group in rising order; None: none.

    `next` and `previous` go round; `any` may be the same one again, `other` is not.
    """
    if not group:
        return None
    if action == "first":
        return group[0]
    if action == "last":
        return group[-1]
    if action == "next":
        return next((i for i in group if i > index), group[0])
    if action == "previous":
        return next((i for i in reversed(group) if i < index), group[-1])
    choices = [i for i in group if action == "any" or i != index]
    return random.Random(seed).choice(choices) if choices else None
