"""The player: frame controls and plan in, codec frames out, one transformer step a frame.

What a step sees: the latents of the three frames before, the controls of this frame, the piano roll of this frame. A depth head then
writes the levels one after another, each given the sum of the code vectors before it, so that all levels of a frame come
from one step of the transformer (cf. Lee et al. 2022, RQ-Transformer; Copet et al. 2023, section 2.2).
Codes enter as the codec's own vectors: there is no table to learn. They leave by two ways that add up: a plain matrix, and a
Gaussian in the latent space, mean and precision predicted, whose log density at each code's vector is a logit; so what is
learnt about one code is known of its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.conditioning import CONTROL_WIDTH, ROLL_WIDTH
from model.config import PlayerConfig
from model.generator.sampling import sample
from model.layers.transformer import Memory, Transformer, TransformerState
from model.streaming import StreamState

TOP_K = 512
"""A code is drawn from this many likeliest at most; the nucleus lies within."""


HISTORY = 3
"""Frames before whose latents a step is given directly; a tone's next phase follows from them."""


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
        self.gaussian = nn.ModuleList(nn.Linear(width, config.latent + 1) for _ in range(config.levels))
        for linear in self.gaussian:
            nn.init.zeros_(linear.weight)  # type: ignore[arg-type]
            nn.init.zeros_(linear.bias)  # type: ignore[arg-type]
        self.width = width

    def level(self, index: int, hidden: Tensor, partial: Tensor, last: Tensor, density: Tensor) -> Tensor:
        """Logits of one level.

        Shape: hidden [..., depth width] of this level, partial and last [..., latent], density [codes, latent + 1].
        """
        x = hidden
        if index:
            x = x + self.partial[index](partial) + self.last[index](last)
        x = x + self.down[index](F.gelu(self.up[index](x), approximate="tanh"))
        x = self.norm[index](x)
        return self.out[index](x) + F.linear(self.gaussian[index](x), density)  # type: ignore[no-any-return]


@dataclass
class PlayerState(StreamState):
    transformer: TransformerState
    history: Tensor
    """Latents of the last frames, the newest first. Shape: [batch, 1, HISTORY * latent]."""
    memory: Memory = field(default_factory=list)
    """Keys and values of the style; empty where the network takes none."""

    def reset(self) -> None:
        self.transformer.reset()
        self.history.zero_()


class Player(nn.Module):
    """Codes from controls and plan.

    Shape: codes [batch, steps, levels], controls [batch, steps, CONTROL_WIDTH], roll [batch, steps, ROLL_WIDTH].
    """

    codebooks: Tensor
    scale: Tensor
    density: Tensor

    def __init__(self, config: PlayerConfig) -> None:
        super().__init__()
        self.config = config
        self.enter = nn.Linear(HISTORY * config.latent, config.width)
        self.controls = nn.Linear(CONTROL_WIDTH, config.width)
        self.roll = nn.Linear(ROLL_WIDTH, config.width, bias=False)
        cross = config.cross_every if config.style_tokens else 0
        self.transformer = Transformer(config.width, config.layers, config.heads, config.feedforward, config.window, cross)
        if config.style_tokens:
            self.style = nn.Linear(config.style_width, config.style_tokens * config.width)
            self.neutral = nn.Parameter(torch.randn(config.style_tokens, config.width) * 0.5)
            """Tokens where no style is given."""
        self.head = DepthHead(config)
        self.register_buffer("codebooks", torch.zeros(config.levels, config.codebook_size, config.latent))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("density", torch.zeros(config.levels, config.codebook_size, config.latent + 1))

    def set_codebooks(self, codebooks: Tensor) -> None:
        """Take over the codec's vectors. Shape: [levels or more, codes, latent]."""
        self.codebooks.copy_(codebooks[: self.config.levels])
        self.scale.copy_(1.0 / self.codebooks[0].std().clamp(min=1e-6))
        unit = self.codebooks / self.codebooks.std(dim=(1, 2), keepdim=True).clamp(min=1e-6)
        self.density.copy_(torch.cat((unit, -0.5 * unit.square().mean(dim=2, keepdim=True)), dim=2))

    def vectors(self, codes: Tensor) -> Tensor:
        """Scaled code vectors of every level. Shape: [..., levels] to [..., levels, latent]."""
        return (
            torch.stack([F.embedding(codes[..., level], self.codebooks[level]) for level in range(self.config.levels)], dim=-2) * self.scale
        )

    @staticmethod
    def _history(first: Tensor, latents: Tensor) -> Tensor:
        """What each step knows of the frames before it, the newest first. Shape: [batch, steps, HISTORY * latent]."""
        whole, steps = torch.cat((first, latents), dim=1), latents.shape[1]
        return torch.cat([whole[:, HISTORY - k : HISTORY - k + steps] for k in range(1, HISTORY + 1)], dim=-1)

    def memory(self, style: Tensor | None, batch: int = 1) -> Memory:
        """Keys and values of a style for the transformer.

        Shape: style [batch, style width], unit length; rows of zeros, or None, say that no style is given.
        """
        if not self.config.style_tokens:
            return []
        if style is None:
            style = self.neutral.new_zeros(batch, self.config.style_width)
        given = (style != 0).any(dim=-1)[:, None, None]
        tokens = self.style(style * style.shape[-1] ** 0.5).unflatten(-1, (self.config.style_tokens, -1))
        return self.transformer.remember(torch.where(given, tokens, self.neutral.to(tokens.dtype)))

    def forward(self, codes: Tensor, controls: Tensor, roll: Tensor, first: Tensor | None = None, style: Tensor | None = None) -> Tensor:
        """Loss of every code, nats. Shape: [batch, steps, levels].

        Args:
            style: [batch, style width]; see `memory`.
            first: latents of the frames before the first, the oldest first, [batch, HISTORY, latent]; none at the start of
                a stream.
        """
        vectors = self.vectors(codes)
        latents = vectors.sum(dim=-2)
        if first is None:
            first = latents.new_zeros(len(codes), HISTORY, self.config.latent)
        x = self.enter(self._history(first, latents)) + self.controls(controls) + self.roll(roll)
        hidden = self.head.hidden(self.transformer(x, self.memory(style, len(codes)))).unflatten(-1, (self.config.levels, self.head.width))
        partial = torch.cumsum(vectors, dim=-2)
        losses = []
        for level in range(self.config.levels):
            below = partial[..., level - 1, :] if level else partial[..., 0, :]
            last = vectors[..., level - 1, :] if level else below
            logits = self.head.level(level, hidden[..., level, :], below, last, self.density[level])
            losses.append(F.cross_entropy(logits.flatten(0, 1), codes[..., level].flatten(), reduction="none"))
        return torch.stack(losses, dim=-1).view(*codes.shape[:2], -1)

    def make_state(self, batch: int = 1) -> PlayerState:
        history = self.codebooks.new_zeros(batch, 1, HISTORY * self.config.latent)
        with torch.no_grad():
            return PlayerState(self.transformer.make_state(batch), history, self.memory(None, batch))

    @torch.no_grad()
    def set_style(self, style: Tensor | None, state: PlayerState) -> None:
        """From the next step on, in place. Shape: [style width]; None for no style."""
        fresh = self.memory(None if style is None else style[None])
        for (key, value), (new_key, new_value) in zip(state.memory, fresh, strict=True):
            key.copy_(new_key.expand_as(key))
            value.copy_(new_value.expand_as(value))

    @torch.no_grad()
    def step(
        self,
        controls: Tensor,
        roll: Tensor,
        state: PlayerState,
        generator: torch.Generator,
        temperature: float = 1.0,
        top_p: float = 1.0,
        guidance: float = 1.0,
    ) -> Tensor:
        """Draw the codes of the next frame.

        Shape: controls [batch, 1, CONTROL_WIDTH], roll [batch, 1, ROLL_WIDTH], result [batch, 1, levels].

        Args:
            guidance: how far the draw is pushed from what would be played without the plan towards what is played with it
                (Ho and Salimans 2022, equation 6, with weight `guidance` - 1); 1 is no push. Any other value needs a state
                of twice the batch, whose second half never sees the plan.
        """
        guided = guidance != 1.0
        if guided:
            controls, roll = torch.cat((controls, controls)), torch.cat((roll, torch.zeros_like(roll)))
        x = self.enter(state.history) + self.controls(controls) + self.roll(roll)
        hidden = self.head.hidden(self.transformer.step(x, state.transformer, state.memory))
        hidden = hidden.unflatten(-1, (self.config.levels, self.head.width))
        partial = state.history.new_zeros(len(state.history), 1, self.config.latent)
        last = partial
        codes = []
        for level in range(self.config.levels):
            logits = self.head.level(level, hidden[..., level, :], partial, last, self.density[level])
            if guided:
                log_share = torch.log_softmax(logits.float(), dim=-1)
                with_plan, without = log_share.chunk(2)
                logits = without + guidance * (with_plan - without)
            code = sample(logits.float(), generator, temperature, top_p, TOP_K)
            codes.append(code)
            if guided:
                code = torch.cat((code, code))
            last = F.embedding(code, self.codebooks[level]) * self.scale
            partial = partial + last
        self._remember(state, partial)
        return torch.stack(codes, dim=-1)

    def resize(self, state: PlayerState, batch: int) -> PlayerState:
        """The same stream with another batch: rows are dropped, or are copies of the first."""
        fresh = self.make_state(batch)
        fresh.history.copy_(state.history[:1].expand_as(fresh.history) if len(state.history) < batch else state.history[:batch])
        for new, old in zip(fresh.transformer.layers, state.transformer.layers, strict=True):
            new.keys.copy_(old.keys[:1].expand_as(new.keys))
            new.values.copy_(old.values[:1].expand_as(new.values))
            new.length, new.end = old.length, old.end
        for (key, value), (old_key, old_value) in zip(fresh.memory, state.memory, strict=True):
            key.copy_(old_key[:1].expand_as(key))
            value.copy_(old_value[:1].expand_as(value))
        return fresh

    @torch.no_grad()
    def prefill(self, codes: Tensor, controls: Tensor, roll: Tensor, state: PlayerState) -> None:
        """Go on after frames that were given, not drawn. Shapes as in `forward`."""
        latents = self.vectors(codes).sum(dim=-2)
        first = state.history.view(len(codes), HISTORY, -1).flip(1)
        before = self._history(first, latents)
        self.transformer.step(self.enter(before) + self.controls(controls) + self.roll(roll), state.transformer, state.memory)
        for step in range(latents.shape[1]):
            self._remember(state, latents[:, step : step + 1])

    def _remember(self, state: PlayerState, latent: Tensor) -> None:
        """Put the newest latent in front. Shape: latent [batch, 1, latent]."""
        state.history.copy_(torch.cat((latent, state.history[..., : -self.config.latent]), dim=-1))
