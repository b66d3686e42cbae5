"""Causal transformer with rotary positions, RMS norm and a sliding key-value cache that can be rewound.

Rotary embedding: Su et al. 2021 (RoFormer). RMS norm: Zhang and Sennrich 2019. Gated feed-forward is left out: two plain
matrices read fewer bytes a step, and bytes are what a step at batch 1 costs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.streaming import StreamState


@dataclass
class AttentionCache(StreamState):
    """Keys and values of at least the last `window` steps, in order, in a buffer that is compacted when full.

    Shape: keys, values [batch, heads, 2 * window + slack, head width]; keys are stored rotated by their absolute
    position. The buffer's last `window` steps up to `end` are what a step sees; `slack` older ones are kept so that a
    stream can be rewound by that many steps exactly.
    """

    keys: Tensor
    values: Tensor
    window: int
    length: int = 0
    """Steps written since the start of the stream."""
    end: int = 0
    """Steps held in the buffer."""

    def reset(self) -> None:
        self.length = self.end = 0

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write one step; returns the keys and values that it may see. Shape: [batch, heads, 1, head width]."""
        if self.end == self.keys.shape[2]:
            keep = self.keys.shape[2] - self.window
            for buffer in (self.keys, self.values):
                buffer[:, :, :keep] = buffer[:, :, -keep:].clone()
            self.end = keep
        self.keys[:, :, self.end] = key[:, :, 0]
        self.values[:, :, self.end] = value[:, :, 0]
        self.end += 1
        self.length += 1
        first = max(self.end - self.window, 0)
        return self.keys[:, :, first : self.end], self.values[:, :, first : self.end]

    def rewind(self, length: int) -> None:
        """Forget what was written after the first `length` steps.

        Raises:
            ValueError: so many steps were never written, or the buffer no longer holds them.
        """
        back = self.length - length
        if back < 0 or back > self.end:
            raise ValueError(f"cannot rewind {self.length} steps to {length}")
        self.length -= back
        self.end -= back


@dataclass
class TransformerState(StreamState):
    layers: list[AttentionCache]

    @property
    def length(self) -> int:
        return self.layers[0].length

    def rewind(self, length: int) -> None:
        for layer in self.layers:
            layer.rewind(length)


def rotary(positions: Tensor, width: int, base: float = 10_000.0) -> tuple[Tensor, Tensor]:
    """Cosines and sines, exact after hours too. Shape: positions [steps] to two of [steps, width / 2]."""
    frequency = base ** (-torch.arange(0, width, 2, device=positions.device, dtype=torch.float64) / width)
    angle = positions.double()[:, None] * frequency
    return angle.cos().float(), angle.sin().float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn pairs of the last axis. Shape: x [batch, heads, steps, width]."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


class Block(nn.Module):
    """Pre-norm attention and feed-forward. Shape: [batch, steps, width] to the same."""

    def __init__(self, width: int, heads: int, feedforward: int, depth_scale: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.RMSNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.feedforward_norm = nn.RMSNorm(width)
        self.up = nn.Linear(width, feedforward, bias=False)
        self.down = nn.Linear(feedforward, width, bias=False)
        for linear in (self.qkv, self.up):
            nn.init.normal_(linear.weight, std=width**-0.5 * 0.8)
        nn.init.normal_(self.out.weight, std=width**-0.5 * depth_scale)
        nn.init.normal_(self.down.weight, std=feedforward**-0.5 * depth_scale)

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch, steps, _ = x.shape
        q, k, v = self.qkv(self.attention_norm(x)).view(batch, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        return q, k, v

    def _finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.feedforward_norm(x)), approximate="tanh"))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        q, k, v = self._split(x)
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        return self._finish(x, attended)

    def step(self, x: Tensor, cos: Tensor, sin: Tensor, cache: AttentionCache) -> Tensor:
        """One step. Shape: x [batch, 1, width]."""
        q, k, v = self._split(x)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        keys, values = cache.append(k, v)
        return self._finish(x, F.scaled_dot_product_attention(q, keys, values))


class CrossAttention(nn.Module):
    """Attention to a few tokens that hold for a while. Its way out starts at zero.

    Shape: x [batch, steps, width], keys and values [batch, heads, tokens, head width] as `project` gives them.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.RMSNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.out.weight)

    def project(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of tokens [batch, tokens, width]."""
        key, value = self.key_value(tokens).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return key, value

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        query = self.query(self.norm(x)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        attended = F.scaled_dot_product_attention(query, keys.to(query.dtype), values.to(query.dtype))
        return x + self.out(attended.transpose(1, 2).flatten(2))


Memory = list[tuple[Tensor, Tensor]]
"""Keys and values for each cross-attention of a transformer, in order."""


class Transformer(nn.Module):
    """A stack of blocks that attend to the last `window` steps, themselves included.

    Args:
        cross_every: one block in so many begins with cross-attention to tokens from outside; 0: none.
    """

    def __init__(self, width: int, layers: int, heads: int, feedforward: int, window: int, cross_every: int = 0) -> None:
        super().__init__()
        self.window = window
        self.head_width = width // heads
        scale = 0.8 / math.sqrt(2 * layers)
        self.blocks = nn.ModuleList(Block(width, heads, feedforward, scale) for _ in range(layers))
        self.norm = nn.RMSNorm(width)
        places = range(0, layers, cross_every) if cross_every else ()
        self.cross = nn.ModuleDict({str(index): CrossAttention(width, heads) for index in places})
        self.paths: Any = None
        """Low-rank paths of adapters, where PyTorch plays (`model.layers.lowrank`); no part of the weights."""

    def remember(self, tokens: Tensor) -> Memory:
        """What the cross-attentions look at. Shape: tokens [batch, tokens, width]."""
        return [layer.project(tokens) for layer in self.cross.values()]  # type: ignore[operator]

    def make_state(self, batch: int = 1) -> TransformerState:
        weight = self.norm.weight
        heads: int = self.blocks[0].heads  # type: ignore[assignment]
        shape = (batch, heads, 2 * self.window + self.window // 4, self.head_width)

        def cache() -> AttentionCache:
            return AttentionCache(weight.new_zeros(shape), weight.new_zeros(shape), self.window)

        return TransformerState([cache() for _ in self.blocks])

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Whole sequence. Shape: [batch, steps, width] to the same."""
        steps = x.shape[1]
        cos, sin = rotary(torch.arange(steps, device=x.device), self.head_width)
        mask = None
        if steps > self.window:
            distance = torch.arange(steps, device=x.device)[:, None] - torch.arange(steps, device=x.device)
            mask = (distance >= 0) & (distance < self.window)
        at = 0
        for index, block in enumerate(self.blocks):
            if memory and str(index) in self.cross:
                x = self.cross[str(index)](x, *memory[at])
                at += 1
            x = block(x, cos, sin, mask)
        return self.norm(x)  # type: ignore[no-any-return]

    def step(self, x: Tensor, state: TransformerState, memory: Memory | None = None) -> Tensor:
        """The next steps, one after the other. Shape: [batch, n, width] to the same."""
        outputs = []
        for index in range(x.shape[1]):
            cos, sin = rotary(torch.tensor([state.length], device=x.device), self.head_width)
            y = x[:, index : index + 1]
            at = 0
            for number, (block, cache) in enumerate(zip(self.blocks, state.layers, strict=True)):
                if memory and str(number) in self.cross:
                    y = self.cross[str(number)](y, *memory[at])
                    at += 1
                y = block.step(y, cos, sin, cache)  # type: ignore[operator]
            outputs.append(self.norm(y))
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)
