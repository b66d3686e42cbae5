"""What is played where nobody asks for a style: that of the adapters that sound. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

OWN_STYLE: Final = True
"""False: without a prompt there is no style, whatever adapters sound; their instruments are heard all the same."""
HALF: Final = 0.5
"""Strength from which an adapter's instruments are heard: there is nothing between two instruments."""


class OwnStyle:
    """The style of the adapters that sound, for all streams of their networks. An array once given is not written again."""

    def __init__(self) -> None:
        self.embedding: NDArray[np.float32] | None = None
        """Shape: [style width], at most of length 1; None: nothing sounds that has a style."""
        self.sounds: dict[str, str] = {}
        """Instruments of the adapters that sound, by part. A dictionary once given is not written again."""

    def take_up(self, sounds: Iterable[tuple[Mapping[str, str], float]]) -> None:
        """The instruments of the adapters that sound; of two for a part that of the stronger one.

        Args:
            sounds: of each adapter, and its strength; below HALF it plays the band's usual ones.
        """
        fresh: dict[str, str] = {}
        for known, strength in sorted(sounds, key=lambda pair: pair[1]):
            if strength >= HALF:
                fresh |= known
        if fresh != self.sounds:
            self.sounds = fresh

    def lean(self, styles: Iterable[tuple[NDArray[np.float32] | None, float]], width: int) -> None:
        """Follow the adapters that sound now.

        Args:
            styles: of each adapter, and its strength.
            width: that the networks take; styles of another are left out.
        """
        known = [(style, strength) for style, strength in styles if OWN_STYLE and style is not None and len(style) == width]
        fresh = _mixed(known)
        if fresh is None or self.embedding is None or not np.array_equal(fresh, self.embedding):
            self.embedding = fresh


def _mixed(styles: list[tuple[NDArray[np.float32], float]]) -> NDArray[np.float32] | None:
    """The sum by strengths, brought to the length of all strengths together, at most 1; None for silence."""
    total = sum(strength for _, strength in styles)
    mixed = sum((np.float32(strength) * style for style, strength in styles), np.zeros(1, np.float32))
    length = float(np.linalg.norm(mixed))
    if not length > 1e-6:
        return None
    return (mixed * np.float32(min(total, 1.0) / length)).astype(np.float32)  # type: ignore[no-any-return]
