"""The player as one compiled step for the CPU: the network of `Player`, its weights as int8.

`CompiledPlayer` draws what `Player.step` draws but for the rounding of the weights (tests/parity). One call makes a frame's codes;
nothing is allocated and the GIL is not held.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

from model.generator.player import HISTORY, Player
from model.layers import kernels as k
from model.layers.compiled import BlockArrays, BlockWeights, Floats, Matrix, columns, floats, norms, step, zeros
from model.layers.jit import KERNEL, PART

F = np.float32


class PlayerWeights(NamedTuple):
    enter: Matrix
    controls: Matrix
    roll: NDArray[np.int8]
    """Columns of the roll's matrix. Shape: [ROLL_WIDTH, width]."""
    roll_scale: Floats
    blocks: BlockWeights
    hidden: Matrix
    head_partial: Matrix
    head_last: Matrix
    head_up: Matrix
    head_down: Matrix
    head_norm: Floats
    head_out: Matrix
    gaussian: Floats
    """Shape: [levels, latent + 1, depth width]."""
    gaussian_bias: Floats
    density: Floats
    """Shape: [levels, codes, latent]."""
    density_offset: Floats
    codebooks: Floats
    scale: float


class PlayerArrays(NamedTuple):
    """State and scratch of a stream of up to two rows."""

    blocks: BlockArrays
    history: Floats
    """Newest first. Shape: [2, HISTORY * latent]."""
    hidden: Floats
    level: Floats
    level_wide: Floats
    level_out: Floats
    moments: Floats
    partial: Floats
    last: Floats
    logits: Floats
    mixed: Floats
    scratch: Floats
    bits: NDArray[np.int32]


@njit(**PART)
def _enter(p: Any, s: Any, rows: int, controls: Any, roll: Any) -> None:
    """Everything up to the transformer's output, which is left in `s.blocks.normed`."""
    x, normed = s.blocks.x, s.blocks.normed
    for r in range(rows):
        k.linear(controls, p.controls.weight, p.controls.scale, p.controls.bias, x[r : r + 1])
    k.sparse(roll, p.roll, p.roll_scale, x[:1])  # the second row never sees the plan
    k.linear(s.history[:rows], p.enter.weight, p.enter.scale, p.enter.bias, normed[:rows])
    k.add(x[:rows], normed[:rows])
    step(p.blocks, s.blocks, rows)


@njit(**PART)
def _level(p: Any, s: Any, rows: int, level: int, width: int) -> None:
    """Logits of a level into `s.logits`."""
    x = s.level[:rows]
    for r in range(rows):
        for i in range(width):
            x[r, i] = s.hidden[r, level * width + i]
    out = s.level_out[:rows]
    if level > 0:
        k.linear(s.partial[:rows], p.head_partial.weight[level], p.head_partial.scale[level], p.head_partial.bias[level], out)
        k.add(x, out)
        k.linear(s.last[:rows], p.head_last.weight[level], p.head_last.scale[level], p.head_last.bias[level], out)
        k.add(x, out)
    k.linear(x, p.head_up.weight[level], p.head_up.scale[level], p.head_up.bias[level], s.level_wide[:rows])
    k.gelu(s.level_wide[:rows])
    k.linear(s.level_wide[:rows], p.head_down.weight[level], p.head_down.scale[level], p.head_down.bias[level], out)
    k.add(x, out)
    k.rms_norm(x, p.head_norm[level], out)
    k.linear(out, p.head_out.weight[level], p.head_out.scale[level], p.head_out.bias[level], s.logits[:rows])
    latent = p.density.shape[2]
    for r in range(rows):
        for i in range(latent + 1):
            a = p.gaussian_bias[level, i]
            row = p.gaussian[level, i]
            for j in range(width):
                a += row[j] * out[r, j]
            s.moments[r, i] = a
        precision = s.moments[r, latent]
        for c in range(s.logits.shape[1]):
            a = p.density_offset[level, c] * precision
            row = p.density[level, c]
            for i in range(latent):
                a += row[i] * s.moments[r, i]
            s.logits[r, c] += a


@njit(**PART)
def _remember(p: Any, s: Any, rows: int) -> None:
    """Put the latent in `s.partial` in front of the history."""
    latent = p.density.shape[2]
    for r in range(rows):
        for i in range(s.history.shape[1] - 1, latent - 1, -1):
            s.history[r, i] = s.history[r, i - latent]
        for i in range(latent):
            s.history[r, i] = s.partial[r, i]


@njit(**PART)
def _take(p: Any, s: Any, rows: int, level: int, code: int) -> None:
    for r in range(rows):
        for i in range(p.density.shape[2]):
            s.last[r, i] = p.codebooks[level, code, i] * p.scale
            s.partial[r, i] += s.last[r, i]


@njit(**KERNEL)
def _frame(
    p: Any, s: Any, rows: int, controls: Any, roll: Any, noise: Any, temperature: float, top_p: float, guidance: float,
    given: Any, codes: Any,
) -> None:  # fmt: skip
    """One frame. `given` holds codes to take instead of drawing them, or is empty."""
    _enter(p, s, rows, controls, roll)
    k.linear(s.blocks.normed[:rows], p.hidden.weight, p.hidden.scale, p.hidden.bias, s.hidden[:rows])
    width = s.level.shape[1]
    for r in range(rows):
        for i in range(s.partial.shape[1]):
            s.partial[r, i] = s.last[r, i] = F(0)
    for level in range(codes.shape[0]):
        if given.shape[0] > 0:
            code = given[level]
        else:
            _level(p, s, rows, level, width)
            for c in range(s.mixed.shape[0]):
                if rows == 2:
                    s.mixed[c] = s.logits[1, c] + F(guidance) * (s.logits[0, c] - s.logits[1, c])
                else:
                    s.mixed[c] = s.logits[0, c]
            code = k.draw(s.mixed, noise[level], temperature, top_p, s.scratch, s.bits)
        codes[level] = code
        _take(p, s, rows, level, code)
    _remember(p, s, rows)


def player_weights(player: Player) -> PlayerWeights:
    """A player's weights, rounded."""
    head, levels = player.head, range(player.config.levels)

    def each(layers: Any) -> list[Any]:
        return [layers[index] for index in levels]

    return PlayerWeights(
        Matrix.of(player.enter), Matrix.of(player.controls),
        *columns(player.roll),
        BlockWeights.of(player.transformer, player.config.cross_every), Matrix.of(head.hidden), Matrix.stack(each(head.partial)),
        Matrix.stack(each(head.last)), Matrix.stack(each(head.up)), Matrix.stack(each(head.down)), norms(each(head.norm), head.width),
        Matrix.stack(each(head.out)), np.stack([floats(layer.weight) for layer in each(head.gaussian)]),
        np.stack([floats(layer.bias) for layer in each(head.gaussian)]), floats(player.density[..., :-1]),
        floats(player.density[..., -1]), floats(player.codebooks), float(player.scale),
    )  # fmt: skip


class CompiledPlayer:
    """The player of one stream.

    Args:
        player: the network.
        weights: of `player_weights`, to share them between streams.
    """

    def __init__(self, player: Player, weights: PlayerWeights | None = None) -> None:
        config = self.config = player.config
        self.weights = weights or player_weights(player)
        self._player = player
        self.rows = 1
        depth, size = config.depth_width, config.codebook_size
        self.state = PlayerArrays(
            BlockArrays.make(player.transformer, 2, config.style_tokens), zeros(2, HISTORY * config.latent),
            zeros(2, config.levels * depth), zeros(2, depth), zeros(2, 2 * depth), zeros(2, depth), zeros(2, config.latent + 1),
            zeros(2, config.latent), zeros(2, config.latent), zeros(2, size), zeros(size), zeros(size), np.zeros(size, np.int32),
        )  # fmt: skip
        self.codes = np.zeros(config.levels, np.int64)
        self._none = np.zeros(0, np.int64)
        self._noise = zeros(config.levels, config.codebook_size)
        self.set_style(None)

    def reset(self) -> None:
        """Back to the start of a stream; the style stays."""
        self.state.blocks.place[0] = 0
        self.state.history[:] = 0.0

    def set_style(self, style: Floats | None) -> None:
        """From the next frame on. Shape: [style width]."""
        with torch.no_grad():
            memory = self._player.memory(None if style is None else torch.from_numpy(np.asarray(style, np.float32))[None])
        for index, (keys, values) in enumerate(memory):
            self.state.blocks.cross_keys[index] = floats(keys[0])
            self.state.blocks.cross_values[index] = floats(values[0])

    def set_guided(self, guided: bool) -> None:
        """Whether a second row goes along that never sees the plan; it begins as a copy of the first."""
        if guided and self.rows == 1:
            blocks = self.state.blocks
            for ring in (blocks.keys, blocks.values, blocks.key_scale, blocks.value_scale):
                ring[:, 1] = ring[:, 0]
            self.state.history[1] = self.state.history[0]
        self.rows = 2 if guided else 1

    def step(
        self, controls: Floats, roll: Floats, rng: np.random.Generator, temperature: float = 1.0, top_p: float = 1.0, guidance: float = 1.0
    ) -> NDArray[np.int64]:
        """Draw the next frame's codes; the array is the same every time.

        Shape: controls [1, CONTROL_WIDTH], roll [1, ROLL_WIDTH], result [levels]. Knobs as in `Player.step`.
        """
        self.set_guided(guidance != 1.0)
        rng.standard_exponential(out=self._noise, dtype=np.float32)
        _frame(self.weights, self.state, self.rows, controls, roll, self._noise, temperature, top_p, guidance, self._none, self.codes)
        return self.codes

    def feed(self, codes: NDArray[np.int64], controls: Floats, roll: Floats) -> None:
        """Go on after frames that were given. Shapes: codes [steps, levels], controls [steps, ...], roll [steps, ...]."""
        for index in range(len(codes)):
            _frame(
                self.weights, self.state, self.rows, controls[index : index + 1], roll[index : index + 1], self._noise, 1.0, 1.0, 1.0,
                codes[index], self.codes,
            )  # fmt: skip
