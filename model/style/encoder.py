"""Style encoder: text and audio into one space, so that a prompt, a recording and a blend of both mean the same to a player.

Two towers trained by contrast at temperature 0.07. Source: Radford et al. 2021 (CLIP); for music and words Huang et al. 2022
(MuLan). The familiarity of an embedding comes from the centres of the training captions: a prompt far from jazz shrinks to the
neutral embedding and does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jamd.contract.errors import EngineError
from model.checkpoint import load_weights, read_header, save_weights
from model.style.config import StyleConfig
from model.style.mel import LogMel, level_normalise, onset_lags
from model.style.tokenizer import StyleTokenizer

KIND = "style"


class TextTower(nn.Module):
    """Tokens, padded with 0, to a vector. Shape: [batch, tokens] to [batch, embedding]."""

    def __init__(self, config: StyleConfig) -> None:
        super().__init__()
        width = config.text_width
        self.tokens = nn.Embedding(config.vocabulary, width)
        self.positions = nn.Parameter(torch.randn(config.tokens, width) * 0.01)
        nn.init.normal_(self.tokens.weight, std=0.05)
        layer = nn.TransformerEncoderLayer(
            width, config.text_heads, config.text_feedforward, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, config.text_layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.out = nn.Linear(width, config.embedding)

    def forward(self, tokens: Tensor) -> Tensor:
        heard = tokens != 0
        x = self.layers(self.tokens(tokens) + self.positions[: tokens.shape[1]], src_key_padding_mask=~heard)
        mean = (x * heard[..., None]).sum(dim=1) / heard.sum(dim=1, keepdim=True).clamp(min=1)
        return self.out(mean)  # type: ignore[no-any-return]


class _Block(nn.Module):
    """Depthwise convolution over time and a wide pointwise pair, added to what came in. Shape: [batch, frames, width]."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 7, padding=3 * dilation, dilation=dilation, groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        return x + self.narrow(F.gelu(self.wide(self.norm(mixed))))  # type: ignore[no-any-return]


class AudioTower(nn.Module):
    """Log-mel at any level to a vector. Shape: [batch, frames, bands] to [batch, embedding]."""

    def __init__(self, config: StyleConfig) -> None:
        super().__init__()
        self.config = config
        width = config.audio_width
        self.first = nn.Conv1d(config.bands, width, 5, stride=2, padding=2)
        self.second = nn.Conv1d(width, width, 5, stride=3, padding=2)
        self.blocks = nn.ModuleList(_Block(width, 2 ** (index % 3)) for index in range(config.audio_blocks))
        self.query = nn.Linear(width, config.audio_heads)
        self.norm = nn.LayerNorm(width)
        self.spectrum = nn.Linear(2 * config.bands, width)
        self.time = nn.Linear(3 * config.lags, width)
        joint = width * (config.audio_heads + 2)
        self.out = nn.Sequential(nn.Linear(joint, config.embedding), nn.GELU(), nn.Linear(config.embedding, config.embedding))

    def forward(self, mel: Tensor) -> Tensor:
        mel = level_normalise(mel)
        x = F.gelu(self.second(F.gelu(self.first(mel.transpose(1, 2))))).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        attention = self.query(x).softmax(dim=1)
        pooled = self.norm(attention.transpose(1, 2) @ x).flatten(1)
        spectrum = F.gelu(self.spectrum(torch.cat((mel.mean(dim=1), mel.std(dim=1)), dim=1)))
        time = F.gelu(self.time(onset_lags(mel, self.config.lags)))
        return self.out(torch.cat((pooled, spectrum, time), dim=1))  # type: ignore[no-any-return]


class StyleEncoder(nn.Module):
    """Text and audio to unit vectors of `config.embedding` numbers.

    Raises:
        EngineError: the tokenizer has more entries than the config has rows for.
    """

    def __init__(self, config: StyleConfig, tokenizer: StyleTokenizer) -> None:
        super().__init__()
        if len(tokenizer) > config.vocabulary:
            raise EngineError(f"{len(tokenizer)} tokens, but room for {config.vocabulary}", code="weights")
        self.config = config
        self.tokenizer = tokenizer
        self.mel = LogMel(config)
        self.text = TextTower(config)
        self.audio = AudioTower(config)
        # set by `calibrate`; before that everything is familiar
        self.register_buffer("centroids", torch.zeros(config.centroids, config.embedding))
        self.register_buffer("neutral", torch.zeros(config.embedding))
        self.register_buffer("familiar", torch.tensor([-2.0, -1.0]))
        self.centroids: Tensor
        self.neutral: Tensor
        self.familiar: Tensor

    @property
    def device(self) -> torch.device:
        return self.neutral.device

    def tokenise(self, texts: Sequence[str]) -> Tensor:
        """Token numbers padded with 0. Shape: [texts, tokens]."""
        return torch.from_numpy(self.tokenizer.batch(texts, self.config.tokens)).to(self.device)

    def embed_tokens(self, tokens: Tensor) -> Tensor:
        """Shape: [batch, tokens] to [batch, embedding], each of length 1."""
        return F.normalize(self.text(tokens).float(), dim=1)

    def embed_mel(self, mel: Tensor) -> Tensor:
        """Log-mel as `self.mel` gives it. Shape: [batch, frames, bands] to [batch, embedding], each of length 1."""
        return F.normalize(self.audio(mel).float(), dim=1)

    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """Prompts of any length and language; what lies past `config.tokens` is cut. Shape: [texts, embedding], each of length 1.

        Raises:
            ValueError: no text at all.
        """
        if not texts:
            raise ValueError("no text to embed")
        return self.embed_tokens(self.tokenise(texts))

    def embed_audio(self, audio: Tensor) -> Tensor:
        """Stereo at 48 kHz, best 4 to 10 s, at any level. Shape: [batch, 2, samples] to [batch, embedding], each of length 1.

        Raises:
            ValueError: not stereo, or too short for the lags of the rhythm (2.1 s).
        """
        shortest = self.config.window + self.config.hop * (self.config.lags + 4)
        if audio.ndim != 3 or audio.shape[1] != 2:
            raise ValueError(f"audio has shape {list(audio.shape)}, not [batch, 2, samples]")
        if audio.shape[2] < shortest:
            raise ValueError(f"{audio.shape[2]} samples are too few: at least {shortest}")
        return self.embed_mel(self.mel(audio))

    def familiarity(self, embedding: Tensor) -> float:
        """How near an embedding is to the training captions: 0 unknown, 1 as near as a caption. Shape: [embedding]."""
        nearest = float((self.centroids @ F.normalize(embedding.float(), dim=0)).max())
        low, high = (float(value) for value in self.familiar)
        return min(max((nearest - low) / max(high - low, 1e-6), 0.0), 1.0)

    def safe(self, embedding: Tensor) -> Tensor:
        """An embedding drawn towards the neutral one by as much as it is unfamiliar. Shape: [embedding], of length 1."""
        share = self.familiarity(embedding)
        mixed = share * F.normalize(embedding.float(), dim=0) + (1.0 - share) * self.neutral
        return F.normalize(mixed, dim=0)

    @torch.no_grad()
    def calibrate(self, captions: Tensor, unseen: Tensor, unrelated: Tensor, seed: int = 0) -> None:
        """Set centroids and the neutral embedding from training captions, the bounds of familiarity from other texts.

        An unseen wording is fully familiar in 9 cases of 10; an unrelated text is wholly unfamiliar in 9 of 10 where the two
        can be told apart.

        Shape: three of [texts, embedding], the first with at least `config.centroids` rows.
        """
        generator = torch.Generator().manual_seed(seed)
        start = torch.randperm(len(captions), generator=generator)[: self.config.centroids]
        centres = captions[start.to(captions.device)].clone()
        for _ in range(20):  # k-means on the sphere
            nearest = (captions @ centres.T).argmax(dim=1)
            sums = torch.zeros_like(centres).index_add_(0, nearest, captions)
            centres = torch.where(sums.norm(dim=1, keepdim=True) > 0, F.normalize(sums, dim=1), centres)
        self.centroids.copy_(centres)
        self.neutral.copy_(F.normalize(captions.mean(dim=0), dim=0))
        high = float((unseen @ centres.T).amax(dim=1).quantile(0.1))
        low = float((unrelated @ centres.T).amax(dim=1).quantile(0.9))
        self.familiar.copy_(torch.tensor([min(low, high - 0.05), high]))

    def save(self, path: Path, metadata: dict[str, Any] | None = None) -> None:
        """Write weights, config and the tokenizer to one file."""
        about = {**(metadata or {}), "tokenizer": self.tokenizer.to_text()}
        save_weights(path, self, KIND, self.config.to_dict(), about, keep_float=("centroids", "neutral", "familiar"))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote, ready to embed.

        Raises:
            EngineError: the file is missing, damaged or holds another kind of network.
        """
        header = read_header(path)
        if header["kind"] != KIND or "tokenizer" not in header["metadata"]:
            raise EngineError(f"{path} holds a {header['kind']}, not a style encoder", code="weights")
        encoder = cls(StyleConfig.from_dict(header["config"]), StyleTokenizer.from_text(header["metadata"]["tokenizer"]))
        load_weights(path, encoder)
        return encoder.eval()


def blend(embeddings: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum of styles, of length 1 again. A negative weight leads away from a style.

    Shape: [n, embedding], [n] to [embedding].

    Raises:
        ValueError: shapes that do not fit, weights that are all zero or not finite, or styles that cancel out.
    """
    if embeddings.ndim != 2 or weights.shape != embeddings.shape[:1]:
        raise ValueError(f"weights of shape {list(weights.shape)} for embeddings of shape {list(embeddings.shape)}")
    if not bool(torch.isfinite(weights).all()):
        raise ValueError("a weight is not finite")
    if not bool(weights.any()):
        raise ValueError("all weights are zero")
    mixed = weights.to(embeddings.dtype) @ embeddings
    if float(mixed.norm()) < 1e-4 * float(weights.abs().max()):
        raise ValueError("the styles cancel out")
    return F.normalize(mixed, dim=0)
