"""Linear layers with int8 weights for playing on a CPU: a step at batch 1 costs the bytes of its weights.

Weights are rounded a row with its own scale (absmax / 127), activations stay bf16, sums are float32. The product is PyTorch's own kernel
for int8 weights; where a build lacks it, or gets it wrong, layers stay as they are.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_MULTIPLE = 32
"""Inputs are padded with zeros to a multiple of this, outputs must be one."""


class Int8Linear(nn.Module):
    """A frozen `nn.Linear`. Shape: [..., inputs] to [..., outputs]; the result has the input's type."""

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        self.inputs, self.outputs = linear.in_features, linear.out_features
        self.pad = -self.inputs % _MULTIPLE
        scale = weight.abs().amax(dim=1).clamp(min=1e-8) / 127.0
        quantised = torch.round(weight / scale[:, None]).to(torch.int8)
        self.register_buffer("weight", F.pad(quantised, (0, self.pad)).contiguous())
        self.register_buffer("scale", scale.bfloat16())
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach().float())

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, self.inputs).bfloat16()
        if self.pad:
            flat = F.pad(flat, (0, self.pad))
        out = torch._weight_int8pack_mm(flat, self.weight, self.scale).to(x.dtype)
        if self.bias is not None:
            out = out + self.bias
        return out.view(*x.shape[:-1], self.outputs)


@cache
def available() -> bool:
    """True if this build of PyTorch has the kernel and it computes what it should."""
    linear = nn.Linear(96, 64)
    x = torch.randn(3, 96)
    try:
        out = Int8Linear(linear)(x)
    except (AttributeError, NotImplementedError, RuntimeError):
        return False
    with torch.no_grad():
        return bool((out - linear(x)).abs().max() < 0.05)


def to_int8(module: nn.Module) -> int:
    """Replace, in place, every linear layer that gains by it; returns how many."""
    if not available():
        return 0
    count = 0
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            if child.out_features % _MULTIPLE == 0 and child.weight.numel() >= 16_384:
                setattr(module, name, Int8Linear(child))
                count += 1
        else:
            count += to_int8(child)
    return count
