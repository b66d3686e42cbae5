"""Train the codec: `python -m model.training.codec STORE OUT --minutes M`.

A few hundred steps without quantisation come first; then the codebooks start from data. Each item keeps a random number of
levels, or none at all in a small share, so that every prefix of the levels decodes. With `--adversarial` a discriminator joins
after its share of the budget; with `--decoder-only` codes stay what they are and only the way back is trained. With `--broad` a
share of the crops is of a store of other sounds than the band's (`model.training.broad`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import soxr
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from jamd.contract.units import FRAME_SAMPLES
from model.checkpoint import load_what_fits, save_weights
from model.codec import Codec
from model.codec.discriminator import Discriminator, one_direction
from model.codec.losses import SpectralLoss
from model.config import CODEC
from model.training.loop import Budget, Loop, mixed
from model.training.muon import MuonAdamW
from model.training.store import Store

WHITENING = 0.6
"""Power of each bin's RMS that is divided out: 1 would make every bin count the same, 0 leaves all to the bass."""
QUIET = 3e-4
"""Mean amplitude of MDCT coefficients below which the error is no longer counted as a share of them."""


@torch.no_grad()
def start_from_data(codec: Codec, audio: Tensor) -> None:
    """Set the whitening from the RMS of the bins and the direct paths to the principal components of the spectrum.

    Shape: audio [batch, 2, samples].
    """
    codec.deviation.fill_(1.0)
    coefficients = torch.sinh(codec.analyse(audio)) / codec.config.compression
    rms = coefficients.square().mean(dim=(0, 1)).sqrt()
    smooth = F.avg_pool1d(F.pad(rms[:, None], (4, 4), mode="replicate"), 9, 1)[:, 0]
    codec.deviation.copy_(smooth.clamp(min=smooth.max() * 1e-4) ** WHITENING)
    codec.deviation.mul_(float((rms / codec.deviation).max()))  # the loudest bin has unit RMS
    frames = codec.analyse(audio).flatten(2).flatten(0, 1)
    frames = frames[frames.abs().amax(dim=1) > 1e-3]
    _, _, components = torch.pca_lowrank(frames, codec.config.latent, center=False, niter=4)
    scale = (frames @ components).square().mean().sqrt()
    codec.encoder.direct.weight.copy_(components.T / scale)
    codec.decoder.direct.weight.copy_(components * scale)


@torch.no_grad()
def start_wider(path: Path, codec: Codec) -> None:
    """Begin from the weights of a codec with as many bands or fewer: what is new says nothing yet."""
    for stack in (codec.encoder, codec.decoder):
        for linear in (stack.enter, stack.leave, stack.direct):
            linear.weight.zero_()
    load_what_fits(path, codec)


def vary(crop: NDArray[np.float32], rng: np.random.Generator, samples: int) -> NDArray[np.float32]:
    """A crop at another speed and pitch, from 0.8 to 1.25 times. Shape: [2, more than samples] to [2, samples]."""
    ratio = float(np.exp(rng.uniform(np.log(0.8), np.log(1.25))))
    moved = soxr.resample(crop.T, 48_000, 48_000 * ratio, quality="LQ").T
    return np.ascontiguousarray(moved[:, :samples], np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--preset", default="small", choices=sorted(CODEC))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=96, help="model frames a crop")
    parser.add_argument("--rate", type=float, default=5e-4, help="highest learning rate of Muon")
    parser.add_argument("--warm-up", type=int, default=60, help="steps without quantisation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start-from", type=Path, help="weights to begin with")
    parser.add_argument("--adversarial", type=float, default=0.0, help="weight of the adversarial loss; feature matching has ten times it")
    parser.add_argument("--decoder-only", action="store_true", help="encoder and codebooks stay as they are")
    parser.add_argument("--varied", type=float, default=0.3, help="share of the crops at another speed")
    parser.add_argument("--broad", type=Path, help="store of sounds beyond the band")
    parser.add_argument("--broad-share", type=float, default=0.4, help="share of the crops that is from there")
    parser.add_argument("--mel-weight", type=float, default=1.0)
    parser.add_argument("--wave-weight", type=float, default=1.0, help="weight of the distances between MDCT spectra")
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    codec = Codec(CODEC[options.preset]).to(device)
    spectral = SpectralLoss().to(device)
    store = Store(options.store)
    samples = options.steps * FRAME_SAMPLES
    crops = store.crops(rng, samples)
    longer = store.crops(rng, int(samples * 1.27))

    broad = None if options.broad is None else Store(options.broad).crops(rng, samples)

    def crop() -> NDArray[np.float32]:
        if broad is not None and rng.random() < options.broad_share:
            return next(broad)
        return vary(next(longer), rng, samples) if rng.random() < options.varied else next(crops)

    def batch(n: int) -> Tensor:
        audio = torch.from_numpy(np.stack([crop() for _ in range(n)])).to(device)
        gain = 10 ** (torch.empty(n, 1, 1, device=device).uniform_(-9, 3) / 20)
        swap = torch.rand(n, 1, 1, device=device) < 0.5
        audio = torch.where(swap, audio.flip(1), audio)
        return (audio * gain).clamp(-1, 1)

    if options.start_from:
        start_wider(options.start_from, codec)
        options.warm_up = 0
    elif not (options.out / "checkpoint.safetensors").exists():
        start_from_data(codec, batch(160))
    if options.decoder_only:
        codec.encoder.requires_grad_(False)
    discriminator = Discriminator().to(device)
    against = torch.optim.AdamW(discriminator.parameters(), lr=options.rate * 0.5, betas=(0.8, 0.99))
    print(f"{sum(p.numel() for p in codec.parameters()) / 1e6:.2f} M parameters", flush=True)
    optimiser = MuonAdamW.of(codec, lambda name: ".blocks." in name, options.rate, betas=(0.8, 0.99), weight_decay=1e-3)
    skip = 16 * FRAME_SAMPLES

    def losses(audio: Tensor, keep: Tensor) -> tuple[Tensor, dict[str, float]]:
        target = codec.analyse(audio)
        with mixed(device):
            latents = codec.to_latents(target)
        latents = latents.float()
        if options.decoder_only:
            with torch.no_grad():
                quantised = codec.quantizer.partial(latents, keep)
            commitment, used = latents.new_zeros(()), latents.new_zeros(1)
        elif int(keep.max()) > 0:
            quantised, commitment, used = codec.quantizer(latents, keep)
        else:
            quantised, commitment, used = latents, latents.new_zeros(()), latents.new_zeros(1)
        with mixed(device):
            companded = codec.from_latents(quantised)
        companded = companded.float()
        audio_out = codec.synthesise(companded)
        spectrum = F.l1_loss(companded[:, 8:], target[:, 8:]) / target[:, 8:].abs().mean().clamp(min=1e-4)
        linear_out, linear_in = codec.expand(companded[:, 8:]), codec.expand(target[:, 8:])
        loud = linear_in.abs().mean(dim=(1, 2, 3)).clamp(min=QUIET)
        linear = ((linear_out - linear_in).abs().mean(dim=(1, 2, 3)) / loud).mean()
        wave_out, wave_in = audio_out[..., skip:], audio[..., skip - codec.delay : -codec.delay]
        stft, mel = spectral(wave_out, wave_in)
        total = options.wave_weight * (1.5 * linear + spectrum) + stft + options.mel_weight * mel + 0.25 * commitment
        with torch.no_grad():
            named = {"spectrum": spectrum, "linear": linear, "stft": stft, "mel": mel, "commit": commitment, "used": used.mean()}
            figures = {name: float(value) for name, value in named.items()}
            error = (wave_out - wave_in).square().sum(dim=(1, 2))
            power = wave_in.square().sum(dim=(1, 2))
            heard = power > 1e-3
            figures["sdr"] = float((10 * torch.log10(power[heard] / error[heard].clamp(min=1e-9))).mean())
        if options.adversarial > 0 and codec.training:
            half = len(audio) // 2  # what the discriminator costs is most of a step on a CPU
            angle = torch.rand(half, device=device) * torch.pi
            true, made = one_direction(wave_in[:half], angle), one_direction(wave_out[:half], angle)
            with mixed(device):
                hinge = discriminator.loss(true, made)
            against.zero_grad(set_to_none=True)
            hinge.backward()  # type: ignore[no-untyped-call]
            against.step()
            with mixed(device):
                adversarial, matching = discriminator.judge(true, made)
            total = total + options.adversarial * (adversarial + 10.0 * matching)
            figures |= {"hinge": float(hinge.detach()), "adversarial": float(adversarial.detach()), "matching": float(matching.detach())}
        return total, figures

    choices = torch.tensor([0, 1, 2, 3, 4, 4, 4, 5, 6, 8, 8, 8, 8, 8])

    def step(number: int) -> tuple[Tensor, dict[str, float]]:
        keep = choices[torch.randint(len(choices), (options.batch,))].to(device)
        if number < options.warm_up:
            keep.zero_()
        elif number == options.warm_up and not options.start_from:
            with torch.no_grad():
                latents = [codec.to_latents(codec.analyse(batch(8))).flatten(0, 1) for _ in range(50)]
            codec.quantizer.start_from(torch.cat(latents))
        return losses(batch(options.batch), keep)

    valid_crops = store.crops(np.random.default_rng(0), samples, valid=True)
    valid_audio = torch.from_numpy(np.stack([next(valid_crops) for _ in range(16)])).to(device)

    @torch.no_grad()
    def validate() -> dict[str, float]:
        codec.eval()
        torch.manual_seed(0)  # of the directions in which clips are compared
        figures: dict[str, float] = {}
        for levels in (1, 4, 8):
            _, row = losses(valid_audio, torch.full((len(valid_audio),), levels, device=device))
            figures |= {f"{name}_{levels}": row[name] for name in ("mel", "stft", "sdr")}
        codec.train()
        torch.seed()
        save_weights(
            options.out / "codec.safetensors",
            codec,
            "codec",
            codec.config.to_dict(),
            figures,
            keep_float=("deviation", "quantizer"),
        )
        return figures

    Loop(codec, optimiser, step, options.out, Budget(options.minutes, options.rate), validate).run()


if __name__ == "__main__":
    main()
