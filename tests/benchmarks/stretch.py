"""Time-stretchers on clips of the model, side by side: `python -m tests.benchmarks.stretch`, a table in Markdown.

Others than the one in use are measured where they are installed: pedalboard and pylibrb (Rubber Band, GPL), bungee-python (MPL).
All are given the loop with context around both ends, as `jamd.audio.stretch` does; only that one closes the seam and restores loudness.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import python_stretch
import torch
from scipy.signal import butter, sosfilt

from jamd.audio.stretch import CONTEXT, Sound, stretch_loop
from jamd.contract.chart import parse_chart
from jamd.contract.units import PARTS, SAMPLE_RATE
from model.generator.clip import ClipRender, ClipRequest, frames_of_bars
from model.generator.models import load_models
from model.metrics.distances import mel_filters
from model.metrics.heard import stft_magnitude, to_mono
from model.metrics.loudness import loudness
from model.metrics.onsets import onset_strength, onset_times

Stretch = Callable[[Sound, float], Sound]
"""Sound and ratio to about ratio times as much sound."""

RATIOS = (1 / 0.8, 1 / 0.9, 1 / 0.97, 1 / 1.03, 1 / 1.1, 1 / 1.25)
"""Of length: tempo times 0.8 to 1.25."""
CLIPS = (
    ("| Dm7 | G7 | Cmaj7 | A7 |", 120.0, 2, ("piano", "bass", "drums"), ""),
    ("| Dm7 | G7 | Cmaj7 | A7 |", 200.0, 4, ("piano", "bass", "drums"), ""),
    ("3/4 | Fmaj7 | Gm7 | Am7 | Bbmaj7 |", 160.0, 2, ("piano", "bass", "drums"), ""),
    ("| Cm7 | F7 | Bbmaj7 | G7 |", 170.0, 2, ("piano", "bass", "drums", "horn"), "bossa nova"),
    ("| Am7 | D7 | Gmaj7 | E7 |", 90.0, 2, ("piano",), ""),
    ("| Dm7 | G7 |", 140.0, 2, ("drums",), ""),
)
BANDS = mel_filters(SAMPLE_RATE, 2048, 64, 40.0, 16_000.0)
UPPER = butter(2, 1500, "high", fs=SAMPLE_RATE, output="sos")
NAMES = ("onsets, ms", "p90, ms", "lost", "attack, dB", "spectrum, dB", "bass, dB", "tones, dB", "LUFS", "seam", "ms per s")


def signalsmith(audio: Sound, ratio: float) -> Sound:
    engine = python_stretch.Signalsmith.Stretch(1)
    engine.preset(2, SAMPLE_RATE)
    engine.setTimeFactor(1.0 / ratio)
    return np.asarray(engine.process(np.ascontiguousarray(audio.T))).T


def rubber_band(**options: Any) -> Stretch:
    import pedalboard

    def stretch(audio: Sound, ratio: float) -> Sound:
        return pedalboard.time_stretch(np.ascontiguousarray(audio.T), SAMPLE_RATE, 1.0 / ratio, **options).T

    return stretch


def rubber_band_offline(audio: Sound, ratio: float) -> Sound:
    from pylibrb import Option, RubberBandStretcher

    engine = RubberBandStretcher(SAMPLE_RATE, 2, Option.PROCESS_OFFLINE | Option.ENGINE_FINER, ratio)
    sound = np.ascontiguousarray(audio.T)
    engine.set_max_process_size(len(audio))
    engine.study(sound, final=True)
    engine.process(sound, final=True)
    return engine.retrieve_available().T


def bungee(audio: Sound, ratio: float) -> Sound:
    from bungee_python import bungee as library

    engine = library.Bungee(sample_rate=SAMPLE_RATE, channels=2)
    engine.set_speed(1.0 / ratio)
    engine.set_pitch(1.0)
    return np.asarray(engine.process(np.ascontiguousarray(audio)))


def candidates() -> dict[str, Callable[[Sound, int], Sound]]:
    others: dict[str, Stretch] = {"Signalsmith, its preset": signalsmith}
    if importlib.util.find_spec("pedalboard"):
        others |= {"Rubber Band R3 (pedalboard)": rubber_band(), "Rubber Band R2 (pedalboard)": rubber_band(high_quality=False)}
    if importlib.util.find_spec("pylibrb"):
        others["Rubber Band R3 offline (pylibrb)"] = rubber_band_offline
    if importlib.util.find_spec("bungee_python"):
        others["Bungee"] = bungee
    return {"jamd: Signalsmith in two bands": stretch_loop} | {name: looped(stretch) for name, stretch in others.items()}


def around(loop: Sound, frames: int) -> Sound:
    return loop[np.arange(-frames, len(loop) + frames) % len(loop)]


def looped(stretch: Stretch) -> Callable[[Sound, int], Sound]:
    def whole(audio: Sound, frames: int) -> Sound:
        ratio = frames / len(audio)
        start = round(CONTEXT * ratio)
        out = stretch(around(audio, CONTEXT), ratio)[start : start + frames]
        return np.pad(out, ((0, frames - len(out)), (0, 0)))

    return whole


def log_spectrum(audio: Sound, rate: int, window: int) -> np.ndarray:
    """Decibels, a frame each 5 ms (48 kHz) or 20 ms (12 kHz)."""
    magnitude = stft_magnitude(to_mono(audio, SAMPLE_RATE, rate), window, 240)
    return 20 * np.log10((magnitude @ BANDS.T if rate == SAMPLE_RATE else magnitude) + 1e-3)


def rise(level: np.ndarray, frame: int) -> float:
    """Decibels by which the upper range rises within 5 ms, at most, near a frame."""
    near = level[max(frame - 1200, 0) : frame + 1200]
    return float((near[240:] - near[:-240]).max()) if len(near) > 480 else float("nan")


def measure(before: Sound, after: Sound) -> tuple[float, ...]:
    """All but the time, in the order of NAMES; onsets and spectra against the original's at the new places."""
    ratio = len(after) / len(before)
    onsets = onset_times(onset_strength(before, SAMPLE_RATE))
    heard = onset_times(onset_strength(around(after, SAMPLE_RATE // 5), SAMPLE_RATE)) - 0.2
    away = np.abs(heard[:, None] - onsets * ratio).min(axis=0) if len(heard) else np.ones(len(onsets))
    levels = [10 * np.log10(np.convolve(sosfilt(UPPER, x.mean(axis=1)) ** 2, np.ones(96) / 96, "same") + 1e-8) for x in (before, after)]
    rises = [rise(levels[1], int(t * ratio * SAMPLE_RATE)) - rise(levels[0], int(t * SAMPLE_RATE)) for t in onsets]
    distances = []
    for rate, window, low, high in ((SAMPLE_RATE, 2048, 0, 64), (12_000, 4096, 12, 85), (12_000, 4096, 85, 853)):
        old, new = log_spectrum(before, rate, window)[:, low:high], log_spectrum(after, rate, window)[:, low:high]
        places = np.clip(np.round(np.arange(len(new)) / ratio).astype(int), 0, len(old) - 1)
        distances.append(float(np.abs(new - old[places]).mean()))
    steps = np.abs(np.diff(after, axis=0)).max(axis=1)
    return (
        float(np.median(away) * 1000),
        float(np.percentile(away, 90) * 1000),
        float((away > 0.03).mean()),
        float(np.nanmedian(rises)),
        *distances,
        loudness(after, SAMPLE_RATE) - loudness(before, SAMPLE_RATE),
        float(np.abs(after[0] - after[-1]).max() / np.percentile(steps, 99)),
    )


def clips() -> list[Sound]:
    models = load_models("small")
    out = []
    for seed, (text, tempo, bars, asked, style) in enumerate(CLIPS):
        chart = parse_chart(text)
        parts = {part: part in asked for part in PARTS}
        frames = frames_of_bars(bars, tempo, chart.beats_per_bar)
        render = ClipRender(models, ClipRequest(chart, tempo, frames, seed, loop=True, style=models.read_style(style), parts=parts))
        while not render.done:
            render.advance()
        out.append(render.audio)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    torch.set_num_threads(1)
    sounds = clips()
    print(f"{len(sounds)} clips, {sum(map(len, sounds)) / SAMPLE_RATE:.0f} s, at tempo times 0.8, 0.9, 0.97, 1.03, 1.1 and 1.25; means\n")
    print(f"| stretcher | {' | '.join(NAMES)} |\n|---|{'---|' * len(NAMES)}")
    for name, stretch in candidates().items():
        stretch(sounds[0], len(sounds[0]))
        rows = []
        for ratio in RATIOS:
            for sound in sounds:
                began = time.perf_counter()
                out = stretch(sound, round(len(sound) * ratio))
                spent = time.perf_counter() - began
                rows.append((*measure(sound, out), 1000 * spent * SAMPLE_RATE / len(sound)))
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in np.nanmean(rows, axis=0))} |", flush=True)


if __name__ == "__main__":
    main()
