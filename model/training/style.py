"""Train the style encoder: `python -m model.training.style STORE OUT --minutes M`.

Crops of 4 to 10 s against captions that are written anew each time from what the crop plays. Log-mels are computed once and held
in memory. The encoder hears no level, so a gain needs no augmentation. Prompts about anything but jazz are further negatives of
the audio, and some unrelated words get into the captions, so that unknown words neither please nor disturb.

Loss: InfoNCE both ways, van den Oord et al. 2018 and Radford et al. 2021. Recall is that of captions in held-out wordings.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from jamd.contract.units import PARTS, SAMPLE_RATE
from model.corpus.captions import caption
from model.corpus.personas import INSTRUMENTS, ROOMS, held_out_personas
from model.corpus.wordings import FEEL, unrelated_text
from model.style.config import STYLE
from model.style.encoder import StyleEncoder
from model.style.mel import LogMel
from model.style.tokenizer import StyleTokenizer
from model.training.loop import Budget, Loop, mixed
from model.training.store import Store, StoredPiece
from model.training.style_tokenizer import WEIGHTS

SHORTEST_S, LONGEST_S = 4.0, 10.0
_PROGRAM: Final[dict[str, dict[int, str]]] = {
    "piano": {0: "grand", 1: "bright", 4: "rhodes", 11: "vibes"},
    "bass": {32: "upright", 33: "electric", 35: "fretless", 45: "pizzicato"},
    "drums": {32: "jazz", 40: "brushes", 0: "standard", 8: "room"},
    "horn": {56: "trumpet", 57: "trombone", 59: "muted_trumpet", 64: "soprano", 65: "alto", 66: "tenor", 67: "baritone",
             71: "clarinet", 73: "flute"},
}  # fmt: skip
"""Names of General MIDI programs, for pieces that do not say their instruments."""


@dataclass(frozen=True)
class Heard:
    """A piece in memory. Shape: mel [frames, bands], float16."""

    mel: NDArray[np.float16]
    about: Mapping[str, Any]


def instruments_of(about: Mapping[str, Any]) -> dict[str, str]:
    """Instrument names a part: those that the piece says and a caption knows, else by its programs."""
    said = about.get("instruments") or {}
    out: dict[str, str] = {}
    for part in PARTS:
        name = said.get(part)
        if name not in INSTRUMENTS[part]:
            name = _PROGRAM[part].get(int(about["programs"][part][1]))
        if name is not None:
            out[part] = name
    return out


def describe(rng: np.random.Generator, about: Mapping[str, Any], begin: float, end: float, *, held_out: bool = False) -> str:
    """A caption of the seconds `begin` to `end` of a piece; one of its own captions half of the time where it has some."""
    own: Sequence[str] = about.get("captions") or ()
    if own and not held_out and rng.random() < 0.5:
        return own[int(rng.integers(len(own)))]
    per_bar = about["beats_per_bar"] * 60.0 / about["tempo"]
    bars = int(about["bars"])
    first = min(int(begin / per_bar + 0.5), bars - 1)
    last = max(min(int(end / per_bar + 0.5), bars), first + 1)
    room = about.get("room")
    return caption(
        rng,
        feel=about["feel"],
        tempo=float(about["tempo"]),
        instruments=instruments_of(about),
        parts=[bool(on) for on in np.asarray(about["parts"], float)[first:last].mean(axis=0) > 0.5],
        density=float(np.mean(about["density"][first:last])),
        energy=float(np.mean(about["energy"][first:last])),
        register=float(np.mean(about["register"][first:last])),
        room=room if room in ROOMS else None,
        persona=about.get("persona"),
        held_out=held_out,
    )


def disturbed(rng: np.random.Generator, text: str) -> str:
    """Now and then with some unrelated words in between."""
    if rng.random() > 0.3:
        return text
    words = text.split()
    at = int(rng.integers(len(words) + 1))
    return " ".join((*words[:at], *unrelated_text(rng).split()[:3], *words[at:]))


@torch.no_grad()
def hear(pieces: Sequence[StoredPiece], log_mel: LogMel) -> list[Heard]:
    """Log-mels of whole pieces; pieces shorter than the longest crop are left out."""
    out = []
    for piece in pieces:
        if len(piece.audio) >= (LONGEST_S + 1) * SAMPLE_RATE:
            audio = torch.from_numpy(piece.audio.T.astype(np.float32) / 32768.0)[None]
            out.append(Heard(log_mel(audio)[0].numpy().astype(np.float16), piece.about))
    return out


class Crops:
    """Random crops of pieces with their captions."""

    def __init__(self, pieces: Sequence[Heard], rng: np.random.Generator, frame_s: float) -> None:
        self.pieces = pieces
        self.rng = rng
        self.frame_s = frame_s

    def draw(self, chosen: Sequence[int], seconds: float, *, held_out: bool = False, disturb: bool = False) -> tuple[Tensor, list[str]]:
        """One crop of each chosen piece. Shape: mel [chosen, frames, bands], and as many captions."""
        frames = int(seconds / self.frame_s)
        mels, texts = [], []
        for index in chosen:
            piece = self.pieces[index]
            start = int(self.rng.integers(len(piece.mel) - frames + 1))
            mels.append(piece.mel[start : start + frames].astype(np.float32))
            text = describe(self.rng, piece.about, start * self.frame_s, (start + frames) * self.frame_s, held_out=held_out)
            texts.append(disturbed(self.rng, text) if disturb else text)
        return torch.from_numpy(np.stack(mels)), texts


def contrastive(audio: Tensor, text: Tensor, unrelated: Tensor, temperature: float) -> Tensor:
    """InfoNCE both ways; unrelated texts are further negatives of the audio.

    Shape: unit vectors [batch, embedding] twice and [more, embedding]; returns a scalar.
    """
    similar = audio @ text.T / temperature
    target = torch.arange(len(audio), device=audio.device)
    wide = torch.cat((similar, audio @ unrelated.T / temperature), dim=1)
    return 0.5 * (F.cross_entropy(wide, target) + F.cross_entropy(similar.T, target))


def recall(queries: Tensor, answers: Tensor, at: int) -> float:
    """Share of queries whose own answer is among the `at` most similar ones. Shape: two of [n, embedding]."""
    similar = queries @ answers.T
    better = (similar > similar.diagonal()[:, None]).sum(dim=1)
    return float((better < at).float().mean())


@torch.no_grad()
def evaluate(encoder: StyleEncoder, pieces: Sequence[Heard], seed: int = 0, rounds: int = 5) -> dict[str, float]:
    """Recall at 1 and 10 among crops of 8 s of distinct pieces, at most 100, by a caption in an unseen wording (`_back`: the caption
    by the crop; `_usual`: in a wording of the training), and how often the feel is told from its held-out or usual name alone."""
    rng = np.random.default_rng([77, seed])
    crops = Crops(pieces, rng, encoder.config.hop / SAMPLE_RATE)
    chosen = range(min(len(pieces), 100))
    rows: list[dict[str, float]] = []
    feels = list(FEEL)
    names = F.normalize(torch.stack([encoder.embed_text([*FEEL[feel].usual, *FEEL[feel].held_out]).mean(dim=0) for feel in feels]), dim=1)
    truth = torch.tensor([feels.index(pieces[index].about["feel"]) for index in chosen], device=names.device)
    for _ in range(rounds):
        row: dict[str, float] = {}
        for suffix, held_out in (("", True), ("_usual", False)):
            mel, texts = crops.draw(chosen, 8.0, held_out=held_out)
            audio, text = encoder.embed_mel(mel.to(encoder.device)), encoder.embed_text(texts)
            row |= {f"r1{suffix}": recall(text, audio, 1), f"r10{suffix}": recall(text, audio, 10)}
            row |= {f"r1_back{suffix}": recall(audio, text, 1), f"r10_back{suffix}": recall(audio, text, 10)}
            row["feel"] = float(((audio @ names.T).argmax(dim=1) == truth).float().mean())
        rows.append(row)
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]} | {"of": float(len(chosen))}


@torch.no_grad()
def calibrate(encoder: StyleEncoder, pieces: Sequence[Heard], seed: int = 0) -> dict[str, float]:
    """Set what tells a familiar prompt; returns the mean familiarity of unseen wordings and of unrelated texts."""
    rng = np.random.default_rng([78, seed])
    crops = Crops(pieces, rng, encoder.config.hop / SAMPLE_RATE)

    def embedded(count: int, held_out: bool) -> Tensor:
        chosen = [int(index) for index in rng.integers(len(pieces), size=count)]
        return torch.cat([encoder.embed_text(crops.draw(chosen[i : i + 64], 4.0, held_out=held_out)[1]) for i in range(0, count, 64)])

    def unrelated() -> Tensor:
        return encoder.embed_text([unrelated_text(rng) for _ in range(256)])

    encoder.calibrate(embedded(2048, False), embedded(512, True), unrelated(), seed)
    return {
        "known": float(np.mean([encoder.familiarity(one) for one in embedded(256, True)])),
        "unknown": float(np.mean([encoder.familiarity(one) for one in unrelated()])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=18)
    parser.add_argument("--preset", default="small", choices=sorted(STYLE))
    parser.add_argument("--tokenizer", type=Path, default=WEIGHTS / "small-style-tokenizer.json")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--unrelated", type=int, default=6, help="prompts about something else a batch")
    parser.add_argument("--pieces", type=int, default=3000, help="hold at most so many pieces in memory, about 0.3 MB each")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    encoder = StyleEncoder(STYLE[options.preset], StyleTokenizer.load(options.tokenizer))
    print(f"{sum(p.numel() for p in encoder.parameters()) / 1e6:.2f} M parameters", flush=True)
    everything = len(Store(options.store, held_out=0).pieces())
    store = Store(options.store, held_out=max(min(100, everything // 5), 1))
    strangers = {one.name for one in held_out_personas()}
    known = [piece for piece in store.pieces()[: options.pieces] if piece.about.get("persona") not in strangers]
    training, valid = hear(known, encoder.mel), hear(store.pieces(valid=True), encoder.mel)
    print(f"{len(training)} pieces to train on, {len(valid)} held out", flush=True)
    encoder.to(device)
    crops = Crops(training, rng, encoder.config.hop / SAMPLE_RATE)
    size = min(options.batch, len(training))
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.05)

    def step(_: int) -> tuple[Tensor, dict[str, float]]:
        chosen = [int(index) for index in rng.choice(len(training), size, replace=False)]
        mel, texts = crops.draw(chosen, float(rng.uniform(SHORTEST_S, LONGEST_S)), disturb=True)
        tokens = encoder.tokenise([*texts, *(unrelated_text(rng) for _ in range(options.unrelated))])
        with mixed(device):
            audio, text = encoder.embed_mel(mel.to(device)), encoder.embed_tokens(tokens)
        loss = contrastive(audio, text[:size], text[size:], encoder.config.temperature)
        with torch.no_grad():
            figures = {"r1": recall(text[:size], audio, 1)}
        return loss, figures

    def validate() -> dict[str, float]:
        encoder.eval()
        figures = evaluate(encoder, valid) | calibrate(encoder, training)
        encoder.save(options.out / "style.safetensors", figures)
        encoder.train()
        return figures

    Loop(encoder, optimiser, step, options.out, Budget(options.minutes, options.rate), validate).run()


if __name__ == "__main__":
    main()
