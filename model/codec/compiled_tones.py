"""Tones as a compiled step for the CPU, between the decoder's spectrum and its sound; see `model.codec.tones`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from model.codec.codec import Codec
from model.codec.compiled import CompiledDecoder, DecoderWeights, StackArrays, StackWeights, find_spectrum, run_stack, synthesise
from model.codec.tones import FAINT, HEARD, LOUDEST, PER_NAT, Tones, fading
from model.layers import kernels as k
from model.layers.chamber import SOURCES
from model.layers.compiled import Floats, Matrix, columns, floats, zeros
from model.layers.jit import KERNEL, PART

F = np.float32
_LOG_FAINT = float(np.log(FAINT))


class TonesWeights(NamedTuple):
    enter: Matrix
    roll: NDArray[np.int8]
    """Columns of the roll's matrix. Shape: [ROLL_WIDTH, width]."""
    roll_scale: Floats
    heard: Matrix
    stack: StackWeights
    leave: Matrix
    bands: Floats
    """Shape: [bands, hop]."""
    share: Floats
    """The same, each row of unit sum."""
    scale: float
    loud: float
    """`Tones.share`."""
    colour: Floats
    """`Tones.colour`: written in place while music plays."""
    fading: float
    """Of the means of levels and places, a frame."""


class TonesArrays(NamedTuple):
    stack: StackArrays
    latent: Floats
    levels: Floats
    """Of decoder and sources by band. Shape: [1, HEARD * bands]."""
    heard: Floats
    gains: Floats
    shape: Floats
    """Gains at every bin: sources in the middle, then in the side, noise, decoder. Shape: [2 * SOURCES + 2, hop]."""
    sound: Floats
    """Excitation of the hop before and of this one. Shape: [SOURCES, 2 * hop]."""
    sources: Floats
    noise: Floats
    total: Floats
    """As in `TonesState`. Shape: [2, SOURCES * bands]."""
    weight: Floats
    """Shape: [1, SOURCES * bands]."""


def tones_weights(tones: Tones) -> TonesWeights:
    """The weights of a network, rounded."""
    bands = floats(tones.bands)
    return TonesWeights(
        Matrix.of(tones.enter), *columns(tones.roll), Matrix.of(tones.heard), StackWeights.of(list(tones.blocks), tones.norm),
        Matrix.of(tones.leave), bands, bands / bands.sum(axis=1, keepdims=True), float(tones.scale), float(tones.share),
        floats(tones.colour).copy(), fading(tones.config.steady_s),
    )  # fmt: skip


@njit(**PART)
def _spread(gains: Any, bands: Any, first: Any, last: Any, out: Any) -> None:
    """Gains of the bands to bins. Shape: gains [bands], bands [bands, bins], out [bins]."""
    for i in range(out.shape[0]):
        out[i] = F(0)
    for b in range(bands.shape[0]):
        g = gains[b]
        row = bands[b]
        for i in range(first[b], last[b]):
            out[i] += g * row[i]


@njit(**PART)
def _level(spectrum: Any, share: Any, first: Any, last: Any, out: Any) -> None:
    """Log power of the bands, as `Tones.levels`. Shape: spectrum [hop], share [bands, hop], out [bands]."""
    for b in range(share.shape[0]):
        power = F(0)
        row = share[b]
        for i in range(first[b], last[b]):
            power += row[i] * spectrum[i] * spectrum[i]
        out[b] = (np.log(power + F(FAINT)) - F(_LOG_FAINT)) * F(PER_NAT)


@njit(**PART)
def _hear(s: Any, basis: Any, sounding: Any) -> None:
    """MDCT of the sources that sound."""
    hop = basis.shape[1]
    for source in range(SOURCES):
        sounding[source] = False
        for n in range(2 * hop):
            if s.sound[source, n] != 0:
                sounding[source] = True
                break
        for i in range(hop):
            s.sources[source, i] = F(0)
    for n in range(2 * hop):
        row = basis[n]
        for source in range(SOURCES):
            if sounding[source]:
                value, out = s.sound[source, n], s.sources[source]
                for i in range(hop):
                    out[i] += value * row[i]


@njit(**KERNEL)
def _tones(p: Any, s: Any, latent: Any, roll: Any, basis: Any, first: Any, last: Any, spectrum: Any) -> None:
    """Change `spectrum` [2, hop] as `Tones.apply_gains` does. A band lies in the bins `first` to `last`."""
    count, hop = p.bands.shape
    sounding = np.empty(SOURCES, np.bool_)
    _hear(s, basis, sounding)
    if roll[0, -1] > 0:
        for i in range(hop):
            spectrum[0, i] *= p.loud
            spectrum[1, i] *= p.loud
    for channel in range(2):
        _level(spectrum[channel], p.share, first, last, s.levels[0, channel * count : (channel + 1) * count])
    for source in range(SOURCES):
        out = s.levels[0, (2 + source) * count : (3 + source) * count]
        if sounding[source]:
            _level(s.sources[source], p.share, first, last, out)
        else:
            out[:] = F(0)
    for i in range(latent.shape[1]):
        s.latent[0, i] = latent[0, i] * p.scale
    k.linear(s.latent, p.enter.weight, p.enter.scale, p.enter.bias, s.stack.x)
    k.sparse(roll, p.roll, p.roll_scale, s.stack.x)
    k.linear(s.levels, p.heard.weight, p.heard.scale, p.heard.bias, s.heard)
    k.add(s.stack.x, s.heard)
    run_stack(p.stack, s.stack)
    k.linear(s.stack.normed, p.leave.weight, p.leave.scale, p.leave.bias, s.gains)
    g = s.gains[0]
    for i in range(g.shape[0]):
        g[i] += p.colour[i]
    tone, pan, hiss = SOURCES * count, 2 * SOURCES * count, (2 * SOURCES + 1) * count
    keep = hiss + count
    for i in range(tone):
        power = np.exp(s.levels[0, 2 * count + i] * F(1 / PER_NAT))
        s.weight[0, i] = F(p.fading) * s.weight[0, i] + power
        s.total[0, i] = F(p.fading) * s.total[0, i] + power * min(max(g[i], F(-12)), F(LOUDEST))
        s.total[1, i] = F(p.fading) * s.total[1, i] + power * g[tone + i]
        g[i] = np.exp(s.total[0, i] / s.weight[0, i])
        g[tone + i] = s.total[1, i] / s.weight[0, i]
    for i in range(tone, pan):
        g[i] = np.tanh(g[i]) * g[i - tone]
    for i in range(pan, hiss):
        g[i] = np.exp(min(max(g[i], F(-14)), F(0)))
    for i in range(hiss, keep):
        g[i] = F(2) / (F(1) + np.exp(-g[i]))
    width = F(1) / (F(1) + np.exp(-g[keep]))
    for row in range(2 * SOURCES + 2):
        if row < 2 * SOURCES and not sounding[row % SOURCES]:
            continue
        _spread(g[row * count : (row + 1) * count], p.bands, first, last, s.shape[row])
    hissing, keeping = s.shape[2 * SOURCES], s.shape[2 * SOURCES + 1]
    for i in range(hop):
        spectrum[0, i] = spectrum[0, i] * keeping[i] + hissing[i] * s.noise[0, i]
        spectrum[1, i] = spectrum[1, i] * keeping[i] + width * hissing[i] * s.noise[1, i]
    for source in range(SOURCES):
        if sounding[source]:
            for i in range(hop):
                spectrum[0, i] += s.shape[source, i] * s.sources[source, i]
                spectrum[1, i] += s.shape[SOURCES + source, i] * s.sources[source, i]


class CompiledToneDecoder(CompiledDecoder):
    """Decoder and tones of one stream."""

    def __init__(self, codec: Codec, tones: Tones, weights: DecoderWeights | None = None, own: TonesWeights | None = None) -> None:
        super().__init__(codec, weights)
        config = tones.config
        self.tones = own or tones_weights(tones)
        inside = self.tones.bands > 0
        self.first, self.last = inside.argmax(axis=1), config.hop - inside[:, ::-1].argmax(axis=1)
        self.arrays = TonesArrays(
            StackArrays.make(config.blocks, config.width, config.kernel, config.expansion), zeros(1, config.latent),
            zeros(1, HEARD * config.bands), zeros(1, config.width), zeros(1, tones.leave.out_features),
            zeros(2 * SOURCES + 2, config.hop), zeros(SOURCES, 2 * config.hop), zeros(SOURCES, config.hop), zeros(2, config.hop),
            zeros(2, SOURCES * config.bands), zeros(1, SOURCES * config.bands),
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
        _tones(self.tones, arrays, self.state.latent, roll, self.weights.basis, self.first, self.last, self.state.spectrum)
        synthesise(self.weights, self.state, out)
        return out
