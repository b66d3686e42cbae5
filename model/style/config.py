"""Sizes of the style encoder. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from model.config import _Config


@dataclass(frozen=True)
class StyleConfig(_Config):
    """Text and audio towers into one space of `embedding` numbers, compared by their cosine."""

    embedding: int = 512
    temperature: float = 0.07
    vocabulary: int = 2048
    """Rows of the token table; the tokenizer has at most so many entries."""
    text_width: int = 192
    text_layers: int = 3
    text_heads: int = 4
    text_feedforward: int = 384
    tokens: int = 64
    """Longest text; what is longer is cut."""
    bands: int = 80
    hop: int = 960
    """Samples at 48 kHz between two frames of the log-mel: 50 Hz."""
    window: int = 2048
    audio_width: int = 192
    audio_blocks: int = 4
    audio_heads: int = 4
    """Queries of the attention pooling."""
    lags: int = 100
    """Lags of the onset autocorrelation, in frames."""
    centroids: int = 64
    """Centres of the training captions, by which a familiar prompt is known."""


STYLE: Final = {"small": StyleConfig()}
