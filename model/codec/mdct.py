"""Critically sampled lapped transform (MDCT with a sine window; Princen, Johnson and Bradley 1987).

One hop in, one frame of `hop` coefficients out. Frame t sees hops t - 1 and t; the inverse gives back hop t - 1 when frame t
is there, so that analysis followed by synthesis is the input delayed by exactly one hop.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def mdct_basis(hop: int) -> Tensor:
    """Windowed orthonormal basis. Shape: [2 * hop, hop]; columns have unit norm (time-domain aliasing cancels)."""
    n = torch.arange(2 * hop, dtype=torch.float64)[:, None]
    k = torch.arange(hop, dtype=torch.float64)[None, :]
    window = torch.sin(math.pi / (2 * hop) * (n + 0.5))
    basis = window * torch.cos(math.pi / hop * (n + 0.5 + hop / 2) * (k + 0.5)) * math.sqrt(2.0 / hop)
    return basis.float()


def mdct(hops: Tensor, previous: Tensor, basis: Tensor) -> Tensor:
    """Coefficients of consecutive hops.

    Shape: hops [batch, steps, channels, hop], previous [batch, channels, hop] (the hop before), result like hops.
    """
    before = torch.cat((previous[:, None], hops[:, :-1]), dim=1)
    return torch.cat((before, hops), dim=-1) @ basis


def imdct(coefficients: Tensor, tail: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """Overlap-add, one hop late.

    Shape: coefficients [batch, steps, channels, hop], tail [batch, channels, hop] (what the frame before left over).
    Returns: hops of the same shape as the coefficients, and the new tail.
    """
    hop = coefficients.shape[-1]
    blocks = coefficients @ basis.T
    head, rest = blocks[..., :hop], blocks[..., hop:]
    left = torch.cat((tail[:, None], rest[:, :-1]), dim=1)
    return head + left, rest[:, -1]
