"""A stack of transformer blocks as compiled kernels with int8 weights: one step over a ring of int16 keys and values.

`BlockWeights.of(transformer)` copies a `Transformer`; `step` runs it. Player and planner share it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor, nn

from model.layers import kernels as k
from model.layers.jit import PART
from model.layers.lowrank import CROSS_OUT, CROSS_QUERY, DOWN, KINDS, OUT, QKV, UP, Gains, Packed, matrices
from model.layers.transformer import Transformer

Floats = NDArray[np.float32]


def floats(tensor: Tensor) -> Floats:
    """A tensor as a contiguous float32 array."""
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())


def zeros(*shape: int) -> Floats:
    return np.zeros(shape, np.float32)


class Matrix(NamedTuple):
    """A linear layer, or several of the same shape: weight int8 [..., outputs, inputs], scale and bias [..., outputs].

    The scales of a transformer's matrices hold the gains of adapters, too, which are written in place.
    """

    weight: NDArray[np.int8]
    scale: Floats
    bias: Floats

    @classmethod
    def stack(cls, layers: list[Any]) -> Matrix:
        """Several layers, rounded a row by its largest weight; none at all give empty arrays."""
        if not layers:
            return cls(np.zeros((0, 0, 0), np.int8), zeros(0, 0), zeros(0, 0))
        weights = torch.stack([layer.weight.detach().float() for layer in layers])
        scale = weights.abs().amax(dim=2).clamp(min=1e-8) / 127.0
        rounded = torch.round(weights / scale[..., None]).to(torch.int8)
        bias = zeros(len(layers), 0) if layers[0].bias is None else np.stack([floats(layer.bias) for layer in layers])
        return cls(np.ascontiguousarray(rounded.numpy()), floats(scale), bias)

    @classmethod
    def of(cls, layer: nn.Linear) -> Matrix:
        """One layer."""
        weight, scale, bias = cls.stack([layer])
        return cls(weight[0], scale[0], bias[0])


def columns(layer: nn.Linear) -> tuple[NDArray[np.int8], Floats]:
    """A linear layer for `kernels.sparse`, rounded a column: weight int8 [inputs, outputs] and scale [inputs]."""
    weight = layer.weight.detach().float().T
    scale = weight.abs().amax(dim=1).clamp(min=1e-8) / 127.0
    return np.ascontiguousarray(torch.round(weight / scale[:, None]).to(torch.int8).numpy()), floats(scale)


def norms(layers: list[Any], width: int) -> Floats:
    """Gains of several RMS norms. Shape: [layers, width]."""
    return np.stack([floats(layer.weight) for layer in layers]) if layers else zeros(0, width)


class BlockWeights(NamedTuple):
    attention_norm: Floats
    qkv: Matrix
    out: Matrix
    feedforward_norm: Floats
    up: Matrix
    down: Matrix
    norm: Floats
    cross_norm: Floats
    cross_query: Matrix
    cross_out: Matrix
    cross_every: int
    """0: no cross-attention."""
    window: int
    low: Packed
    """Of adapters; shared, like the weights, by all streams."""

    @classmethod
    def of(cls, transformer: Transformer, cross_every: int = 0) -> BlockWeights:
        blocks: list[Any] = list(transformer.blocks)
        cross: list[Any] = list(transformer.cross.values())
        width = transformer.norm.weight.shape[0]
        kinds = {kind: Matrix.stack(layers) for kind, layers in matrices(transformer).items()}
        return cls(
            norms([b.attention_norm for b in blocks], width), kinds["qkv"], kinds["out"],
            norms([b.feedforward_norm for b in blocks], width), kinds["up"], kinds["down"], floats(transformer.norm.weight),
            norms([c.norm for c in cross], width), kinds["cross_query"], kinds["cross_out"], cross_every if cross else 0,
            transformer.window, Packed.make(transformer, {kind: matrix.scale for kind, matrix in kinds.items()}),
        )  # fmt: skip

    def gains(self) -> dict[str, Gains]:
        """Of each kind of matrix: its scales as the kernels read them, and the base's."""
        return self.low.gains({kind: getattr(self, kind).scale for kind in KINDS})


class BlockArrays(NamedTuple):
    """State and scratch of a stream of up to `rows` rows. The output of a step is in `normed`."""

    keys: NDArray[np.int16]
    """Ring over the window and the slack. Shape: [layers, rows, heads, ring, head width]."""
    values: NDArray[np.int16]
    key_scale: Floats
    """Of each key. Shape: [layers, rows, heads, ring]."""
    value_scale: Floats
    cross_keys: Floats
    """Shape: [cross-attentions, heads, tokens, head width]."""
    cross_values: Floats
    ones: Floats
    """Scales of the cross-attentions' keys and values. Shape: [tokens]."""
    place: NDArray[np.int64]
    """Steps since the start of the stream. Shape: [1]."""
    x: Floats
    normed: Floats
    wide: Floats
    qkv: Floats
    attended: Floats
    scores: Floats
    bits: NDArray[np.int32]

    @classmethod
    def make(cls, transformer: Transformer, rows: int, tokens: int = 1, slack: int = 0) -> BlockArrays:
        """For a transformer; `slack` older steps stay in the ring, so that the stream can be taken back by as many."""
        first: Any = transformer.blocks[0]
        width, heads = transformer.norm.weight.shape[0], first.heads
        ring = (len(transformer.blocks), rows, heads, transformer.window + slack, transformer.head_width)
        cross = (len(transformer.cross), heads, max(tokens, 1), transformer.head_width)
        longest = max(transformer.window, tokens)
        keys, values = (np.zeros(ring, np.int16) for _ in range(2))
        return cls(
            keys, values, zeros(*ring[:-1]), zeros(*ring[:-1]), zeros(*cross), zeros(*cross), np.ones(max(tokens, 1), np.float32),
            np.zeros(1, np.int64), zeros(rows, width), zeros(rows, width), zeros(rows, first.up.out_features), zeros(rows, 3 * width),
            zeros(rows, width), zeros(longest), np.zeros(longest, np.int32),
        )  # fmt: skip


@njit(**PART)
def step(p: Any, s: Any, rows: int) -> None:
    """One step of `s.x`; the result is in `s.normed`."""
    layers, _, heads, ring, width = s.keys.shape
    place = s.place[0]
    slot, count = place % ring, min(place + 1, p.window)
    first = (place + 1 - count) % ring
    half = width // 2
    cos, sin = np.empty(half, np.float32), np.empty(half, np.float32)
    for i in range(half):
        angle = place * 10000.0 ** (-2.0 * i / width)
        cos[i], sin[i] = np.cos(angle), np.sin(angle)
    x, normed, qkv, attended, wide = s.x[:rows], s.normed[:rows], s.qkv[:rows], s.attended[:rows], s.wide[:rows]
    total = heads * width
    crossed = 0
    adapted = p.low.used[0] > 0 or p.low.used[1] > 0
    for layer in range(layers):
        if p.cross_every > 0 and layer % p.cross_every == 0:
            k.rms_norm(x, p.cross_norm[crossed], normed)
            k.linear(normed, p.cross_query.weight[crossed], p.cross_query.scale[crossed], p.cross_query.bias[crossed], qkv[:, :total])
            if adapted:
                k.low_rank(normed, p.low, CROSS_QUERY, crossed, qkv[:, :total])
            for r in range(rows):
                for h in range(heads):
                    k.attend(
                        qkv[r, h * width : (h + 1) * width], s.cross_keys[crossed, h], s.ones, s.cross_values[crossed, h], s.ones,
                        0, s.cross_keys.shape[2], s.scores, s.bits, attended[r, h * width : (h + 1) * width],
                    )  # fmt: skip
            k.linear(attended, p.cross_out.weight[crossed], p.cross_out.scale[crossed], p.cross_out.bias[crossed], normed)
            if adapted:
                k.low_rank(attended, p.low, CROSS_OUT, crossed, normed)
            k.add(x, normed)
            crossed += 1
        k.rms_norm(x, p.attention_norm[layer], normed)
        k.linear(normed, p.qkv.weight[layer], p.qkv.scale[layer], p.qkv.bias[layer], qkv)
        if adapted:
            k.low_rank(normed, p.low, QKV, layer, qkv)
        for r in range(rows):
            for h in range(heads):
                query = qkv[r, h * width : (h + 1) * width]
                key = qkv[r, total + h * width : total + (h + 1) * width]
                k.rotate(query, cos, sin)
                k.rotate(key, cos, sin)
                value = qkv[r, 2 * total + h * width : 2 * total + (h + 1) * width]
                keys, values = s.keys[layer, r, h], s.values[layer, r, h]
                key_scale, value_scale = s.key_scale[layer, r, h], s.value_scale[layer, r, h]
                key_scale[slot] = k.round_row(key, keys[slot])
                value_scale[slot] = k.round_row(value, values[slot])
                k.attend(
                    query, keys, key_scale, values, value_scale, first, count, s.scores, s.bits, attended[r, h * width : (h + 1) * width]
                )
        k.linear(attended, p.out.weight[layer], p.out.scale[layer], p.out.bias[layer], normed)
        if adapted:
            k.low_rank(attended, p.low, OUT, layer, normed)
        k.add(x, normed)
        k.rms_norm(x, p.feedforward_norm[layer], normed)
        k.linear(normed, p.up.weight[layer], p.up.scale[layer], p.up.bias[layer], wide)
        if adapted:
            k.low_rank(normed, p.low, UP, layer, wide)
        k.gelu(wide)
        k.linear(wide, p.down.weight[layer], p.down.scale[layer], p.down.bias[layer], normed)
        if adapted:
            k.low_rank(wide, p.low, DOWN, layer, normed)
        k.add(x, normed)
    k.rms_norm(x, p.norm, normed)
    s.place[0] = place + 1
