"""Kernels for playing on a CPU, compiled by numba: what one step at batch 1 or 2 needs, without a framework's cost per call.

Weights are int8 and a stream's keys and values int16, a scale a row; activations and sums float32. A step reads every
weight once, for both rows of a guided batch, which is what a step costs. Everything writes into arrays that the caller owns.
Shapes: x [rows, inputs], out [rows, outputs].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from model.layers.jit import PART

F = np.float32
COLUMNS = 32
"""Of a bank of low-rank paths (`model.layers.lowrank`): the ranks of all adapters that sound at once sum up to no more."""


@njit(**PART)
def linear(x: Any, weight: Any, scale: Any, bias: Any, out: Any) -> None:
    """out = x W^T * scale + bias. weight int8 [outputs, inputs]; an empty bias is none."""
    rows = x.shape[0]
    outputs, inputs = weight.shape
    biased = bias.shape[0] > 0
    if rows == 2:
        x0, x1 = x[0], x[1]
        for o in range(outputs):
            a, b = F(0), F(0)
            row = weight[o]
            for i in range(inputs):
                w = F(row[i])
                a += w * x0[i]
                b += w * x1[i]
            add = bias[o] if biased else F(0)
            out[0, o] = a * scale[o] + add
            out[1, o] = b * scale[o] + add
        return
    for r in range(rows):
        xr = x[r]
        for o in range(outputs):
            a = F(0)
            row = weight[o]
            for i in range(inputs):
                a += F(row[i]) * xr[i]
            out[r, o] = a * scale[o] + (bias[o] if biased else F(0))


@njit(**PART)
def low_rank(x: Any, paths: Any, kind: int, layer: int, out: Any) -> None:
    """out += sum over columns of scale * up * (down . x); see `model.layers.lowrank.Packed`. Columns without a scale are left out."""
    numbers, places, used = paths
    inputs, outputs = x.shape[1], out.shape[1]
    for bank in range(used.shape[0]):
        first = (layer * used.shape[0] + bank) * COLUMNS
        for c in range(first, first + used[bank]):
            scale = numbers[places[kind, 2] + c]
            if scale == 0:
                continue
            row = numbers[places[kind, 0] + c * inputs : places[kind, 0] + (c + 1) * inputs]
            column = numbers[places[kind, 1] + c * outputs : places[kind, 1] + (c + 1) * outputs]
            for r in range(x.shape[0]):
                xr, yr = x[r], out[r]
                a = F(0)
                for i in range(inputs):
                    a += row[i] * xr[i]
                a *= scale
                for o in range(outputs):
                    yr[o] += a * column[o]


@njit(**PART)
def sparse(x: Any, columns: Any, scale: Any, out: Any) -> None:
    """out += x W^T for an x of mostly zeros. columns int8 [inputs, outputs], scale [inputs]."""
    for r in range(x.shape[0]):
        for i in range(columns.shape[0]):
            value = x[r, i] * scale[i]
            if value != 0:
                column = columns[i]
                for o in range(columns.shape[1]):
                    out[r, o] += value * F(column[o])


@njit(**PART)
def rms_norm(x: Any, gain: Any, out: Any) -> None:
    """Root mean square norm; epsilon as PyTorch's for float32."""
    width = x.shape[1]
    for r in range(x.shape[0]):
        total = F(0)
        for i in range(width):
            total += x[r, i] * x[r, i]
        factor = F(1) / np.sqrt(total / F(width) + F(1.1920929e-07))
        for i in range(width):
            out[r, i] = x[r, i] * factor * gain[i]


@njit(**PART)
def layer_norm(x: Any, gain: Any, bias: Any, out: Any) -> None:
    width = x.shape[1]
    for r in range(x.shape[0]):
        mean = F(0)
        for i in range(width):
            mean += x[r, i]
        mean /= F(width)
        total = F(0)
        for i in range(width):
            total += (x[r, i] - mean) * (x[r, i] - mean)
        factor = F(1) / np.sqrt(total / F(width) + F(1e-5))
        for i in range(width):
            out[r, i] = (x[r, i] - mean) * factor * gain[i] + bias[i]


@njit(**PART)
def gelu(x: Any) -> None:
    """GELU by tanh, in place; tanh as Eigen's rational approximation (below 1e-6 off)."""
    for r in range(x.shape[0]):
        row = x[r]
        for i in range(row.shape[0]):
            v = row[i]
            t = F(0.7978845608) * (v + F(0.044715) * v * v * v)
            t = min(max(t, F(-7.90531)), F(7.90531))
            s = t * t
            p = F(-2.76076847742355e-16) * s + F(2.00018790482477e-13)
            p = p * s + F(-8.60467152213735e-11)
            p = p * s + F(5.12229709037114e-08)
            p = p * s + F(1.48572235717979e-05)
            p = p * s + F(6.37261928875436e-04)
            p = p * s + F(4.89352455891786e-03)
            q = F(1.19825839466702e-06) * s + F(1.18534705686654e-04)
            q = q * s + F(2.26843463243900e-03)
            q = q * s + F(4.89352518554385e-03)
            row[i] = F(0.5) * v * (F(1) + t * p / q)


@njit(**PART)
def exponential(x: Any, bits: Any) -> None:
    """exp in place (relative error below 3e-6); `bits` int32 of the same length is scratch."""
    for i in range(x.shape[0]):
        y = max(x[i] * F(1.4426950409), F(-126))
        k = np.floor(y)
        f = y - k
        p = F(1.8775767e-3) * f + F(8.9893397e-3)
        p = p * f + F(5.5826318e-2)
        p = p * f + F(2.4015361e-1)
        p = p * f + F(6.9315308e-1)
        x[i] = p * f + F(9.9999994e-1)
        bits[i] = (np.int32(k) + np.int32(127)) * np.int32(8388608)
    power = bits.view(np.float32)
    for i in range(x.shape[0]):
        x[i] *= power[i]


@njit(**PART)
def softmax(x: Any, bits: Any) -> None:
    """In place, one row. Shape: [n]."""
    top = x[0]
    for i in range(x.shape[0]):
        top = max(top, x[i])
    for i in range(x.shape[0]):
        x[i] -= top
    exponential(x, bits)
    total = F(0)
    for i in range(x.shape[0]):
        total += x[i]
    for i in range(x.shape[0]):
        x[i] /= total


@njit(**PART)
def round_row(x: Any, out: Any) -> Any:
    """x as int16 in `out`; what to multiply it by is given back. Shape: [n] both."""
    top = F(0)
    for i in range(x.shape[0]):
        top = max(top, abs(x[i]))
    if top == 0:
        top = F(1)
    factor = F(32767) / top
    for i in range(x.shape[0]):
        out[i] = np.int16(np.rint(x[i] * factor))
    return top / F(32767)


@njit(**PART)
def attend(
    query: Any, keys: Any, key_scale: Any, values: Any, value_scale: Any, first: int, count: int, scores: Any, bits: Any, out: Any
) -> None:
    """Attention of one row and head to `count` steps of a ring, from slot `first` on. Keys and values: int16 or float32.

    Shapes: query, out [width], keys, values [ring, width], their scales [ring], scores and bits [count or more].
    """
    ring, width = keys.shape
    factor = F(1) / np.sqrt(F(width))
    for t in range(count):
        slot = first + t
        if slot >= ring:
            slot -= ring
        a = F(0)
        key = keys[slot]
        for d in range(width):
            a += query[d] * F(key[d])
        scores[t] = a * (factor * key_scale[slot])
    softmax(scores[:count], bits[:count])
    for d in range(width):
        out[d] = F(0)
    for t in range(count):
        slot = first + t
        if slot >= ring:
            slot -= ring
        p = scores[t] * value_scale[slot]
        value = values[slot]
        for d in range(width):
            out[d] += p * F(value[d])


@njit(**PART)
def add(x: Any, y: Any) -> None:
    """x += y. Shape: [rows, width] both."""
    for r in range(x.shape[0]):
        for i in range(x.shape[1]):
            x[r, i] += y[r, i]


@njit(**PART)
def rotate(x: Any, cos: Any, sin: Any) -> None:
    """Turn pairs of one head in place. Shape: x [width], cos and sin [width / 2]."""
    half = cos.shape[0]
    for i in range(half):
        a, b = x[i], x[i + half]
        x[i] = a * cos[i] - b * sin[i]
        x[i + half] = a * sin[i] + b * cos[i]


@njit(**PART)
def draw(logits: Any, noise: Any, temperature: float, top_p: float, scratch: Any, bits: Any) -> int:
    """One index from logits: temperature, nucleus by a threshold on the probability, exponential noise (Gumbel's trick).

    The nucleus is the set of classes at least as likely as the least likely one that is needed to reach `top_p`
    (Holtzman et al. 2020). Shapes: logits, noise, scratch [classes].
    """
    n = logits.shape[0]
    best = 0
    if temperature <= 0:
        for i in range(n):
            if logits[i] > logits[best]:
                best = i
        return best
    for i in range(n):
        scratch[i] = logits[i] / F(temperature)
    softmax(scratch, bits)
    threshold = F(0)
    if top_p < 1:
        low, high = F(0), F(1)
        for _ in range(30):  # the greatest threshold whose set still holds top_p
            middle = (low + high) * F(0.5)
            mass = F(0)
            for i in range(n):
                mass += scratch[i] if scratch[i] >= middle else F(0)
            if mass >= top_p:
                low = middle
            else:
                high = middle
        threshold = low
    top = F(-1)
    for i in range(n):
        if scratch[i] >= threshold:
            value = scratch[i] / max(noise[i], F(1e-20))
            if value > top:
                top, best = value, i
    return best
