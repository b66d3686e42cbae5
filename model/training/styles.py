"""Write style embeddings beside every stored piece: `python -m model.training.styles STORE STYLE`.

Each piece gets some of captions in different wordings and some of stretches of its audio: the player learns to follow both.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from jamd.contract.units import SAMPLE_RATE
from model.style.encoder import StyleEncoder
from model.training.store import Store, StoredPiece
from model.training.style import describe

CAPTIONS, STRETCHES, SECONDS = 8, 3, 6


@torch.no_grad()
def embed_piece(piece: StoredPiece, encoder: StyleEncoder) -> np.ndarray:
    """Shape: [CAPTIONS + STRETCHES, style width], float16; fewer stretches of a piece that is too short."""
    rng = np.random.default_rng([20_29, piece.seed])
    seconds = len(piece.audio) / SAMPLE_RATE
    captions = [describe(rng, piece.about, 0.0, seconds) for _ in range(CAPTIONS)]
    rows = [encoder.embed_text(captions)]
    length = SECONDS * SAMPLE_RATE
    if len(piece.audio) > length:
        starts = rng.integers(len(piece.audio) - length, size=STRETCHES)
        audio = np.stack([piece.audio[start : start + length].T.astype(np.float32) / 32768.0 for start in starts])
        rows.append(encoder.embed_audio(torch.from_numpy(audio)))
    return torch.cat(rows).numpy().astype(np.float16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("style", type=Path)
    options = parser.parse_args()
    store, encoder = Store(options.store), StyleEncoder.load(options.style)
    begin = time.monotonic()
    pieces = [*store.pieces(valid=True), *store.pieces()]
    for piece in pieces:
        part = piece.folder / ".styles.npy"
        np.save(part, embed_piece(piece, encoder))
        part.rename(piece.folder / "styles.npy")
    print(f"{len(pieces)} pieces in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
