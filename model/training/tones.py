"""Train the tones on top of a finished codec: `python -m model.training.tones STORE CODEC OUT --timbres FILE --minutes M`.

Codes come from the store, with as many levels as the player writes; codec and codes stay as they are. What the tones mix, the decoder's
spectra and those of the sources, is written beside every piece once (`--prepare` does that alone, and may run beside a training).
What is compared are levels in bands alone: the phase of a planned tone is nobody's choice.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from torch import Tensor

from jamd.contract.units import FRAME_SAMPLES
from model.checkpoint import load_what_fits, save_weights
from model.codec.codec import CEILING, Codec
from model.codec.discriminator import Discriminator, one_direction
from model.codec.losses import MixLoss, SpectralLoss
from model.codec.tones import Tones, sources_of
from model.conditioning import ROLL_WIDTH, roll
from model.config import TONES
from model.layers.chamber import SOURCES, chambered
from model.layers.excitation import excite
from model.layers.timbres import Orchestra, Tables
from model.training.loop import Budget, Loop, mixed
from model.training.store import Store, StoredPiece
from model.training.tokens import load_codec

SKIP = 12
"""Frames at the start of a crop that only warm the networks up."""
AT_ONCE = 256
"""Frames whose sources are made at once."""
DRAWN = "drawn"
"""Codes that a player drew, running free on the notes of the piece: what the tones will meet; see `model.training.drawn`."""


@dataclass(frozen=True)
class Crop:
    codes: NDArray[np.int64]
    """[steps, levels]"""
    roll: NDArray[np.float32]
    spectrum: NDArray[np.float32]
    """The decoder's. [steps, 2, hop]"""
    sources: NDArray[np.float32]
    """[steps, SOURCES, hop]"""
    audio: NDArray[np.float32]
    """[2, steps * hop]"""


def decoded_name(levels: int, drawn: bool) -> str:
    return f"decoded-{DRAWN if drawn else levels}.npy"


def is_ready(piece: StoredPiece, levels: int, drawn: bool = False) -> bool:
    return all((piece.folder / name).exists() for name in ("sources.npy", decoded_name(levels, drawn)))


def _save(path: Path, table: NDArray[Any]) -> None:
    part = path.with_name(f".{path.name}")
    np.save(part, table)
    part.rename(path)


@torch.no_grad()
def prepare(piece: StoredPiece, codec: Codec, orchestra: Orchestra, levels: int) -> None:
    """Write spectra of decoder and sources; what is there stays."""
    for drawn, name in ((False, "codes.npy"), (True, f"codes-{DRAWN}.npy")):
        target = piece.folder / decoded_name(levels, drawn)
        if (piece.folder / name).exists() and not target.exists():
            codes = torch.from_numpy(np.load(piece.folder / name)[None, :, :levels].astype(np.int64))
            spectrum = codec.expand(codec.from_latents(codec.quantizer.decode(codes)).clamp(-CEILING, CEILING))
            _save(target, spectrum[0].numpy().astype(np.float16))
    target = piece.folder / "sources.npy"
    if target.exists():
        return
    steps = len(piece.codes)
    out = np.zeros((steps, SOURCES, FRAME_SAMPLES), np.float16)
    sound = np.zeros((SOURCES, (steps + 1) * FRAME_SAMPLES), np.float32)
    sound[:, FRAME_SAMPLES:] = chambered(excite(piece.notes, 0, steps * FRAME_SAMPLES, orchestra.line_up(piece.about["instruments"])))
    for first in range(0, steps, AT_ONCE):
        last = min(first + AT_ONCE, steps)
        part = torch.from_numpy(sound[:, first * FRAME_SAMPLES : (last + 1) * FRAME_SAMPLES])
        heard = part.abs().amax(dim=1) > 0
        if heard.any():
            out[first:last, heard.numpy()] = sources_of(part[heard][None], codec.basis)[0].numpy().astype(np.float16)
    _save(target, out)


def draw(piece: StoredPiece, rng: np.random.Generator, steps: int, levels: int, drawn: bool = False) -> Crop:
    """A crop of a piece that is ready."""
    start = 1 + int(rng.integers(min(len(piece.codes), len(piece.audio) // FRAME_SAMPLES) - steps - 1))
    here = slice(start, start + steps)
    codes = np.load(piece.folder / f"codes-{DRAWN}.npy", mmap_mode="r") if drawn else piece.codes
    spectrum, sources = (np.load(piece.folder / name, mmap_mode="r") for name in (decoded_name(levels, drawn), "sources.npy"))
    audio = piece.audio[start * FRAME_SAMPLES : (start + steps) * FRAME_SAMPLES].T.astype(np.float32) / 32768.0
    return Crop(
        codes[here, :levels].astype(np.int64), roll(piece.notes, start, steps), spectrum[here].astype(np.float32),
        sources[here].astype(np.float32), audio,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("codec", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--timbres", type=Path, required=True, help="of model.training.timbres")
    parser.add_argument("--prepare", action="store_true", help="write what is mixed beside the pieces, and no more")
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--preset", default="small", choices=sorted(TONES))
    parser.add_argument("--levels", type=int, default=4, help="of the codec, as the player writes")
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--steps", type=int, default=96)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--drawn", type=float, default=0.5, help="share of crops with codes that a player drew, where there are any")
    parser.add_argument("--dimmed", type=float, default=0.5, help="share of crops with less of the decoder, or nothing")
    parser.add_argument("--adversarial", type=float, default=0.0, help="weight of the discriminator's verdict")
    parser.add_argument("--first", type=Path, help="weights to go on from")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    codec = load_codec(options.codec)
    tables = Tables(**load_file(options.timbres))
    store, levels = Store(options.store), options.levels
    if options.prepare:
        orchestra, pieces = tables.orchestra(), store.pieces()
        shuffled = [*store.pieces(valid=True), *(pieces[index] for index in rng.permutation(len(pieces)))]
        for piece in sorted(shuffled, key=lambda piece: not (piece.folder / f"codes-{DRAWN}.npy").exists()):
            if piece.has_codes:
                prepare(piece, codec, orchestra, levels)
        return
    codec.to(device)
    tones = Tones(TONES[options.preset])
    books = torch.stack([book.codes for book in codec.quantizer.books()])
    tones.scale.copy_(1.0 / books[0].std().clamp(min=1e-6))
    if options.first:
        strange = [name for name in load_what_fits(options.first, tones) if not name.startswith("timbre_")]
        if strange:
            parser.error(f"--first: {options.first} has no {strange[0]}")
    for name, table in tables._asdict().items():
        getattr(tones, f"timbre_{name}").copy_(torch.from_numpy(table))
    tones.to(device)
    loss, known = MixLoss().to(device), SpectralLoss((256, 1024, 4096)).to(device)
    optimiser = torch.optim.AdamW(tones.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=1e-3)
    judge = Discriminator().to(device) if options.adversarial else None
    judging = None if judge is None else torch.optim.AdamW(judge.parameters(), lr=3e-4, betas=(0.8, 0.95))
    print(f"{sum(p.numel() for p in tones.parameters()) / 1e6:.2f} M parameters", flush=True)

    def usable(valid: bool, drawn: bool = False) -> list[StoredPiece]:
        return [p for p in store.pieces(valid=valid) if is_ready(p, levels, drawn) and len(p.codes) > options.steps + 4]

    def sounds(crops: list[Crop], plain: bool = False) -> tuple[Tensor, Tensor]:
        """Made and true, warmed up. Shape: [batch, 2, samples] each."""
        codes, plan, spectrum, sources, audio = (
            torch.from_numpy(np.stack([getattr(crop, name) for crop in crops])).to(device)
            for name in ("codes", "roll", "spectrum", "sources", "audio")
        )
        if not plain:
            latents = codec.quantizer.decode(codes)
            levels_heard = tones.levels(spectrum, sources)
            with mixed(device):
                gains = tones.gains(latents, plan, levels_heard)
            spectrum = tones.apply_gains(gains.float(), spectrum, sources, torch.randn_like(spectrum))
        skip = SKIP * FRAME_SAMPLES
        out = codec.synthesise(codec.compand(spectrum))
        return out[..., skip:], audio[..., skip - codec.delay : -codec.delay]

    lists: dict[bool, list[StoredPiece]] = {}

    def step(number: int) -> tuple[Tensor, dict[str, float]]:
        if number % 100 == 0 or not lists:
            lists.update({kind: usable(False, kind) for kind in (False, True)})
        crops = []
        for _ in range(options.batch):
            drawn = bool(lists[True]) and rng.random() < options.drawn
            pieces = lists[drawn]
            crops.append(draw(pieces[int(rng.integers(len(pieces)))], rng, options.steps, levels, drawn))
            if rng.random() < 0.05:  # no plan: the decoder alone
                crops[-1].roll.fill(0.0)
                crops[-1].sources.fill(0.0)
            elif rng.random() < options.dimmed:
                crops[-1].spectrum[:] *= np.float32(max(rng.uniform(-0.6, 1.0), 0.0))
        made, true = sounds(crops)
        level, convergence = loss(made, true)
        total = level + 0.3 * convergence
        figures = {"level": float(level.detach()), "convergence": float(convergence.detach())}
        if judge is not None and judging is not None:
            angle = torch.rand(len(made), device=device) * torch.pi
            one, other = one_direction(made, angle), one_direction(true, angle)
            verdict = judge.loss(other, one)
            judging.zero_grad(set_to_none=True)
            verdict.backward()  # type: ignore[no-untyped-call]
            judging.step()
            adversarial, matching = judge.judge(other, one)
            total = total + options.adversarial * (adversarial + 2.0 * matching)
            figures |= {"judge": float(verdict.detach()), "adversarial": float(adversarial.detach()), "matching": float(matching.detach())}
        return total, figures

    @torch.no_grad()
    def validate() -> dict[str, float]:
        tones.eval()
        figures: dict[str, float] = {}
        with torch.random.fork_rng():
            for name, plain, drawn in (("", False, False), ("_codec_alone", True, False), ("_drawn", False, True)):
                torch.manual_seed(0)
                fixed = np.random.default_rng(0)
                crops = [draw(piece, fixed, options.steps, levels, drawn) for piece in usable(True, drawn) for _ in range(2)]
                if not crops:
                    continue
                made, true = sounds(crops, plain)
                level, convergence = loss(made, true)
                stft, mel = known(made, true)
                rms = [10 * float(torch.log10(x.square().mean(dim=(1, 2)) + 1e-9).mean()) for x in (made, true)]
                found = {"level": float(level), "convergence": float(convergence), "stft": float(stft), "mel": float(mel)}
                figures |= {f"{key}{name}": value for key, value in (found | {"louder_db": rms[0] - rms[1]}).items()}
        tones.train()
        save_weights(
            options.out / "tones.safetensors", tones, "tones", tones.config.to_dict(), figures, torch.float32, ("timbre_residual",),
        )  # fmt: skip
        return figures

    assert tones.roll.in_features == ROLL_WIDTH
    Loop(tones, optimiser, step, options.out, Budget(options.minutes, options.rate), validate, validate_s=180.0).run()


if __name__ == "__main__":
    main()
