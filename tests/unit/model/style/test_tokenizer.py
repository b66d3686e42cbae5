"""The tokenizer of prompts: subwords of what captions say, bytes for all else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.contract.errors import EngineError
from model.style.tokenizer import SIZE, StyleTokenizer, pad
from model.training.style_tokenizer import WEIGHTS, training_texts

SHIPPED = StyleTokenizer.load(WEIGHTS / "small-style-tokenizer.json")


def test_size() -> None:
    assert 1500 < len(SHIPPED) <= SIZE


def test_words_of_captions_are_single_tokens() -> None:
    for word in ("bossa", "tenor", "waltz", "brushes", "quartet", "mellow", "rhodes"):
        assert len(SHIPPED.encode(f"a {word}")) == 3  # start, "a", the word


def test_case_does_not_matter() -> None:
    assert SHIPPED.encode("Slow BALLAD, Tenor Sax") == SHIPPED.encode("slow ballad, tenor sax")


@given(st.text(max_size=80))
def test_any_text_is_encoded(text: str) -> None:
    tokens = SHIPPED.encode(text)
    assert tokens[0] == 1
    assert all(1 < token < len(SHIPPED) for token in tokens[1:])


@pytest.mark.parametrize("text", ["tomato soup with 3 lemons", "bossa für zwei", "酒場のジャズ", "kazoo 🎷 solo"])
def test_decodes_what_it_encoded(text: str) -> None:
    # numbers are split into digits, each after a space
    assert SHIPPED.decode(SHIPPED.encode(text)).replace(" ", "") == text.replace(" ", "")


def test_cut_and_padded() -> None:
    batch = SHIPPED.batch(["bossa", "a very slow ballad " * 40], 32)
    assert batch.shape == (2, 32)
    assert (batch[0, 2:] == 0).all()
    assert (batch[1] > 0).all()
    assert batch[:, 0].tolist() == [1, 1]
    np.testing.assert_array_equal(pad([[1, 2, 3], [1]]), [[1, 2, 3], [1, 0, 0]])


def test_training_is_a_pure_function_of_its_seed(tmp_path: Path) -> None:
    one = StyleTokenizer.train(training_texts(1, 400), 500)
    two = StyleTokenizer.train(training_texts(1, 400), 500)
    assert one.to_text() == two.to_text()
    assert len(one) == 500
    one.save(tmp_path / "tokenizer.json")
    assert StyleTokenizer.load(tmp_path / "tokenizer.json").encode("slow bossa") == one.encode("slow bossa")


def test_damage_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot read"):
        StyleTokenizer.load(tmp_path / "none.json")
    with pytest.raises(EngineError, match="cannot read"):
        StyleTokenizer.from_text("{}")
