"""Tones as a compiled step for the CPU, between the decoder's spectrum and its sound; see `model.codec.tones`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from model.codec.codec import Codec
from model.codec.compiled import CompiledDecoder, DecoderWeights, StackArrays, StackWeights, find_spectrum, run_stack, synthesise
from model.codec.tones import Tones
from model.layers import kernels as k
from model.layers.compiled import JIT, Floats, Matrix, columns, floats, zeros
from model.layers.excitation import SOURCES

F = np.float32


class TonesWeights(NamedTuple):
    enter: Matrix
    roll: NDArray[np.int8]
    """Columns of the roll's matrix. Shape: [ROLL_WIDTH, width]."""
    roll_scale: Floats
    stack: StackWeights
    leave: Matrix
    bands: Floats
    """Shape: [bands, hop]."""
    scale: float


class TonesArrays(NamedTuple):
    stack: StackArrays
    latent: Floats
    gains: Floats
    shape: Floats
    """Gains of the sources, the noise and the decoder at every bin. Shape: [SOURCES + 2, hop]."""
    sound: Floats
    """Excitation of the hop before and of this one. Shape: [SOURCES, 2 * hop]."""
    sources: Floats
    noise: Floats


def tones_weights(tones: Tones) -> TonesWeights:
    """The weights of a network, rounded."""
    return TonesWeights(
        Matrix.of(tones.enter), *columns(tones.roll), StackWeights.of(list(tones.blocks), tones.norm),
        Matrix.of(tones.leave), floats(tones.bands), float(tones.scale),
    )  # fmt: skip


@njit(**JIT)
def _spread(gains: Any, bands: Any, out: Any) -> None:
    """Gains of the bands to bins. Shape: gains [bands], bands [bands, bins], out [bins]."""
    for i in range(out.shape[0]):
        out[i] = F(0)
    for b in range(bands.shape[0]):
        g = gains[b]
        row = bands[b]
        for i in range(out.shape[0]):
            out[i] += g * row[i]


@njit(**JIT)
def _tones(p: Any, s: Any, latent: Any, roll: Any, basis: Any, spectrum: Any) -> None:
    """Change `spectrum` [2, hop] as `Tones.apply_gains` does."""
    for i in range(latent.shape[1]):
        s.latent[0, i] = latent[0, i] * p.scale
    k.linear(s.latent, p.enter.weight, p.enter.scale, p.enter.bias, s.stack.x)
    k.sparse(roll, p.roll, p.roll_scale, s.stack.x)
    run_stack(p.stack, s.stack)
    k.linear(s.stack.normed, p.leave.weight, p.leave.scale, p.leave.bias, s.gains)
    g = s.gains[0]
    count, hop = p.bands.shape
    tone, hiss, keep = SOURCES * count, (SOURCES + 1) * count, (SOURCES + 2) * count
    for i in range(tone):
        g[i] = np.exp(min(max(g[i], F(-12)), F(0)))
    for i in range(tone, hiss):
        g[i] = np.exp(min(max(g[i], F(-14)), F(0)))
    for i in range(hiss, keep):
        g[i] = F(2) / (F(1) + np.exp(-g[i]))
    for row in range(SOURCES + 2):
        _spread(g[row * count : (row + 1) * count], p.bands, s.shape[row])
    width = F(1) / (F(1) + np.exp(-g[keep + SOURCES]))
    for i in range(hop):
        spectrum[0, i] = spectrum[0, i] * s.shape[SOURCES + 1, i] + s.shape[SOURCES, i] * s.noise[0, i]
        spectrum[1, i] = spectrum[1, i] * s.shape[SOURCES + 1, i] + width * s.shape[SOURCES, i] * s.noise[1, i]
    for source in range(SOURCES):
        quiet = True
        for n in range(2 * hop):
            if s.sound[source, n] != 0:
                quiet = False
                break
        if quiet:
            continue
        out = s.sources[source]
        for i in range(hop):
            out[i] = F(0)
        for n in range(2 * hop):
            value = s.sound[source, n]
            row = basis[n]
            for i in range(hop):
                out[i] += value * row[i]
        pan = np.tanh(g[keep + source])
        for i in range(hop):
            sound = s.shape[source, i] * out[i]
            spectrum[0, i] += sound
            spectrum[1, i] += pan * sound


class CompiledToneDecoder(CompiledDecoder):
    """Decoder and tones of one stream."""

    def __init__(self, codec: Codec, tones: Tones, weights: DecoderWeights | None = None, own: TonesWeights | None = None) -> None:
        super().__init__(codec, weights)
        config = tones.config
        self.tones = own or tones_weights(tones)
        self.arrays = TonesArrays(
            StackArrays.make(config.blocks, config.width, config.kernel, config.expansion), zeros(1, config.latent),
            zeros(1, tones.leave.out_features), zeros(SOURCES + 2, config.hop), zeros(SOURCES, 2 * config.hop),
            zeros(SOURCES, config.hop), zeros(2, config.hop),
        )  # fmt: skip

    def tone_step(self, codes: NDArray[np.int64], roll: Floats, excitation: Floats | None, rng: np.random.Generator) -> Floats:
        """Audio of a frame, one hop late.

        Shape: codes [levels], roll [1, ROLL_WIDTH], excitation [SOURCES, hop] of this hop or None for silence, result [hop, 2].
        """
        arrays, hop = self.arrays, self.hop
        arrays.sound[:, :hop] = arrays.sound[:, hop:]
        arrays.sound[:, hop:] = 0.0 if excitation is None else excitation
        rng.standard_normal(out=arrays.noise, dtype=np.float32)
        out = np.empty((hop, 2), np.float32)
        find_spectrum(self.weights, self.state, codes)
        _tones(self.tones, arrays, self.state.latent, roll, self.weights.basis, self.state.spectrum)
        synthesise(self.weights, self.state, out)
        return out
