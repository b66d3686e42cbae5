"""Sizes of every network as frozen dataclasses. Importable without torch.

A checkpoint carries its own config; these are the named presets from which training starts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

from jamd.contract.units import FRAME_RATE, FRAME_SAMPLES


class _Config:
    """Round trip to plain values for a checkpoint's header."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from plain values.

        Raises:
            ValueError: a key that this config does not have.
        """
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"{cls.__name__} has no field {', '.join(unknown)}")
        return cls(**values)


@dataclass(frozen=True)
class CodecConfig(_Config):
    """Causal MDCT codec: 48 kHz stereo to `levels` codes of `codebook_size` at 75 Hz."""

    hop: int = FRAME_SAMPLES
    width: int = 384
    encoder_blocks: int = 4
    decoder_blocks: int = 8
    expansion: int = 3
    kernel: int = 7
    latent: int = 64
    levels: int = 8
    codebook_size: int = 2048
    compression: float = 1.0
    """Slope of the asinh companding of whitened MDCT coefficients."""
    bands: int = 0
    """Bands of mid and side whose levels the encoder is told and whose gains the decoder sets; 0: none."""

    @property
    def bits_per_second(self) -> float:
        return FRAME_RATE * self.levels * (self.codebook_size - 1).bit_length()


@dataclass(frozen=True)
class TonesConfig(_Config):
    """Gains of planned sounds and noise from codes and plan."""

    hop: int = FRAME_SAMPLES
    latent: int = 64
    width: int = 256
    blocks: int = 4
    expansion: int = 2
    kernel: int = 5
    bands: int = 32
    steady_s: float = 0.3
    """Seconds over which the gains of sources are averaged: their envelopes know how a sound moves."""


@dataclass(frozen=True)
class PlayerConfig(_Config):
    """Autoregressive transformer over codec frames, one step a frame, all levels by a depth head."""

    width: int = 384
    layers: int = 6
    heads: int = 6
    feedforward: int = 1536
    window: int = 256
    """Attention reaches this many steps back (3.4 s at 75 Hz); no more than the crops of the training."""
    levels: int = 4
    """Codec levels that are written; the codec decodes any number."""
    codebook_size: int = 2048
    latent: int = 64
    """Width of the codec's latent, which is how codes enter."""
    depth_width: int = 256
    depth_layers: int = 1
    style_width: int = 512
    """Width of a style embedding."""
    style_tokens: int = 0
    """Tokens that a style embedding becomes; 0: the network takes no style."""
    cross_every: int = 4
    """A block in so many begins with cross-attention to the style tokens."""


@dataclass(frozen=True)
class PlannerConfig(_Config):
    """Autoregressive transformer over note events, a chord-aware head a field."""

    width: int = 256
    layers: int = 4
    heads: int = 4
    feedforward: int = 1024
    context: int = 1536
    """Events of the past that attention reaches."""
    style_width: int = 0
    """Width of a style embedding; 0: the network takes no style."""


CODEC: Final = {"small": CodecConfig(bands=32)}
TONES: Final = {"small": TonesConfig()}
PLAYER: Final = {
    "small": PlayerConfig(window=512, style_tokens=4),
    "paper": PlayerConfig(width=1024, layers=24, heads=16, feedforward=4096, window=750, levels=8, depth_width=512, style_tokens=8),
    "base": PlayerConfig(width=1536, layers=24, heads=24, feedforward=6144, window=750, levels=8, depth_width=512, style_tokens=4),
}
PLANNER: Final = {"small": PlannerConfig(style_width=512)}
