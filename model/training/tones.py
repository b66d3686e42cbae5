"""Train the tones on top of a finished codec: `python -m model.training.tones STORE CODEC OUT --minutes M`.

Codes come from the store, with as many levels as the player writes; codec and codes stay as they are. What is compared are
magnitudes alone: the phase of a planned tone is nobody's choice.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jamd.contract.units import FRAME_SAMPLES
from model.checkpoint import save_weights
from model.codec.losses import SpectralLoss
from model.codec.tones import Tones, sources_of
from model.conditioning import ROLL_WIDTH, roll
from model.config import TONES
from model.layers.excitation import excite
from model.training.loop import Budget, Loop
from model.training.store import Store, StoredPiece
from model.training.tokens import load_codec

SKIP = 12
"""Frames at the start of a crop that only warm the networks up."""
Crop = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def draw(piece: StoredPiece, rng: np.random.Generator, steps: int, levels: int) -> Crop:
    """Codes [steps, levels], roll, excitation [SOURCES, (steps + 1) * hop] from a hop before, audio [2, steps * hop]."""
    start = 1 + int(rng.integers(min(len(piece.codes), len(piece.audio) // FRAME_SAMPLES) - steps - 1))
    codes = piece.codes[start : start + steps, :levels].astype(np.int64)
    audio = piece.audio[start * FRAME_SAMPLES : (start + steps) * FRAME_SAMPLES].T.astype(np.float32) / 32768.0
    sound = excite(piece.notes, (start - 1) * FRAME_SAMPLES, (steps + 1) * FRAME_SAMPLES)
    return codes, roll(piece.notes, start, steps), sound, audio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("codec", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--preset", default="small", choices=sorted(TONES))
    parser.add_argument("--levels", type=int, default=4, help="of the codec, as the player writes")
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--steps", type=int, default=96)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    codec = load_codec(options.codec).to(device)
    tones = Tones(TONES[options.preset])
    books = torch.stack([book.codes for book in codec.quantizer.books()])
    tones.scale.copy_(1.0 / books[0].std().clamp(min=1e-6))
    tones.to(device)
    spectral = SpectralLoss((256, 1024, 4096)).to(device)
    optimiser = torch.optim.AdamW(tones.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=1e-3)
    store = Store(options.store)
    print(f"{sum(p.numel() for p in tones.parameters()) / 1e6:.2f} M parameters", flush=True)

    def usable(valid: bool) -> list[StoredPiece]:
        return [p for p in store.pieces(valid=valid) if p.has_codes and len(p.codes) > options.steps + 4]

    def losses(crops: list[Crop], plain: bool = False) -> tuple[Tensor, dict[str, float]]:
        columns: tuple[tuple[NDArray[Any], ...], ...] = tuple(zip(*crops, strict=True))
        codes, plan, sound, audio = (torch.from_numpy(np.stack(column)).to(device) for column in columns)
        with torch.no_grad(), torch.autocast(device, dtype=torch.bfloat16):
            latents = codec.quantizer.decode(codes)
            companded = codec.from_latents(latents)
        spectrum = codec.expand(companded.float())
        if not plain:
            with torch.autocast(device, dtype=torch.bfloat16):
                gains = tones.gains(latents, plan)
            noise = torch.randn_like(spectrum)
            spectrum = tones.apply_gains(gains.float(), spectrum, sources_of(sound, codec.basis), noise)
        out = codec.synthesise(codec.compand(spectrum))
        skip = SKIP * FRAME_SAMPLES
        made, true = out[..., skip:], audio[..., skip - codec.delay : -codec.delay]
        stft, mel = spectral(made, true)
        total = stft + 2.0 * mel
        figures = {"stft": float(stft.detach()), "mel": float(mel.detach())}
        return total, figures

    def step(_: int) -> tuple[Tensor, dict[str, float]]:
        pieces = usable(False)
        crops = [draw(pieces[int(rng.integers(len(pieces)))], rng, options.steps, options.levels) for _ in range(options.batch)]
        for crop in crops:
            if rng.random() < 0.08:  # no plan: the decoder alone
                crop[1].fill(0.0)
                crop[2].fill(0.0)
        return losses(crops)

    @torch.no_grad()
    def validate() -> dict[str, float]:
        tones.eval()
        fixed = np.random.default_rng(0)
        crops = [draw(piece, fixed, options.steps, options.levels) for piece in usable(True) for _ in range(2)]
        _, figures = losses(crops)
        _, bare = losses(crops, plain=True)
        figures |= {f"{name}_codec_alone": value for name, value in bare.items()}
        tones.train()
        save_weights(options.out / "tones.safetensors", tones, "tones", tones.config.to_dict(), figures, keep_float=("scale",))
        return figures

    assert tones.roll.in_features == ROLL_WIDTH
    Loop(tones, optimiser, step, options.out, Budget(options.minutes, options.rate), validate, validate_s=180.0).run()


if __name__ == "__main__":
    main()
