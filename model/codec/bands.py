"""Bands of a frame's coefficients: triangles on the mel scale that add up to one."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from jamd.contract.units import SAMPLE_RATE


def band_shapes(hop: int, bands: int, rate: int = SAMPLE_RATE) -> Tensor:
    """Share of each bin in each band; a bin lies between two centres and its shares add up to 1. Shape: [bands, hop].

    The first and the last centre are the lowest and the highest bin. Many bands would be narrower than bins are at the low end: a centre
    is at least one bin above the one below.
    """
    if bands == 0:
        return torch.zeros(0, hop)
    if not 2 <= bands <= hop:
        raise ValueError(f"{bands} bands of {hop} bins: 2 to {hop} are possible")
    mel = torch.linspace(0, 2595.0 * math.log10(1.0 + rate / 2 / 700.0), bands, dtype=torch.float64)
    centres = 700.0 * (10.0 ** (mel / 2595.0) - 1.0) / (rate / 2) * (hop - 1)
    index = torch.arange(bands, dtype=torch.float64)
    centres = (torch.cummax(centres - index, dim=0).values + index).minimum(hop - bands + index)
    bins = torch.arange(hop, dtype=torch.float64)
    above = torch.searchsorted(centres, bins).clamp(1, bands - 1)
    low, high = centres[above - 1], centres[above]
    share = ((bins - low) / (high - low)).clamp(0, 1)
    shapes = torch.zeros(bands, hop, dtype=torch.float64)
    columns = torch.arange(hop)
    shapes[above - 1, columns] += 1 - share
    shapes[above, columns] += share
    return shapes.float()
