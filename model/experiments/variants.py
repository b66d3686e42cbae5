"""What is tried: the tables, their rows, and how each row differs from the recipe of `jamd learn`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from model.learning.recipe import Recipe


@dataclass(frozen=True)
class Variant:
    name: str
    changes: Mapping[str, Any]
    """Of the recipe."""
    clips: int = 0
    """To learn from; 0: all."""

    def recipe(self, standard: Recipe) -> Recipe:
        return replace(standard, **self.changes)


_STANDARD: Final = Variant("QLoRA", {})
TABLES: Final[Mapping[str, tuple[Variant, ...]]] = {
    "method": (
        Variant("LoRA", {"precision": "float32"}),
        _STANDARD,
        Variant("DoRA", {"dora": True}),
        Variant("full fine-tuning", {"precision": "float32", "full": True}),
    ),
    "rank": tuple(_STANDARD if rank == 8 else Variant(f"rank {rank}", {"rank": rank, "alpha": 2.0 * rank}) for rank in (2, 4, 8, 16)),
    "targets": (_STANDARD, Variant("feed-forward", {"targets": "feed-forward"}), Variant("both", {"targets": "both"})),
    "clips": (*(Variant(f"{clips} clips", {}, clips) for clips in (5, 10, 20)), _STANDARD),
}
"""QLoRA is rank 8, attention only, all clips; it is learnt once."""


def variants(tables: list[str]) -> list[Variant]:
    """Every row of some tables, once."""
    return [*{v.name: v for table in tables for v in TABLES[table]}.values()]
