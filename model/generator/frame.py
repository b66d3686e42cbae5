"""One frame of player and codec in PyTorch with static shapes: no Python value decides anything, so it can be a CUDA graph.

The same networks as `Player.step` and `Codec.decode_step`, with a ring for keys and values, a place that is a tensor, and always two
rows (with and without the plan), mixed by a guidance that is a tensor too.

The player may be bf16 or NF4. What adds up over a stream or decides a draw stays float32: the history of latents, the rotary angles,
the logits once they are there, the codec.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from model.codec import Codec
from model.codec.tones import Tones, sources_of
from model.conditioning import CONTROL_WIDTH, ROLL_WIDTH
from model.cuda_graph import GraphedCall
from model.generator.player import HISTORY, TOP_K, Player
from model.layers.chamber import SOURCES
from model.layers.transformer import rotate


class Frame:
    """State, inputs and outputs of a stream, and the step over them.

    Write `controls`, `roll` and the knobs, call the object, read `codes` [1, 1, levels] and `audio` [1, 2, hop].
    """

    def __init__(self, player: Player, codec: Codec, seed: int = 0, tones: Tones | None = None) -> None:
        self.player, self.codec, self.tones = player, codec, tones
        config = player.config
        device = player.codebooks.device
        self.dtype = player.transformer.norm.weight.dtype
        self.generator = torch.Generator(device).manual_seed(seed)
        self.controls = torch.zeros(1, 1, CONTROL_WIDTH, device=device)
        self.roll = torch.zeros(1, 1, ROLL_WIDTH, device=device)
        self.temperature = torch.ones((), device=device)
        self.top_p = torch.ones((), device=device)
        self.guidance = torch.ones((), device=device)
        self.place = torch.zeros(1, dtype=torch.long, device=device)
        self.history = torch.zeros(2, 1, HISTORY * config.latent, device=device)
        self.codes = torch.zeros(1, 1, config.levels, dtype=torch.long, device=device)
        self.given = torch.full((1, 1, config.levels), -1, dtype=torch.long, device=device)
        """Codes to take instead of drawing them; -1: draw."""
        self.audio = torch.zeros(1, 2, codec.config.hop, device=device)
        self.excitation = torch.zeros(1, SOURCES, codec.config.hop, device=device)
        """Tones of the planned notes in this hop; silence without `tones`."""
        self._sound = torch.zeros(1, SOURCES, 2 * codec.config.hop, device=device)
        self._tones_state = None if tones is None else tones.make_state()
        width = config.width // config.heads
        shape = (2, config.heads, config.window, width)
        self.keys = [torch.zeros(shape, device=device, dtype=self.dtype) for _ in range(config.layers)]
        self.values = [torch.zeros(shape, device=device, dtype=self.dtype) for _ in range(config.layers)]
        with torch.no_grad():
            self.memory = [(key.to(self.dtype), value.to(self.dtype)) for key, value in player.memory(None, 2)]
        self._frequency = 10_000.0 ** (-torch.arange(0, width, 2, device=device, dtype=torch.float64) / width)
        self._slots = torch.arange(config.window, device=device)
        self._books = (player.codebooks * player.scale).float()
        self._density = player.density.to(self.dtype)
        self._none = torch.zeros(1, 1, config.width, device=device, dtype=self.dtype)
        """What the row without the plan is given."""
        self._decoder = codec.make_decoder_state()
        self._call = self._capture(False)
        self._adapted: GraphedCall | None = None
        """The same with the low-rank paths of adapters, which the plain step does without."""
        self.capture_adapted()

    def _capture(self, adapted: bool) -> GraphedCall:
        """The step, with or without adapters whichever sound now."""
        paths = self.player.transformer.paths
        if paths is None:
            return GraphedCall(self._step, self.controls.device, self.generator, self.reset)
        on, paths.on = paths.on, adapted
        try:
            return GraphedCall(self._step, self.controls.device, self.generator, self.reset)
        finally:
            paths.on = on

    def capture_adapted(self) -> None:
        """On CUDA: make ready for adapters, once there are paths for them. Ends the stream."""
        if self._call.graph is not None and self._adapted is None and self.player.transformer.paths is not None:
            self._adapted = self._capture(True)

    def reset(self) -> None:
        """Back to the start of a stream; the style stays."""
        self.place.zero_()
        self.history.zero_()
        self.given.fill_(-1)
        self._decoder.reset()
        self.audio.zero_()
        self.excitation.zero_()
        self._sound.zero_()
        if self._tones_state is not None:
            self._tones_state.reset()

    def restart(self, seed: int) -> None:
        """As new: a stream without a style. Nothing is captured again."""
        self.reset()
        self.set_style(None)
        self.generator.manual_seed(seed)

    @torch.no_grad()
    def set_style(self, style: Tensor | None) -> None:
        """In place, from the next frame on. Shape: [style width]."""
        fresh = self.player.memory(None if style is None else style[None].to(self.dtype))
        for (key, value), (new_key, new_value) in zip(self.memory, fresh, strict=True):
            key.copy_(new_key.expand_as(key))
            value.copy_(new_value.expand_as(value))

    def __call__(self) -> None:
        paths = self.player.transformer.paths
        if self._call.graph is None or paths is None or not paths.on:
            self._call()
        elif self._adapted is not None:
            self._adapted()
        else:  # the stream is older than the paths: slowly, but as it should sound
            self._step()

    def _transformer(self, x: Tensor) -> Tensor:
        transformer = self.player.transformer
        slot = self.place % len(self._slots)
        angle = self.place.double()[:, None] * self._frequency
        cos, sin = angle.cos().float(), angle.sin().float()
        seen = (self._slots <= self.place)[None, None, None]
        crossed = 0
        for index, block in enumerate(transformer.blocks):
            if self.memory and str(index) in transformer.cross:
                x = transformer.cross[str(index)](x, *self.memory[crossed])
                crossed += 1
            q, k, v = block._split(x)  # type: ignore[operator]
            q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
            self.keys[index].index_copy_(2, slot, k)
            self.values[index].index_copy_(2, slot, v)
            attended = F.scaled_dot_product_attention(q, self.keys[index], self.values[index], attn_mask=seen)
            x = block._finish(x, attended)  # type: ignore[operator]
        self.place.add_(1)
        return transformer.norm(x)  # type: ignore[no-any-return]

    def _draw(self, logits: Tensor) -> Tensor:
        """Temperature, nucleus, Gumbel's trick by exponential noise. Shape: [1, 1, codes] to [1, 1]."""
        values, index = torch.topk(logits / self.temperature.clamp(min=1e-4), min(TOP_K, logits.shape[-1]), dim=-1)
        share = torch.softmax(values, dim=-1)
        share = share * ((share.cumsum(dim=-1) - share) < self.top_p)
        noise = torch.empty_like(share).exponential_(generator=self.generator).clamp(min=1e-20)
        noise = torch.where(self.temperature > 0, noise, torch.ones_like(noise))
        return index.gather(-1, (share / noise).argmax(dim=-1, keepdim=True))[..., 0]

    @torch.no_grad()
    def _step(self) -> None:
        player, head, config = self.player, self.player.head, self.player.config
        dtype = self.dtype
        x = player.enter(self.history.to(dtype)) + player.controls(self.controls.to(dtype))
        x = x + torch.cat((player.roll(self.roll.to(dtype)), self._none))
        hidden = head.hidden(self._transformer(x)).unflatten(-1, (config.levels, head.width))
        partial = self.history.new_zeros(2, 1, config.latent)
        last = partial
        for level in range(config.levels):
            logits = head.level(level, hidden[..., level, :], partial.to(dtype), last.to(dtype), self._density[level]).float()
            drawn = self._draw(logits[1:] + self.guidance * (logits[:1] - logits[1:]))
            given = self.given[..., level]
            code = torch.where(given < 0, drawn, given)
            self.codes[..., level] = code
            last = F.embedding(code, self._books[level]).expand(2, -1, -1)
            partial = partial + last
        self.history.copy_(torch.cat((partial, self.history[..., : -config.latent]), dim=-1))
        latents = self.codec.quantizer.decode(self.codes)
        spectrum = self.codec.spectrum_step(latents, self._decoder)
        if self.tones is not None and self._tones_state is not None:
            self._sound.copy_(torch.cat((self._sound[..., self.excitation.shape[-1] :], self.excitation), dim=-1))
            sources = sources_of(self._sound, self.codec.basis)
            spectrum = self.tones.dim(spectrum, self.roll)
            gains = self.tones.gains_step(latents, self.roll, self.tones.levels(spectrum, sources), self._tones_state)
            noise = torch.empty_like(spectrum).normal_(generator=self.generator)
            spectrum = self.tones.apply_gains(gains, spectrum, sources, noise)
        self.audio.copy_(self.codec.synthesise_step(spectrum, self._decoder))
