"""The codec's way back as one compiled step for the CPU: codes in, a hop of audio out, weights as int8.

`CompiledDecoder` gives what `Codec.decode_step` gives but for the rounding of the weights (tests/parity).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from torch import nn

from model.codec.codec import CEILING, LOUDEST_GAIN, Codec
from model.layers import kernels as k
from model.layers.compiled import Floats, Matrix, floats, zeros
from model.layers.jit import KERNEL, PART

F = np.float32
_CEILING = F(CEILING)
_LOUDEST = F(LOUDEST_GAIN)


class StackWeights(NamedTuple):
    """ConvNeXt blocks and the norm after them."""

    kernel: Floats
    """Depthwise kernels. Shape: [blocks, width, taps]."""
    kernel_bias: Floats
    norm_gain: Floats
    norm_bias: Floats
    expand: Matrix
    contract: Matrix
    scale: Floats
    last_gain: Floats
    last_bias: Floats

    @classmethod
    def of(cls, blocks: list[Any], norm: nn.LayerNorm) -> StackWeights:
        return cls(
            np.stack([floats(b.depthwise.weight[:, 0]) for b in blocks]), np.stack([floats(b.depthwise.bias) for b in blocks]),
            np.stack([floats(b.norm.weight) for b in blocks]), np.stack([floats(b.norm.bias) for b in blocks]),
            Matrix.stack([b.expand for b in blocks]), Matrix.stack([b.contract for b in blocks]),
            np.stack([floats(b.scale) for b in blocks]), floats(norm.weight), floats(norm.bias),
        )  # fmt: skip


class StackArrays(NamedTuple):
    """State and scratch; `x` goes in, `normed` comes out."""

    past: Floats
    """Shape: [blocks, width, taps]; the newest is last."""
    x: Floats
    y: Floats
    normed: Floats
    wide: Floats

    @classmethod
    def make(cls, blocks: int, width: int, taps: int, expansion: int) -> StackArrays:
        return cls(zeros(blocks, width, taps), zeros(1, width), zeros(1, width), zeros(1, width), zeros(1, expansion * width))


@njit(**PART)
def run_stack(p: Any, s: Any) -> None:
    """One step of all blocks."""
    blocks, width, taps = s.past.shape
    for b in range(blocks):
        past, kernel = s.past[b], p.kernel[b]
        for i in range(width):
            a = p.kernel_bias[b, i]
            for t in range(taps - 1):
                past[i, t] = past[i, t + 1]
                a += past[i, t] * kernel[i, t]
            past[i, taps - 1] = s.x[0, i]
            s.y[0, i] = a + s.x[0, i] * kernel[i, taps - 1]
        k.layer_norm(s.y, p.norm_gain[b], p.norm_bias[b], s.normed)
        k.linear(s.normed, p.expand.weight[b], p.expand.scale[b], p.expand.bias[b], s.wide)
        k.gelu(s.wide)
        k.linear(s.wide, p.contract.weight[b], p.contract.scale[b], p.contract.bias[b], s.y)
        for i in range(width):
            s.x[0, i] += p.scale[b, i] * s.y[0, i]
    k.layer_norm(s.x, p.last_gain, p.last_bias, s.normed)


class DecoderWeights(NamedTuple):
    codebooks: Floats
    direct: Matrix
    enter: Matrix
    stack: StackWeights
    leave: Matrix
    deviation: Floats
    """Shape: [2, hop]; divided by the companding's slope."""
    shapes: Floats
    """Shape: [bands, hop]."""
    basis: Floats
    """Shape: [2 * hop, hop]."""


class DecoderArrays(NamedTuple):
    stack: StackArrays
    tail: Floats
    """Shape: [2, hop]."""
    latent: Floats
    spectrum: Floats
    """Coefficients of mid and side. Shape: [2, hop]."""
    direct: Floats
    leave: Floats
    gains: Floats
    """Natural logarithms by bin. Shape: [2, hop]."""
    blocks: Floats


@njit(**KERNEL)
def find_spectrum(p: Any, s: Any, codes: Any) -> None:
    """Codes of a frame [levels] to `s.latent` and `s.spectrum`."""
    latent = s.latent[0]
    for i in range(latent.shape[0]):
        a = F(0)
        for level in range(codes.shape[0]):
            a += p.codebooks[level, codes[level], i]
        latent[i] = a
    k.linear(s.latent, p.direct.weight, p.direct.scale, p.direct.bias, s.direct)
    k.linear(s.latent, p.enter.weight, p.enter.scale, p.enter.bias, s.stack.x)
    run_stack(p.stack, s.stack)
    k.linear(s.stack.normed, p.leave.weight, p.leave.scale, p.leave.bias, s.leave)
    hop, bands = s.tail.shape[1], p.shapes.shape[0]
    s.gains[:] = F(0)
    for c in range(2):
        for band in range(bands):
            at = 2 * hop + c * bands + band
            gain = min(s.leave[0, at] + s.direct[0, at], _LOUDEST)
            for i in range(hop):
                s.gains[c, i] += gain * p.shapes[band, i]
        for i in range(hop):
            v = s.leave[0, c * hop + i] + s.direct[0, c * hop + i]
            if bands:
                v *= np.exp(s.gains[c, i])
            v = min(max(v, -_CEILING), _CEILING)
            s.spectrum[c, i] = np.sinh(v) * p.deviation[c, i]


@njit(**KERNEL)
def synthesise(p: Any, s: Any, out: Any) -> None:
    """`s.spectrum` to audio `out` [hop, 2]."""
    hop = s.tail.shape[1]
    for n in range(2 * hop):
        a, b = F(0), F(0)
        row = p.basis[n]
        for i in range(hop):
            a += row[i] * s.spectrum[0, i]
            b += row[i] * s.spectrum[1, i]
        s.blocks[0, n], s.blocks[1, n] = a, b
    for n in range(hop):
        middle = s.blocks[0, n] + s.tail[0, n]
        side = s.blocks[1, n] + s.tail[1, n]
        s.tail[0, n], s.tail[1, n] = s.blocks[0, hop + n], s.blocks[1, hop + n]
        out[n, 0], out[n, 1] = middle + side, middle - side


def decoder_weights(codec: Codec) -> DecoderWeights:
    """The weights of a codec's way back, rounded."""
    config, stack = codec.config, codec.decoder
    return DecoderWeights(
        np.stack([floats(book.codes) for book in codec.quantizer.books()]), Matrix.of(stack.direct), Matrix.of(stack.enter),
        StackWeights.of(list(stack.blocks), stack.norm), Matrix.of(stack.leave), floats(codec.deviation / config.compression),
        floats(codec.shapes), floats(codec.basis),
    )  # fmt: skip


class CompiledDecoder:
    """The codec's way back of one stream; `weights` of `decoder_weights`, to share them."""

    def __init__(self, codec: Codec, weights: DecoderWeights | None = None) -> None:
        config = codec.config
        self.hop = hop = config.hop
        self.weights = weights or decoder_weights(codec)
        self.state = DecoderArrays(
            StackArrays.make(config.decoder_blocks, config.width, config.kernel, config.expansion), zeros(2, hop),
            zeros(1, config.latent), zeros(2, hop), zeros(1, 2 * (hop + config.bands)), zeros(1, 2 * (hop + config.bands)), zeros(2, hop),
            zeros(2, 2 * hop),
        )  # fmt: skip

    def reset(self) -> None:
        self.state.stack.past[:] = 0.0
        self.state.tail[:] = 0.0

    def step(self, codes: NDArray[np.int64]) -> Floats:
        """Audio of a frame, one hop late. Shape: codes [levels] to [hop, 2]."""
        out = np.empty((self.hop, 2), np.float32)
        find_spectrum(self.weights, self.state, codes)
        synthesise(self.weights, self.state, out)
        return out
