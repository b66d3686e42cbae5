"""Low-rank paths beside the frozen weights of a transformer: what adapters are while music plays (LoRA: Hu et al. 2021).

Each matrix W has two banks of `COLUMNS` columns: y = g W x + sum over columns of scale * up * (down . x). One bank sounds while a new
set of columns is written into the other. All is allocated once and written in place, so that compiled kernels and CUDA graphs
go on with what they hold. Columns whose scale is 0 are left out; with none at all a step is bit for bit that of the base.

The gain g of each row is 1 unless an adapter says otherwise (DoRA: Liu et al. 2024). Compiled kernels multiply each row by the scale of its
int8 weights anyhow: the gain goes into it, and costs nothing.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.layers.kernels import COLUMNS as COLUMNS
from model.layers.transformer import Transformer

BANKS: Final = 2
KINDS: Final = ("qkv", "out", "up", "down", "cross_query", "cross_out")
"""The matrices of a transformer that have the path; those of the cross-attentions that a change of style alone uses have none."""
QKV, OUT, UP, DOWN, CROSS_QUERY, CROSS_OUT = range(len(KINDS))


class LowRank(NamedTuple):
    """One kind of matrix in all its layers; NumPy arrays for compiled kernels, tensors for PyTorch."""

    down: Any
    """Shape: [layers, BANKS, COLUMNS, inputs]."""
    up: Any
    """Shape: [layers, BANKS, COLUMNS, outputs]."""
    scales: Any
    """Shape: [layers, BANKS, COLUMNS]."""


def matrices(transformer: Transformer) -> dict[str, list[nn.Module]]:
    """The layers of each kind, in order. Packed and wrapped layers have `in_features` and `out_features` too."""
    blocks: list[Any] = list(transformer.blocks)
    cross: list[Any] = list(transformer.cross.values())
    out: dict[str, list[nn.Module]] = {kind: [getattr(block, kind) for block in blocks] for kind in KINDS[:4]}
    out["cross_query"] = [layer.query for layer in cross]
    out["cross_out"] = [layer.out for layer in cross]
    return out


class Gains(NamedTuple):
    """What the rows of one kind of matrix are multiplied by, in all its layers."""

    live: Any
    """As it plays: the scales of int8 rows, or a tensor of gains. Shape: [layers, outputs]."""
    rest: NDArray[np.float32]
    """Without any adapter. Shape: the same."""


class Packed(NamedTuple):
    """The paths of a transformer for compiled kernels, in few arrays: each costs time at every call from Python."""

    numbers: NDArray[np.float32]
    """All of down, up and scales, and of the base's scales of rows."""
    places: NDArray[np.int64]
    """Where a kind's down, up, scales and scales of rows begin. Shape: [KINDS, 4]."""
    used: NDArray[np.int64]
    """How many columns of each bank are worth a look. Shape: [BANKS]."""

    @classmethod
    def make(cls, transformer: Transformer, rows: dict[str, NDArray[np.float32]]) -> Packed:
        """Without any adapter. The system gives memory to those parts only that are written.

        Args:
            rows: the scales of a kind's int8 rows, [layers, outputs], of which a copy is kept.
        """
        sizes = [
            [*(int(np.prod(shape)) for shape in shapes), rows[kind].size] for kind, shapes in zip(KINDS, _shapes(transformer), strict=True)
        ]
        ends = np.cumsum([0, *(size for kind in sizes for size in kind)])
        places = np.ascontiguousarray(ends[:-1].reshape(len(KINDS), 4).astype(np.int64))
        packed = cls(np.zeros(ends[-1], np.float32), places, np.zeros(BANKS, np.int64))
        for kind, gains in packed.gains(rows).items():
            gains.rest[:] = rows[kind]
        return packed

    def gains(self, rows: dict[str, NDArray[np.float32]]) -> dict[str, Gains]:
        """Each kind's, given the scales of rows that the kernels read."""
        return {
            kind: Gains(rows[kind], self.numbers[begin : begin + rows[kind].size].reshape(rows[kind].shape))
            for kind, begin in zip(KINDS, self.places[:, 3], strict=True)
        }

    def views(self, transformer: Transformer) -> dict[str, LowRank]:
        """Each kind, to write into."""
        out = {}
        for kind, shapes, begins in zip(KINDS, _shapes(transformer), self.places, strict=True):
            parts = [self.numbers[begin : begin + int(np.prod(shape))].reshape(shape) for begin, shape in zip(begins, shapes, strict=False)]
            out[kind] = LowRank(*parts)
        return out


def _shapes(transformer: Transformer) -> list[tuple[tuple[int, ...], ...]]:
    """Of down, up and scales of each kind."""
    out: list[tuple[tuple[int, ...], ...]] = []
    for layers in matrices(transformer).values():
        first: Any = layers[0] if layers else None
        inputs, outputs = (first.in_features, first.out_features) if layers else (0, 0)
        shape = (len(layers), BANKS, COLUMNS)
        out.append(((*shape, inputs), (*shape, outputs), shape))
    return out


class TorchPaths:
    """The paths of a transformer in PyTorch, hooked into its linear layers, whatever their precision.

    While `on` is False nothing is computed; which it is, is settled when a CUDA graph is captured.
    """

    def __init__(self, transformer: Transformer) -> None:
        weight = transformer.norm.weight
        self.low = {
            kind: LowRank(*(torch.zeros(shape, device=weight.device, dtype=weight.dtype) for shape in shapes))
            for kind, shapes in zip(KINDS, _shapes(transformer), strict=True)
        }
        self.gains = {kind: _ones(low) for kind, low in self.low.items()}
        self.on = False
        for kind, layers in matrices(transformer).items():
            for index, layer in enumerate(layers):
                layer.register_forward_hook(self._hook(self.low[kind], self.gains[kind].live[index], index))

    def _hook(self, low: LowRank, gain: Tensor, index: int) -> Any:
        down, up, scales = (tensor[index].flatten(0, 1) for tensor in low)  # views of what stays where it is

        def add(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
            if not self.on:
                return None
            path = ((inputs[0].to(down.dtype) @ down.T) * scales @ up).to(output.dtype)
            if output.dtype == gain.dtype:
                return torch.addcmul(path, output, gain)
            return torch.addcmul(path, output, gain, out=torch.empty_like(path))  # in float32 and back, in one kernel

        return add


def _ones(low: LowRank) -> Gains:
    """Gains where PyTorch plays: float32, whatever the rest is in, for a row that is off by a little is heard as a whole."""
    shape = (low.up.shape[0], low.up.shape[-1])
    return Gains(torch.ones(shape, device=low.up.device), np.ones(shape, np.float32))


def torch_paths(transformer: Transformer) -> TorchPaths:
    """The paths of a transformer, made at the first call."""
    if transformer.paths is None:
        transformer.paths = TorchPaths(transformer)
    return transformer.paths  # type: ignore[no-any-return]
