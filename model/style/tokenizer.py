"""Subword tokenizer of style prompts: byte-level BPE over lower-cased text, so that no prompt is out of its alphabet.

Source: byte-pair encoding after Sennrich et al. 2016, over bytes as in GPT-2; by the package `tokenizers`. No torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from jamd.contract.errors import EngineError

SIZE: Final = 2048
PAD: Final = "[PAD]"
START: Final = "[START]"
_SPECIAL: Final = (PAD, START)


class StyleTokenizer:
    """Text to token numbers and back. Every text begins with the start token, so that none is empty."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        numbers = [tokenizer.token_to_id(token) for token in _SPECIAL]
        if numbers != [0, 1]:
            raise EngineError("the style tokenizer lacks its special tokens", code="weights")

    @classmethod
    def train(cls, texts: Iterable[str], size: int = SIZE) -> StyleTokenizer:
        """Learn merges from texts until the vocabulary has `size` entries, or no pair occurs twice."""
        tokenizer = Tokenizer(models.BPE())
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=True)]
        )
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=2,
            special_tokens=list(_SPECIAL),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    @classmethod
    def from_text(cls, text: str) -> StyleTokenizer:
        """From the JSON that `to_text` gave.

        Raises:
            EngineError: it is no tokenizer, or not one of ours.
        """
        try:
            tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # the package raises plain Exception
            raise EngineError(f"cannot read the style tokenizer: {error}", code="weights") from error
        return cls(tokenizer)

    @classmethod
    def load(cls, path: Path) -> StyleTokenizer:
        """From a JSON file.

        Raises:
            EngineError: the file is missing or damaged.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise EngineError(f"cannot read the style tokenizer {path}: {error}", code="weights") from error
        return cls.from_text(text)

    def to_text(self) -> str:
        """The whole tokenizer as JSON."""
        return self._tokenizer.to_str()

    def save(self, path: Path) -> None:
        """Write the JSON file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.to_text() + "\n", encoding="utf-8")

    def __len__(self) -> int:
        """Entries of the vocabulary."""
        return self._tokenizer.get_vocab_size()

    def encode(self, text: str, longest: int | None = None) -> list[int]:
        """Token numbers, the start token first, cut to `longest`."""
        return [1, *self._tokenizer.encode(text, add_special_tokens=False).ids][:longest]

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of token numbers, in lower case."""
        return self._tokenizer.decode([token for token in tokens if token > 1]).strip()

    def batch(self, texts: Iterable[str], longest: int) -> NDArray[np.int64]:
        """Token numbers padded with 0. Shape: [texts, at most `longest`]."""
        return pad([self.encode(text, longest) for text in texts])


def pad(rows: list[list[int]]) -> NDArray[np.int64]:
    """Rows of different lengths filled up with 0. Shape: [rows, longest row]."""
    out = np.zeros((len(rows), max((len(row) for row in rows), default=1)), np.int64)
    for index, row in enumerate(rows):
        out[index, : len(row)] = row
    return out
