"""Streaming without a second code path.

Every causal module here offers `forward(x)` over a whole sequence and `step(x, state)` over the next few steps. The state is
one preallocated dataclass made by `make_state`; `step` writes into it in place, so that addresses never change. Any
cutting of a sequence into steps gives what `forward` gives for the whole (tests/unit/model/test_streaming.py).

The habit is that of kyutai-labs/moshi `modules/streaming.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor


@dataclass
class StreamState:
    """Base of all states: a dataclass of tensors, plain counters, and other states."""

    def reset(self) -> None:
        """Back to the start of a stream, in place."""
        for field in fields(self):
            self._reset(field.name, getattr(self, field.name))

    def _reset(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor):
            value.zero_()
        elif isinstance(value, StreamState):
            value.reset()
        elif isinstance(value, list):
            for item in value:
                item.reset()
        elif isinstance(value, int):
            setattr(self, name, 0)


@dataclass
class ConvState(StreamState):
    """The last `kernel - 1` inputs of a causal convolution. Shape: [batch, channels, kernel - 1]."""

    past: Tensor


def shift_in(past: Tensor, x: Tensor) -> Tensor:
    """Append `x` to `past` along the last axis, keep the newest of it in `past`, return the two joined.

    Shape: past [batch, channels, n], x [batch, channels, t], result [batch, channels, n + t].
    """
    joined = torch.cat((past, x), dim=-1)
    past.copy_(joined[..., -past.shape[-1] :])
    return joined
