"""The player: frame controls and plan in, codec frames out, one transformer step a frame.

What a step sees: the latent of the frame before, the controls of this frame, the piano roll of this frame. A depth head then
writes the levels one after another, each given the sum of the code vectors before it, so that all levels of a frame come
from one step of the transformer (cf. Lee et al. 2022, RQ-Transformer; Copet et al. 2023, section 2.2).
Codes enter as the codec's own vectors: there is no table to learn.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.conditioning import CONTROL_WIDTH, ROLL_WIDTH
from model.config import PlayerConfig
from model.generator.sampling import sample
from model.layers.transformer import Transformer, TransformerState
from model.streaming import StreamState


class DepthHead(nn.Module):
    """Logits of each level given the step's hidden state and the levels before it."""

    def __init__(self, config: PlayerConfig) -> None:
        super().__init__()
        width = config.depth_width
        self.hidden = nn.Linear(config.width, config.levels * width)
        self.partial = nn.ModuleList(nn.Linear(config.latent, width, bias=False) for _ in range(config.levels))
        self.last = nn.ModuleList(nn.Linear(config.latent, width, bias=False) for _ in range(config.levels))
        self.up = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(config.levels))
        self.down = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(config.levels))
        self.norm = nn.ModuleList(nn.RMSNorm(width) for _ in range(config.levels))
        self.out = nn.ModuleList(nn.Linear(width, config.codebook_size) for _ in range(config.levels))
        self.width = width

    def level(self, index: int, hidden: Tensor, partial: Tensor, last: Tensor) -> Tensor:
        """Logits of one level. Shape: hidden [..., depth width] of this level, partial and last [..., latent]."""
        x = hidden
        if index:
            x = x + self.partial[index](partial) + self.last[index](last)
        x = x + self.down[index](F.gelu(self.up[index](x), approximate="tanh"))
        return self.out[index](self.norm[index](x))  # type: ignore[no-any-return]


@dataclass
class PlayerState(StreamState):
    transformer: TransformerState
    previous: Tensor
    """Latent of the frame before. Shape: [batch, 1, latent]."""


class Player(nn.Module):
    """Codes from controls and plan.

    Shape: codes [batch, steps, levels], controls [batch, steps, CONTROL_WIDTH], roll [batch, steps, ROLL_WIDTH].
    """

    codebooks: Tensor
    scale: Tensor

    def __init__(self, config: PlayerConfig) -> None:
        super().__init__()
        self.config = config
        self.enter = nn.Linear(config.latent, config.width)
        self.controls = nn.Linear(CONTROL_WIDTH, config.width)
        self.roll = nn.Linear(ROLL_WIDTH, config.width, bias=False)
        self.transformer = Transformer(config.width, config.layers, config.heads, config.feedforward, config.window)
        self.head = DepthHead(config)
        self.register_buffer("codebooks", torch.zeros(config.levels, config.codebook_size, config.latent))
        self.register_buffer("scale", torch.ones(()))

    def set_codebooks(self, codebooks: Tensor) -> None:
        """Take over the codec's vectors. Shape: [levels or more, codes, latent]."""
        self.codebooks.copy_(codebooks[: self.config.levels])
        self.scale.copy_(1.0 / self.codebooks[0].std().clamp(min=1e-6))

    def vectors(self, codes: Tensor) -> Tensor:
        """Scaled code vectors of every level. Shape: [..., levels] to [..., levels, latent]."""
        return (
            torch.stack([F.embedding(codes[..., level], self.codebooks[level]) for level in range(self.config.levels)], dim=-2)
            * self.scale
        )

    def forward(self, codes: Tensor, controls: Tensor, roll: Tensor, first: Tensor | None = None) -> Tensor:
        """Loss of every code, nats. Shape: [batch, steps, levels].

        Args:
            first: latent of the frame before the first, [batch, latent]; zeros at the start of a stream.
        """
        vectors = self.vectors(codes)
        latents = vectors.sum(dim=-2)
        before = latents.new_zeros(len(codes), 1, self.config.latent) if first is None else first[:, None]
        x = self.enter(torch.cat((before, latents[:, :-1]), dim=1)) + self.controls(controls) + self.roll(roll)
        hidden = self.head.hidden(self.transformer(x)).unflatten(-1, (self.config.levels, self.head.width))
        partial = torch.cumsum(vectors, dim=-2)
        losses = []
        for level in range(self.config.levels):
            below = partial[..., level - 1, :] if level else partial[..., 0, :]
            last = vectors[..., level - 1, :] if level else below
            logits = self.head.level(level, hidden[..., level, :], below, last)
            losses.append(F.cross_entropy(logits.flatten(0, 1), codes[..., level].flatten(), reduction="none"))
        return torch.stack(losses, dim=-1).view(*codes.shape[:2], -1)

    def make_state(self, batch: int = 1) -> PlayerState:
        return PlayerState(self.transformer.make_state(batch), self.codebooks.new_zeros(batch, 1, self.config.latent))

    @torch.no_grad()
    def step(
        self,
        controls: Tensor,
        roll: Tensor,
        state: PlayerState,
        generator: torch.Generator,
        temperature: float = 1.0,
        top_p: float = 1.0,
    ) -> Tensor:
        """Draw the codes of the next frame.

        Shape: controls [batch, 1, CONTROL_WIDTH], roll [batch, 1, ROLL_WIDTH], result [batch, 1, levels].
        """
        x = self.enter(state.previous) + self.controls(controls) + self.roll(roll)
        hidden = self.head.hidden(self.transformer.step(x, state.transformer))
        hidden = hidden.unflatten(-1, (self.config.levels, self.head.width))
        partial = torch.zeros_like(state.previous)
        last = partial
        codes = []
        for level in range(self.config.levels):
            logits = self.head.level(level, hidden[..., level, :], partial, last)
            code = sample(logits.float(), generator, temperature, top_p)
            codes.append(code)
            last = F.embedding(code, self.codebooks[level]) * self.scale
            partial = partial + last
        state.previous.copy_(partial)
        return torch.stack(codes, dim=-1)

    @torch.no_grad()
    def prefill(self, codes: Tensor, controls: Tensor, roll: Tensor, state: PlayerState) -> None:
        """Go on after frames that were given, not drawn. Shapes as in `forward`."""
        latents = self.vectors(codes).sum(dim=-2)
        before = torch.cat((state.previous, latents[:, :-1]), dim=1)
        self.transformer.step(self.enter(before) + self.controls(controls) + self.roll(roll), state.transformer)
        state.previous.copy_(latents[:, -1:])
