"""DoRA (Liu et al. 2024): each row of a matrix has a magnitude m of its own, and low-rank paths turn its direction alone.

What is trained is m (W + s B A) / |W + s B A|, row by row. What is played, with the gains g = m / |W + s B A|, is the same:
g W + s (g B) A. So an adapter holds A, g B and g, and blends of adapters are sums, as without gains. A gain is relative to the base
it was learnt on: the same one fits the base rounded to 4 bits, to int8 or not at all.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor


def dense(layer: Any) -> Tensor:
    """The weight of a linear layer as a float32 matrix, unpacked where it is in 4 bits."""
    state = getattr(layer.weight, "quant_state", None)
    if state is None:
        return layer.weight.detach().float()  # type: ignore[no-any-return]
    functional = importlib.import_module("bitsandbytes").functional
    return functional.dequantize_4bit(layer.weight.data, state).float()  # type: ignore[no-any-return]


@torch.no_grad()
def row_norms(layer: Any, a: Tensor, b: Tensor, scale: float) -> Tensor:
    """Of W + scale B A. Shapes: a [rank, inputs], b [outputs, rank], result [outputs]."""
    weight = dense(layer)
    return torch.linalg.norm(weight + scale * (b.to(weight) @ a.to(weight)), dim=1)


@torch.no_grad()
def fold(layer: Any, a: Tensor, b: Tensor, magnitude: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """B and gains as an adapter holds them, float32 on the CPU."""
    gain = (magnitude.detach().float() / row_norms(layer, a, b, scale).to(magnitude.device)).cpu()
    return (gain[:, None] * b.detach().float().cpu()).contiguous(), gain.contiguous()


@torch.no_grad()
def unfold(layer: Any, a: Tensor, b: Tensor, gain: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """B and magnitudes as they train; a row whose gain is 0 has lost its B."""
    b = torch.where(gain[:, None] == 0, torch.zeros_like(b), b / gain[:, None])
    return b, gain * row_norms(layer, a, b, scale).to(gain)
