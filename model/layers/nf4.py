"""Linear layers with 4-bit weights for playing large networks on a GPU (NF4: Dettmers et al. 2023, QLoRA, section 3).

Each block of 64 weights has a float32 scale, not quantised a second time: 4.5 bits a weight. bitsandbytes multiplies up to four rows
with the packed weights as they lie, so a frame's two rows read them once.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import nn

from jamd.contract.errors import EngineError
from model.layers.transformer import Block, CrossAttention

_SMALLEST = 16_384
"""Layers with fewer weights stay as they are."""
_BLOCK = 64
"""Weights that share a scale; a row must be whole blocks."""


def _bitsandbytes() -> Any:
    try:
        return importlib.import_module("bitsandbytes")
    except (ImportError, OSError) as error:
        raise EngineError(f"precision nf4 needs bitsandbytes (pip install 'jamd[gpu]'): {error}", code="precision") from error


def to_nf4(module: nn.Module, *, compute_dtype: torch.dtype = torch.bfloat16) -> int:
    """Replace, in place, the large linear layers of every transformer in a module, where they lie; returns how many.

    Heads, norms, embeddings and small layers stay.

    Raises:
        EngineError: bitsandbytes is not installed.
    """
    bnb = _bitsandbytes()
    count = 0
    for owner in [child for child in module.modules() if isinstance(child, Block | CrossAttention)]:
        for name, linear in list(owner.named_children()):
            if type(linear) is not nn.Linear or linear.weight.numel() < _SMALLEST or linear.in_features % _BLOCK:
                continue
            packed = bnb.nn.Linear4bit(
                linear.in_features, linear.out_features, bias=linear.bias is not None, compute_dtype=compute_dtype,
                compress_statistics=False, quant_type="nf4", device="meta",
            )  # fmt: skip
            weight = bnb.nn.Params4bit(
                linear.weight.detach(), requires_grad=False, compress_statistics=False, quant_type="nf4", blocksize=_BLOCK, module=packed
            )
            packed.weight = weight.to(linear.weight.device)
            packed.bias = linear.bias
            setattr(owner, name, packed.train(linear.training))
            count += 1
    return count


def weight_bytes(module: nn.Module) -> int:
    """Bytes of all parameters and buffers, scales of packed weights included."""
    total = sum(tensor.nbytes for tensor in [*module.parameters(), *module.buffers()])
    for parameter in module.parameters():
        state = getattr(parameter, "quant_state", None)
        if state is not None:
            total += state.absmax.nbytes
    return total
