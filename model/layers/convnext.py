"""Causal ConvNeXt blocks at the frame rate (Liu et al. 2022, "A ConvNet for the 2020s", one-dimensional)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.streaming import ConvState, StreamState, shift_in


class CausalConvNeXtBlock(nn.Module):
    """Depthwise causal convolution, layer norm, two-layer perceptron, residual with a learnt scale.

    Shape: [batch, steps, width] to the same.
    """

    def __init__(self, width: int, expansion: int, kernel: int, scale: float = 0.1) -> None:
        super().__init__()
        self.kernel = kernel
        self.depthwise = nn.Conv1d(width, width, kernel, groups=width)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, expansion * width)
        self.contract = nn.Linear(expansion * width, width)
        self.scale = nn.Parameter(torch.full((width,), scale))

    def make_state(self, batch: int) -> ConvState:
        weight = self.depthwise.weight
        return ConvState(torch.zeros(batch, weight.shape[0], self.kernel - 1, device=weight.device, dtype=weight.dtype))

    def _mix(self, x: Tensor, padded: Tensor) -> Tensor:
        if padded.shape[-1] == self.kernel:  # one step: a product, not a convolution
            assert self.depthwise.bias is not None
            y = ((padded * self.depthwise.weight[:, 0]).sum(dim=-1) + self.depthwise.bias)[:, None]
        else:
            y = self.depthwise(padded).transpose(1, 2)
        y = self.contract(F.gelu(self.expand(self.norm(y)), approximate="tanh"))
        return x + self.scale * y

    def forward(self, x: Tensor) -> Tensor:
        return self._mix(x, F.pad(x.transpose(1, 2), (self.kernel - 1, 0)))

    def step(self, x: Tensor, state: ConvState) -> Tensor:
        return self._mix(x, shift_in(state.past, x.transpose(1, 2)))


@dataclass
class StackState(StreamState):
    blocks: list[ConvState]


class CausalConvNeXtStack(nn.Module):
    """Linear in, blocks, norm, linear out, beside a direct linear path that can be set (by principal components, say).

    The blocks' way out starts at zero, so that training begins with the direct path alone.
    Shape: [batch, steps, inputs] to [batch, steps, outputs].
    """

    def __init__(self, inputs: int, outputs: int, width: int, blocks: int, expansion: int, kernel: int) -> None:
        super().__init__()
        self.enter = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(CausalConvNeXtBlock(width, expansion, kernel) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, outputs)
        self.direct = nn.Linear(inputs, outputs, bias=False)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def make_state(self, batch: int) -> StackState:
        return StackState([block.make_state(batch) for block in self.blocks])  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        direct = self.direct(x)
        x = self.enter(x)
        for block in self.blocks:
            x = block(x)
        return direct + self.leave(self.norm(x))  # type: ignore[no-any-return]

    def step(self, x: Tensor, state: StackState) -> Tensor:
        direct = self.direct(x)
        x = self.enter(x)
        for block, block_state in zip(self.blocks, state.blocks, strict=True):
            x = block.step(x, block_state)  # type: ignore[operator]
        return direct + self.leave(self.norm(x))  # type: ignore[no-any-return]
