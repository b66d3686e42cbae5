"""The codec held against Opus: `python -m model.metrics.codec_table OUT --clips FOLDER --count 12`.

Clips of 10 s go through the codec with some of its levels, through the codec without its quantiser, and through Opus at several rates.
FOLDER is a store of pieces (model.training.store; its held-out pieces are taken) or holds sound files of 48 kHz in stereo. OUT gets
codec.json with every clip's values and codec.md, the table: mean over the clips, 95 % bootstrap interval of the mean.

Needs ffmpeg with libopus, and for FAD the package musicnn: scripts/evaluation.sh installs both; FAD is left out where it is missing.
The weights are as they were trained; a playing daemon has the decoder's rounded to int8, which changes the samples by less than 0.02 dB.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.errors import FailureError, JamdError
from jamd.contract.units import FRAME_RATE, FRAME_SAMPLES, SAMPLE_RATE
from model.codec import Codec
from model.metrics import fad, opus
from model.metrics.codec_speed import measure_speed
from model.metrics.distances import log_mel_l1, multi_resolution_stft, sdr, si_sdr
from model.metrics.heard import Floats
from model.metrics.plain import plain
from model.metrics.pre_echo import pre_echo
from model.metrics.renders import summarise
from model.training.store import Store
from model.training.tokens import load_codec

WEIGHTS: Final = Path(__file__).parents[1] / "weights" / "small-codec.safetensors"
LEVELS: Final = (1, 2, 4, 6, 8)
RATES: Final = (6.0, 12.0, 24.0, 48.0)
"""kbit/s for Opus."""
CLIP_S: Final = 10.0
BOOTSTRAPS: Final = 200
COLUMNS: Final = {
    "kbps": "kbit/s", "si_sdr": "SI-SDR, dB", "sdr": "SDR, dB", "log_mel_l1": "log-mel L1", "stft": "STFT distance",
    "pre_echo": "pre-echo, dB", "fad": "FAD (musicnn)",
}  # fmt: skip


@dataclass(frozen=True)
class Coder:
    """Something that codes a clip. `code`: sound [samples, 2] to aligned sound of the same shape and kbit/s (nan: uncoded)."""

    name: str
    code: Callable[[Floats], tuple[Floats, float]]


@dataclass(frozen=True)
class Judged:
    """A coder's values by clip, and mean, low, high and n of each measure."""

    name: str
    rows: list[dict[str, Any]]
    summary: dict[str, dict[str, float]] = field(default_factory=dict)


def load_clips(folder: Path, count: int, seconds: float = CLIP_S) -> dict[str, Floats]:
    """Crops by name from the middle of the `count` first sounds that are long enough. Shape: [seconds * 48000, 2] each.

    Raises:
        FailureError: the folder cannot be read, or nothing in it is long enough.
    """
    import soundfile

    samples = round(seconds * SAMPLE_RATE)
    out: dict[str, Floats] = {}
    try:
        if any(path.name.isdigit() and path.is_dir() for path in folder.iterdir()):
            for piece in Store(folder, held_out=count).pieces(valid=True):
                start = (len(piece.audio) - samples) // 2
                if start >= 0:
                    out[piece.folder.name] = piece.audio[start : start + samples].astype(np.float32) / 32768.0
        for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in (".wav", ".flac")):
            about = soundfile.info(path)
            if len(out) < count and (about.samplerate, about.channels) == (SAMPLE_RATE, 2) and about.frames >= samples:
                start = (about.frames - samples) // 2
                out[path.name] = soundfile.read(path, samples, start, dtype="float32")[0]
    except (OSError, soundfile.SoundFileError) as error:
        raise FailureError(f"cannot read clips in {folder}: {error}") from error
    if not out:
        raise FailureError(f"no clip of {seconds:g} s, 48 kHz and two channels in {folder}")
    return out


def through_codec(codec: Codec, audio: NDArray[Any], levels: int | None) -> Floats:
    """Encoded and decoded with some levels, or without the quantiser for None; the delay taken off. Shape: [samples, 2]."""
    import torch

    sound = np.pad(np.asarray(audio, np.float32), ((0, -len(audio) % FRAME_SAMPLES + codec.delay), (0, 0)))
    batch = torch.from_numpy(sound.T.copy())[None]
    with torch.inference_mode():
        if levels is None:
            decoded = codec.synthesise(codec.from_latents(codec.to_latents(codec.analyse(batch))))
        else:
            decoded = codec.decode(codec.encode(batch, levels))
    return np.ascontiguousarray(decoded[0].numpy().T[codec.delay : codec.delay + len(audio)])


def make_coders(codec: Codec, levels: Sequence[int] = LEVELS, rates: Sequence[float] = RATES) -> list[Coder]:
    """The codec by levels, the codec unquantised, Opus by rates."""

    def ours(count: int | None) -> Callable[[Floats], tuple[Floats, float]]:
        bits = (codec.config.codebook_size - 1).bit_length()
        cost = float("nan") if count is None else count * bits * FRAME_RATE / 1000
        return lambda audio: (through_codec(codec, audio, count), cost)

    def theirs(rate: float) -> Callable[[Floats], tuple[Floats, float]]:
        def code(audio: Floats) -> tuple[Floats, float]:
            coded = opus.through_opus(audio, SAMPLE_RATE, rate)
            return coded.audio, coded.kbps

        return code

    own = [Coder(f"jamd, {count} level{'s' * (count > 1)}", ours(count)) for count in levels]
    return [*own, Coder("jamd, unquantised", ours(None)), *(Coder(f"Opus {rate:g} kbit/s", theirs(rate)) for rate in rates)]


def judge(coder: Coder, clips: Mapping[str, Floats], embeddings: Mapping[str, Floats]) -> Judged:
    """All measures of a coder.

    Args:
        coder: what codes.
        clips: original sounds by name, [samples, 2] at 48 kHz.
        embeddings: of the originals, by the same names, for FAD; empty: no FAD.

    Raises:
        FailureError: a tool is missing or fails.
    """
    rows, heard = [], []
    for name, audio in clips.items():
        coded, kbps = coder.code(audio)
        rows.append({
            "clip": name, "kbps": float(kbps), "si_sdr": si_sdr(audio, coded), "sdr": sdr(audio, coded),
            "log_mel_l1": log_mel_l1(audio, coded, SAMPLE_RATE), "stft": multi_resolution_stft(audio, coded),
            "pre_echo": pre_echo(audio, coded, SAMPLE_RATE),
        })  # fmt: skip
        if embeddings:
            heard.append(fad.embed(coded, SAMPLE_RATE))
    summary = summarise(rows)
    if embeddings:
        summary["fad"] = _fad([embeddings[name] for name in clips], heard)
    return Judged(coder.name, rows, summary)


def _fad(originals: Sequence[Floats], coded: Sequence[Floats]) -> dict[str, float]:
    """FAD over all clips. The interval is the basic (reversed) bootstrap over clips: a resample repeats clips, which biases FAD upward."""
    value = fad.fad(np.concatenate(originals), np.concatenate(coded))
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(BOOTSTRAPS):
        chosen = rng.integers(0, len(originals), len(originals))
        draws.append(fad.fad(np.concatenate([originals[i] for i in chosen]), np.concatenate([coded[i] for i in chosen])))
    low, high = np.percentile(draws, [2.5, 97.5])
    return {"mean": value, "low": max(2 * value - float(high), 0.0), "high": 2 * value - float(low), "n": len(originals)}


def to_markdown(judged: Sequence[Judged], speeds: Mapping[str, float], floor: tuple[float, float] | None = None) -> str:
    """A coder a row, a measure a column; then the speed."""
    keys = [key for key in COLUMNS if any(key in item.summary for item in judged)]
    lines = ["| coder | " + " | ".join(COLUMNS[key] for key in keys) + " |", "|---|" + "---|" * len(keys)]
    for item in judged:
        cells = []
        for key in keys:
            s = item.summary.get(key)
            cells.append("" if s is None else f"{s['mean']:.3g}" + ("" if key == "kbps" else f" ({s['low']:.3g} to {s['high']:.3g})"))
        lines.append(f"| {item.name} | " + " | ".join(cells) + " |")
    if floor is not None:
        lines.append(f"\nFAD between halves of the originals: {floor[0]:.3g} (standard deviation {floor[1]:.2g}). {fad.EMBEDDING}.")
    if speeds:
        lines += ["\n| encode + decode, all levels, one core | times real time |", "|---|---|"]
        lines += [f"| {name} | {value:.3g} |" for name, value in speeds.items()]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m model.metrics.codec_table", description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=Path, required=True, help="store of pieces, or folder of sound files")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=CLIP_S, help="length of a clip")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--no-opus", action="store_true")
    parser.add_argument("--no-fad", action="store_true")
    options = parser.parse_args(arguments)
    try:
        clips = load_clips(options.clips, options.count, options.seconds)
        codec = load_codec(options.weights)
        if not options.no_opus:
            opus.ffmpeg()
        embeddings = {} if options.no_fad or not fad.available() else {name: fad.embed(clip, SAMPLE_RATE) for name, clip in clips.items()}
        judged = []
        for coder in make_coders(codec, LEVELS, () if options.no_opus else RATES):
            judged.append(judge(coder, clips, embeddings))
            print(f"{coder.name}: " + ", ".join(f"{key} {value['mean']:.3g}" for key, value in judged[-1].summary.items()), flush=True)
        floor = fad.floor(list(embeddings.values())) if len(embeddings) >= 4 else None
        speeds = measure_speed(codec, next(iter(clips.values())))
    except JamdError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    options.out.mkdir(parents=True, exist_ok=True)
    table = to_markdown(judged, speeds, floor)
    (options.out / "codec.md").write_text(table)
    coders = {item.name: {"summary": item.summary, "clips": item.rows} for item in judged}
    whole = {"coders": coders, "speed": speeds, "fad_floor": floor, "embedding": fad.EMBEDDING if embeddings else None}
    (options.out / "codec.json").write_text(json.dumps(plain(whole), indent=2))
    print("\n" + table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
