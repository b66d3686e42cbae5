"""Write the codec's codes beside every stored piece: `python -m model.training.tokens STORE CODEC`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from jamd.contract.units import FRAME_SAMPLES
from model.checkpoint import load_weights, read_header
from model.codec import Codec
from model.config import CodecConfig
from model.training.store import Store


def load_codec(path: Path) -> Codec:
    """The codec of a weights file, ready to use."""
    codec = Codec(CodecConfig.from_dict(read_header(path)["config"]))
    load_weights(path, codec)
    return codec.eval().requires_grad_(False)


@torch.no_grad()
def encode_pieces(store: Store, codec: Codec, levels: int, again: bool = False) -> float:
    """Returns the seconds of audio that were encoded."""
    seconds = 0.0
    for piece in [*store.pieces(valid=True), *store.pieces()]:
        if piece.has_codes and not again:
            continue
        audio = torch.from_numpy(piece.audio.T.astype(np.float32) / 32768.0)[None]
        audio = audio[..., : audio.shape[-1] // FRAME_SAMPLES * FRAME_SAMPLES]
        codes = codec.encode(audio, levels)[0].numpy().astype(np.int16)
        part = piece.folder / ".codes.npy"
        np.save(part, codes)
        part.rename(piece.folder / "codes.npy")
        seconds += audio.shape[-1] / 48_000
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("codec", type=Path)
    parser.add_argument("--levels", type=int, default=8)
    parser.add_argument("--again", action="store_true", help="encode what has codes already, too")
    options = parser.parse_args()
    begin = time.monotonic()
    seconds = encode_pieces(Store(options.store), load_codec(options.codec), options.levels, options.again)
    print(f"{seconds / 3600:.2f} h encoded, {seconds / (time.monotonic() - begin):.1f} x real time")


if __name__ == "__main__":
    main()
