"""The codec as a whole.

stereo > mid/side > MDCT > whitening and companding, levels of bands > causal ConvNeXt > 64-dim latent > residual codes
residual codes > causal ConvNeXt > gains of bands > expanding > inverse MDCT > stereo, one hop (13.3 ms) late
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.codec.bands import band_shapes
from model.codec.mdct import imdct, mdct, mdct_basis
from model.codec.quantizer import ResidualQuantizer
from model.config import CodecConfig
from model.layers.convnext import CausalConvNeXtStack, StackState
from model.streaming import StreamState

CEILING = 4.2
"""Of what is decoded, companded: a little above what music reaches (3.7), so that a wild draw of codes is no bang."""


LOUDEST_GAIN = 1.0
"""Of a band, as a natural logarithm: a band is turned down as far as it takes, and hardly up."""
QUIET = 1e-12
"""Power of a coefficient below which a level counts as silence (-120 dB)."""


@dataclass
class EncoderState(StreamState):
    previous: Tensor
    """The hop before. Shape: [batch, 2, hop]."""
    stack: StackState


@dataclass
class DecoderState(StreamState):
    tail: Tensor
    """Second half of the last inverse frame. Shape: [batch, 2, hop]."""
    stack: StackState


class Codec(nn.Module):
    """Encode stereo to codes and back.

    Audio is [batch, 2, samples] with samples a multiple of `config.hop`, in the range -1..1; codes are
    [batch, steps, levels]. Decoded audio lies one hop after the audio that was encoded (`delay` samples).
    """

    basis: Tensor
    deviation: Tensor
    shapes: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        spectrum = 2 * config.hop + 2 * config.bands
        self.encoder = CausalConvNeXtStack(spectrum, config.latent, config.width, config.encoder_blocks, config.expansion, config.kernel)
        self.quantizer = ResidualQuantizer(config.levels, config.codebook_size, config.latent)
        self.decoder = CausalConvNeXtStack(config.latent, spectrum, config.width, config.decoder_blocks, config.expansion, config.kernel)
        self.register_buffer("basis", mdct_basis(config.hop), persistent=False)
        self.register_buffer("deviation", torch.ones(2, config.hop))
        self.register_buffer("shapes", band_shapes(config.hop, config.bands), persistent=False)

    @property
    def delay(self) -> int:
        """Samples by which decoded audio lies behind the encoded."""
        return self.config.hop

    def _hops(self, audio: Tensor) -> Tensor:
        batch, channels, samples = audio.shape
        if channels != 2 or samples % self.config.hop:
            raise ValueError(f"audio must be [batch, 2, n * {self.config.hop}], not {list(audio.shape)}")
        middle = (audio[:, 0] + audio[:, 1]) * 0.5
        side = (audio[:, 0] - audio[:, 1]) * 0.5
        return torch.stack((middle, side), dim=1).reshape(batch, 2, -1, self.config.hop).transpose(1, 2)

    @staticmethod
    def _stereo(hops: Tensor) -> Tensor:
        batch, steps, _, hop = hops.shape
        middle, side = hops.transpose(1, 2).reshape(batch, 2, steps * hop).unbind(dim=1)
        return torch.stack((middle + side, middle - side), dim=1)

    def compand(self, coefficients: Tensor) -> Tensor:
        """Whitened, asinh-companded coefficients."""
        return torch.asinh(coefficients / self.deviation * self.config.compression)

    def expand(self, companded: Tensor) -> Tensor:
        """Inverse of `compand`; bounded so that a wild network output stays finite."""
        return torch.sinh(companded.clamp(-9.0, 9.0)) / self.config.compression * self.deviation

    def analyse(self, audio: Tensor) -> Tensor:
        """Companded spectrum of whole audio. Shape: [batch, 2, samples] to [batch, steps, 2, hop]."""
        hops = self._hops(audio)
        return self.compand(mdct(hops, torch.zeros_like(hops[:, 0]), self.basis))

    def synthesise(self, companded: Tensor) -> Tensor:
        """Audio of a whole companded spectrum, one hop late. Shape: [batch, steps, 2, hop] to [batch, 2, samples]."""
        hops, _ = imdct(self.expand(companded), torch.zeros_like(companded[:, 0]), self.basis)
        return self._stereo(hops)

    def levels_of(self, companded: Tensor) -> Tensor:
        """Levels of bands, about -1..1. Shape: [batch, steps, 2, hop] to [batch, steps, 2 * bands]."""
        power = self.expand(companded).square() @ self.shapes.T / self.shapes.sum(dim=1)
        return ((power + QUIET).log() / 9.0 + 2.0).flatten(2)

    def to_latents(self, companded: Tensor) -> Tensor:
        """Shape: [batch, steps, 2, hop] to [batch, steps, latent]."""
        flat = companded.flatten(2)
        if self.config.bands:
            flat = torch.cat((flat, self.levels_of(companded)), dim=-1)
        return self.encoder(flat)  # type: ignore[no-any-return]

    def _gained(self, decoded: Tensor) -> Tensor:
        """What the decoder's stack says, its gains applied. Shape: [batch, steps, 2 * hop + 2 * bands] to [batch, steps, 2, hop]."""
        hop, bands = self.config.hop, self.config.bands
        companded = decoded[..., : 2 * hop].reshape(*decoded.shape[:-1], 2, hop)
        if bands:
            gains = decoded[..., 2 * hop :].reshape(*decoded.shape[:-1], 2, bands).clamp(max=LOUDEST_GAIN) @ self.shapes
            companded = companded * gains.exp()
        return companded

    def from_latents(self, latents: Tensor) -> Tensor:
        """Shape: [batch, steps, latent] to [batch, steps, 2, hop]."""
        return self._gained(self.decoder(latents))

    @torch.no_grad()
    def encode(self, audio: Tensor, levels: int | None = None) -> Tensor:
        """Codes of whole audio."""
        return self.quantizer.encode(self.to_latents(self.analyse(audio)), levels)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Whole audio of codes with any number of levels, one hop late."""
        return self.synthesise(self.from_latents(self.quantizer.decode(codes)).clamp(-CEILING, CEILING))

    def make_encoder_state(self, batch: int = 1) -> EncoderState:
        return EncoderState(self.basis.new_zeros(batch, 2, self.config.hop), self.encoder.make_state(batch))

    def make_decoder_state(self, batch: int = 1) -> DecoderState:
        return DecoderState(self.basis.new_zeros(batch, 2, self.config.hop), self.decoder.make_state(batch))

    @torch.no_grad()
    def encode_step(self, audio: Tensor, state: EncoderState, levels: int | None = None) -> Tensor:
        """Codes of the next hops. Shape: audio [batch, 2, n * hop] to [batch, n, levels]."""
        hops = self._hops(audio)
        companded = self.compand(mdct(hops, state.previous, self.basis))
        state.previous.copy_(hops[:, -1])
        flat = companded.flatten(2)
        if self.config.bands:
            flat = torch.cat((flat, self.levels_of(companded)), dim=-1)
        return self.quantizer.encode(self.encoder.step(flat, state.stack), levels)

    @torch.no_grad()
    def spectrum_step(self, latents: Tensor, state: DecoderState) -> Tensor:
        """Coefficients of the next frames. Shape: latents [batch, n, latent] to [batch, n, 2, hop]."""
        return self.expand(self._gained(self.decoder.step(latents, state.stack)).clamp(-CEILING, CEILING))

    @torch.no_grad()
    def synthesise_step(self, spectrum: Tensor, state: DecoderState) -> Tensor:
        """The next hops of audio. Shape: [batch, n, 2, hop] to [batch, 2, n * hop]."""
        hops, tail = imdct(spectrum, state.tail, self.basis)
        state.tail.copy_(tail)
        return self._stereo(hops)

    @torch.no_grad()
    def decode_step(self, codes: Tensor, state: DecoderState) -> Tensor:
        """The next hops of audio. Shape: codes [batch, n, levels] to [batch, 2, n * hop]."""
        return self.synthesise_step(self.spectrum_step(self.quantizer.decode(codes), state), state)
