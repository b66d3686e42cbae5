"""Clips of the shipped model, checked as they are and against what they are not."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from jamd.contract.chart import Chart, parse_chart
from jamd.contract.units import PARTS, SAMPLE_RATE
from model.generator.check import ClipCheck, ClipFigures, better, key_contrast, measure_clip
from model.generator.clip import ClipRender, ClipRequest, frames_of_bars
from model.generator.events import PlannedNote
from model.generator.models import load_models

TRIO = ("piano", "bass", "drums")
ASKED: dict[str, tuple[str, float, int, tuple[str, ...], str]] = {
    "trio": ("| Dm7 | G7 | Cmaj7 | A7 |", 170.0, 4, TRIO, ""),
    "waltz": ("3/4 | Fmaj7 | Gm7 | Am7 | Bbmaj7 |", 190.0, 4, TRIO, ""),
    "bossa": ("| Ebmaj7 | Cm7 | Fm7 | Bb7 |", 150.0, 2, TRIO, "bossa nova"),
    "bass": ("| Cm7 F7 | Bbmaj7 | Am7b5 D7b9 | Gm6 |", 200.0, 4, ("bass",), ""),
    "horn": ("| Fmaj7 | Dm7 | Gm7 | C7 |", 180.0, 4, ("horn", "bass", "drums"), ""),
    "drums": ("| Dm7 | G7 |", 140.0, 2, ("drums",), ""),
    "one bar": ("| Abmaj7 | Bbm7 Eb7 |", 120.0, 1, TRIO, ""),
}
HARMONY = ("trio", "waltz", "bossa", "bass", "horn")


@dataclass(frozen=True)
class Clip:
    audio: NDArray[np.float32]
    chart: Chart
    tempo: float
    feel: str | None
    notes: list[PlannedNote]
    parts: dict[str, bool]

    def figures(self, **other: object) -> ClipFigures:
        clip = replace(self, **other)  # type: ignore[arg-type]
        return measure_clip(clip.audio, clip.chart, clip.tempo, feel=clip.feel, notes=clip.notes, parts=clip.parts)


@pytest.fixture(scope="module")
def clips() -> dict[str, Clip]:
    models = load_models("small")
    out = {}
    for seed, (name, (text, tempo, bars, asked, style)) in enumerate(ASKED.items()):
        chart = parse_chart(text)
        parts = {part: part in asked for part in PARTS}
        frames = frames_of_bars(bars, tempo, chart.beats_per_bar)
        request = ClipRequest(chart, tempo, frames, seed=seed, style=models.read_style(style), parts=parts)
        render = ClipRender(models, request)
        while not render.done:
            render.advance()
        out[name] = Clip(render.audio, chart, tempo, request.style.feel, render.notes, parts)
    return out


def test_what_was_asked_for_passes(clips: dict[str, Clip]) -> None:
    """Of 210 clips of the model 2 in 100 were flagged; sampling differs a little between machines, so one of the seven may be."""
    figures = {name: clip.figures() for name, clip in clips.items()}
    assert sum(f.ok for f in figures.values()) >= len(figures) - 1, {name: f.reason for name, f in figures.items()}
    for f in figures.values():
        assert abs(f.tempo_error) <= 0.08
        assert f.loud > -40
        assert f.silent < 0.5
        assert f.ok == (f.reason == "")
    assert figures["trio"].grid_ms < 40


def test_other_keys_are_found(clips: dict[str, Clip]) -> None:
    found = [not clips[name].figures(chart=clips[name].chart.transpose(shift)).ok for name in HARMONY for shift in range(1, 12)]
    assert np.mean(found) >= 0.8


def test_the_sound_decides_though_the_plan_is_right(clips: dict[str, Clip]) -> None:
    """Their sound, and a plan and a chart that agree with each other a tritone away."""
    told = []
    for clip in (clips[name] for name in HARMONY):
        notes = [n if PARTS[n.part] == "drums" else replace(n, pitch=n.pitch + 6) for n in clip.notes]
        wrong, right = clip.figures(chart=clip.chart.transpose(6), notes=notes), clip.figures()
        assert wrong.fit < right.fit and "another key" not in right.reason
        told.append("another key" in wrong.reason)
    assert sum(told) >= len(told) - 1


@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_other_tempos_are_found(clips: dict[str, Clip], factor: float) -> None:
    found = {name: clip.figures(tempo=clip.tempo * factor) for name, clip in clips.items()}
    wrong = {name: f for name, f in found.items() if any("tempo" in fault for fault in f.faults)}
    assert len(wrong) >= len(found) - 1
    for f in wrong.values():
        assert f.tempo_error == pytest.approx(1 / factor - 1, abs=0.025)


def test_silence_and_parts_that_lack_are_named(clips: dict[str, Clip]) -> None:
    trio, bass = clips["trio"], clips["bass"]
    assert "hardly a sound" in trio.figures(audio=trio.audio * 1e-4).reason
    length = min(len(trio.audio), len(bass.audio))
    assert "no drums" in trio.figures(audio=bass.audio[:length]).reason
    above = sosfilt(butter(6, 300.0, "high", fs=SAMPLE_RATE, output="sos"), trio.audio, axis=0).astype(np.float32)
    assert "no bass" in trio.figures(audio=above).reason
    nothing = trio.figures(audio=np.zeros_like(trio.audio), notes=[], parts=dict.fromkeys(PARTS, False))
    assert nothing.ok, nothing.reason


def test_harmony_is_not_judged_where_little_tells_it(clips: dict[str, Clip]) -> None:
    for name in ("drums", "one bar"):
        clip = clips[name]
        figures = [clip.figures(), clip.figures(chart=clip.chart.transpose(6)), clip.figures(notes=[], chart=clip.chart.transpose(6))]
        assert all(np.isnan(f.fit) for f in figures)
    clip = clips["trio"]
    assert np.isnan(clip.figures(chart=parse_chart("| N.C. |")).fit)


def test_without_a_plan_the_sound_alone_is_judged(clips: dict[str, Clip]) -> None:
    clip = clips["trio"]
    right, wrong = clip.figures(notes=[]), clip.figures(notes=[], chart=clip.chart.transpose(6))
    assert right.fit > wrong.fit
    assert not wrong.ok


def test_it_goes_in_short_steps(clips: dict[str, Clip]) -> None:
    """16 s of sound; on a free core about 40 ms in all, no step above 10. Here only that it is no order of magnitude more."""
    clip = clips["trio"]
    audio = np.resize(clip.audio, (16 * SAMPLE_RATE, 2))
    longest, total = [], []
    for _ in range(5):
        check = ClipCheck(audio, clip.chart, clip.tempo, notes=clip.notes, parts=clip.parts)
        with pytest.raises(RuntimeError, match="not done"):
            _ = check.figures
        steps = []
        while not check.done:
            began = time.perf_counter()
            check.advance()
            steps.append(time.perf_counter() - began)
        check.advance()
        longest.append(max(steps))
        total.append(sum(steps))
    assert len(steps) > 20
    assert min(longest) < 0.1
    assert min(total) < 0.6


def test_audio_of_any_length_is_measured() -> None:
    chart = parse_chart("| C |")
    rng = np.random.default_rng(0)
    for frames in (0, 1, 3, 959, 20_000):
        f = measure_clip(rng.normal(0, 0.1, (frames, 2)).astype(np.float32), chart, 120.0)
        assert np.isnan(f.fit)


def test_key_contrast_of_the_chord_itself_is_highest() -> None:
    mask = np.zeros((4, 12))
    mask[:, [0, 4, 7]] = 1.0
    assert key_contrast(mask, mask) == pytest.approx(1 - 6 / 3 / 11)
    assert key_contrast(mask, mask) > key_contrast(np.roll(mask, 5, axis=1), mask) > key_contrast(np.roll(mask, 6, axis=1), mask) - 1e-9
    assert np.isnan(key_contrast(mask, np.zeros((4, 12))))


def test_the_better_clip_is_kept() -> None:
    good = ClipFigures(0.0, 8.0, 0.3, -15.0, 0.0)
    fair = replace(good, fit=0.2)
    off = replace(good, tempo_error=0.05, faults=("tempo +5.0%",))
    worse = replace(off, fit=0.0, faults=("tempo +5.0%", "chords of another key"))
    ranked = [worse, fair, off, good]
    best = ranked[0]
    for f in ranked[1:]:
        best = f if better(f, best) else best
    assert best == good
    assert better(off, worse) and not better(worse, off)
    assert not better(good, good)
    assert better(replace(good, fit=float("nan")), off)
