"""Linear layers with 4-bit weights for playing large networks on a GPU (NF4: Dettmers et al. 2023, QLoRA, section 3).

Each block of 64 weights has a float32 scale, not quantised a second time: 4.5 bits a weight. bitsandbytes multiplies up to four rows
with the packed weights as they lie, so a frame's two rows read them once.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
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
        raise EngineError(f"precision nf4 needs bitsandbytes, which the extra `gpu` brings: {error}", code="precision") from error


def to_nf4(module: nn.Module, *, compute_dtype: torch.dtype = torch.bfloat16) -> int:
    """Replace, in place, the large linear layers of every transformer in a module, where they lie; returns how many.

    Heads, norms, embeddings and small layers stay.

    Raises:
        EngineError: bitsandbytes is not installed.
    """
    bnb = _bitsandbytes()
    count = 0
    for owner, name, linear in list(_large(module)):
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


@torch.no_grad()
def round_to_nf4(module: nn.Module) -> int:
    """Give the same layers the values that `to_nf4` would, in their own type, in place; returns how many.

    What is computed with them is the same but for the order of sums, at the speed of plain matrices and with their memory: on a CPU
    packed weights are unpacked anew for every product.

    Raises:
        EngineError: bitsandbytes is not installed.
    """
    functional = _bitsandbytes().functional
    count = 0
    for _, _, linear in _large(module):
        packed, state = functional.quantize_4bit(linear.weight.float(), blocksize=_BLOCK, compress_statistics=False, quant_type="nf4")
        linear.weight.copy_(functional.dequantize_4bit(packed, state))
        count += 1
    return count


def _large(module: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    """The large linear layers of every transformer: (whose child, under which name, layer)."""
    for owner in [child for child in module.modules() if isinstance(child, Block | CrossAttention)]:
        for name, linear in list(owner.named_children()):
            if type(linear) is nn.Linear and linear.weight.numel() >= _SMALLEST and linear.in_features % _BLOCK == 0:
                yield owner, name, linear


def weight_bytes(module: nn.Module) -> int:
    """Bytes of all parameters and buffers, scales of packed weights included."""
    total = sum(tensor.nbytes for tensor in [*module.parameters(), *module.buffers()])
    for parameter in module.parameters():
        state = getattr(parameter, "quant_state", None)
        if state is not None:
            total += state.absmax.nbytes
    return total
