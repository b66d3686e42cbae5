"""Pictures of pieces and of renders: what sounds, over what was played and what was asked. Needs matplotlib (extra `training`).

    python -m model.corpus.picture blues.wav blues.mid blues.png --chart "| F7 | Bb7 | F7 | F7 |" --tempo 132

draws a render of `jamd render --out blues.wav --midi blues.mid`. All panels of a picture share one axis of time.
"""

from __future__ import annotations

import argparse
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jamd.contract.chart import Chart, Chord, parse_chart
from jamd.contract.errors import FailureError
from jamd.contract.units import PARTS, SAMPLE_RATE
from model.corpus.captions import caption
from model.corpus.notes import Notes
from model.corpus.piece import Piece
from model.metrics.chroma import chroma
from model.metrics.heard import stft_magnitude, to_mono

Audio = NDArray[np.float32]
WIDTH, HEIGHT, DOTS_PER_INCH = 1600, 1000, 100
LARGEST: Final = 400_000
"""Bytes of a picture."""
COLOURS: Final = {"piano": "#0072B2", "bass": "#009E73", "drums": "#555555", "horn": "#D55E00"}
"""Told apart by colour-blind people too (Okabe and Ito 2008)."""
_KNOBS: Final = {"density": "#B9A3D0", "energy": "#C2185B", "register": "#5D4A12"}
_DRUMS: Final[tuple[tuple[str, frozenset[int]], ...]] = (
    ("kick", frozenset({35, 36})), ("snare", frozenset({37, 38, 39, 40})), ("toms", frozenset({41, 43, 45, 47, 48, 50})),
    ("hi-hat", frozenset({42, 44, 46})), ("ride", frozenset({51, 53, 59})), ("crash", frozenset({49, 52, 55, 57})),
)  # fmt: skip
_CHANGES, _SECONDS, _STEP = 22, 34.0, 4
"""A picture shows so many chord changes and seconds at most, and whole groups of so many bars."""
_LOWEST_HZ, _HIGHEST_HZ, _BANDS, _COLUMNS = 35.0, 16_000.0, 150, 740
_RANGE_DB: Final = 66.0
_ON_CHORD, _OFF_CHORD = "#0072B2", "#D55E00"
_CLASSES: Final = ("C", "D♭", "D", "E♭", "E", "F", "G♭", "G", "A♭", "A", "B♭", "B")


@dataclass(frozen=True)
class Stretch:
    """The bars that a picture shows."""

    chart: Chart
    tempo: float
    first: int
    """Bars, counted from 0."""
    bars: int

    @property
    def bar_seconds(self) -> float:
        return self.chart.beats_per_bar * 60.0 / self.tempo

    @property
    def begin(self) -> float:
        return self.first * self.bar_seconds

    @property
    def end(self) -> float:
        return (self.first + self.bars) * self.bar_seconds

    def chords(self) -> list[tuple[float, float, Chord]]:
        """(begin, end, chord), in seconds."""
        out, beat = [], float(self.first * self.chart.beats_per_bar)
        last = beat + self.bars * self.chart.beats_per_bar
        while beat < last - 1e-6:
            after, _ = self.chart.next_change(beat)
            out.append((beat * 60.0 / self.tempo, min(after, last) * 60.0 / self.tempo, self.chart.chord_at(beat)))
            beat = after
        return out


def readable_stretch(chart: Chart, tempo: float, bars: int, first: int = 0) -> Stretch:
    """As many bars from `first` on as can be read in one picture; at least four, if there are so many."""
    best = Stretch(chart, tempo, first, min(_STEP, bars - first))
    for count in [*range(_STEP, bars - first, _STEP), bars - first]:
        longer = Stretch(chart, tempo, first, count)
        if count > best.bars and longer.end - longer.begin <= _SECONDS and len(longer.chords()) <= _CHANGES:
            best = longer
    return best


def caption_of(piece: Piece) -> str:
    """One caption of a whole piece, drawn by its seed."""
    return caption(
        np.random.default_rng([20_30, piece.seed]),
        feel=piece.feel,
        tempo=piece.tempo,
        instruments={name: sound.name for name, sound in piece.sounds.items()},
        parts=[bool(on) for on in piece.parts.mean(axis=0) > 0.5],
        density=float(piece.density.mean()),
        energy=float(piece.energy.mean()),
        register=float(piece.register.mean()),
        room=None if piece.recording is None else piece.recording.room,
        persona=piece.persona,
    )


def log_spectrogram(audio: Audio, begin: float, end: float) -> NDArray[np.float32]:
    """Power in bands of equal width in octaves, dB below the loudest. Shape: [frames, 2] to [bands, columns].

    Long windows below 300 Hz, short ones above 1 kHz, a cross-fade between.
    """
    mono = to_mono(audio, SAMPLE_RATE, SAMPLE_RATE)
    hop = max(int((end - begin) * SAMPLE_RATE) // _COLUMNS, 1)
    mono = mono[int(begin * SAMPLE_RATE) : int(end * SAMPLE_RATE)]
    edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _BANDS + 1)
    high_share = np.clip(np.log(edges[:-1] / 300.0) / np.log(1000.0 / 300.0), 0.0, 1.0)
    both = []
    for window in (8192, 2048):
        power = stft_magnitude(mono, window, hop).astype(np.float64) ** 2
        below = np.concatenate((np.zeros((len(power), 1)), np.cumsum(power, axis=1)), axis=1)
        place = np.clip(edges * window / SAMPLE_RATE + 0.5, 0, below.shape[1] - 1.001)
        low = place.astype(np.int64)
        at = below[:, low] + (below[:, low + 1] - below[:, low]) * (place - low)
        both.append(10.0 * np.log10(np.diff(at, axis=1) + 1e-12))
    decibels = both[0] * (1.0 - high_share) + both[1] * high_share
    return np.asarray(np.maximum(decibels - np.percentile(decibels, 99.9), -_RANGE_DB).T, np.float32)


def _figure(rows: list[float], stretch: Stretch, title: str, lines: list[str]) -> tuple[Any, list[Any]]:
    """A figure and its panels from above, with bar lines in all of them.

    Raises:
        FailureError: there is no matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise FailureError("pictures need matplotlib: pip install 'jamd[training]'", code="picture") from error
    figure = Figure(figsize=(WIDTH / DOTS_PER_INCH, HEIGHT / DOTS_PER_INCH), dpi=DOTS_PER_INCH, facecolor="white")
    wrapped = [part for line in lines for part in textwrap.wrap(line, 190)][:4]
    top = 1.0 - (44 + 19 * len(wrapped)) / HEIGHT
    grid = {"height_ratios": rows, "left": 0.062, "right": 0.992, "bottom": 0.052, "top": top, "hspace": 0.07}
    panels = list(figure.subplots(len(rows), 1, sharex=True, gridspec_kw=grid))
    figure.text(0.062, 1.0 - 10 / HEIGHT, title, fontsize=15, fontweight="bold", va="top")
    for index, line in enumerate(wrapped):
        figure.text(0.062, 1.0 - (38 + 19 * index) / HEIGHT, line, fontsize=10.5, va="top", color="#333333")
    times = (stretch.first + np.arange(stretch.bars + 1)) * stretch.bar_seconds
    for panel in panels:
        panel.set_xlim(stretch.begin - 0.003 * (stretch.end - stretch.begin), stretch.end)
        panel.tick_params(axis="x", labelbottom=panel is panels[-1], labelsize=9)
        for time in times:
            panel.axvline(time, color="#888888", linewidth=0.7, zorder=1.5)
    panels[-1].set_xlabel("seconds", fontsize=10, labelpad=2)
    return figure, panels


def _draw_chords(panel: Any, stretch: Stretch) -> None:
    """Symbols, as large as fits, and numbers of bars."""
    panel.set_ylim(0, 1)
    panel.set_yticks([])
    panel.set_ylabel("chords", fontsize=10, rotation=0, ha="right", va="center")
    dots = WIDTH * 0.93 / (stretch.end - stretch.begin)
    for index, (begin, end, chord) in enumerate(stretch.chords()):
        panel.axvspan(begin, end, color="#E8EEF7" if index % 2 else "#F7F3E6", zorder=0)
        size = float(np.clip((end - begin) * dots / (0.82 * max(len(chord.symbol), 2)) * 72 / DOTS_PER_INCH, 6.5, 14))
        panel.text((begin + end) / 2, 0.4, chord.symbol, fontsize=size, ha="center", va="center", fontweight="bold", clip_on=True)
    every = 1 if stretch.bars <= 32 else 4
    for bar in range(0, stretch.bars, every):
        time = (stretch.first + bar) * stretch.bar_seconds
        panel.text(time + 3 / dots, 0.95, str(stretch.first + bar + 1), fontsize=8, color="#555555", va="top", clip_on=True)


def _draw_spectrogram(panel: Any, audio: Audio, stretch: Stretch) -> None:
    image = log_spectrogram(audio, stretch.begin, stretch.end)
    last = min(len(audio) / SAMPLE_RATE, stretch.end)
    limits = (stretch.begin, last, np.log2(_LOWEST_HZ), np.log2(_HIGHEST_HZ))
    panel.set_facecolor("black")
    panel.imshow(
        image, cmap="magma", vmin=-_RANGE_DB, vmax=0, origin="lower", aspect="auto", extent=limits, interpolation="nearest", zorder=1
    )
    marks = (50, 100, 200, 500, 1000, 2000, 5000, 10_000)
    panel.set_yticks([np.log2(hz) for hz in marks], [f"{hz / 1000:g} k" if hz >= 1000 else str(hz) for hz in marks], fontsize=9)
    panel.set_ylim(limits[2:])
    panel.set_ylabel("Hz", fontsize=10)


def _draw_roll(panel: Any, notes: Notes, stretch: Stretch) -> None:
    """Notes of the pitched parts; the louder, the darker."""
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Patch

    tuned = notes[notes["part"] != PARTS.index("drums")]
    low, high = (int(tuned["pitch"].min()), int(tuned["pitch"].max())) if len(tuned) else (48, 72)
    handles = []
    for index, name in enumerate(PARTS):
        mine = tuned[tuned["part"] == index]
        if len(mine) == 0:
            continue
        colours = np.tile(to_rgba(COLOURS[name]), (len(mine), 1))
        colours[:, 3] = 0.35 + 0.65 * np.clip((mine["velocity"] - 25.0) / 75.0, 0.0, 1.0)
        panel.barh(mine["pitch"], mine["duration"], left=mine["start"], height=0.86, color=colours, zorder=3)
        handles.append(Patch(color=COLOURS[name], label=name))
    cs = [pitch for pitch in range(12, 109, 12) if low - 3 <= pitch <= high + 3]
    panel.set_yticks(cs, [f"C{pitch // 12 - 1}" for pitch in cs], fontsize=9)
    panel.grid(axis="y", color="#DDDDDD", linewidth=0.7, zorder=0)
    panel.set_ylim(low - 2.5, high + 2.5 + 0.15 * (high - low + 5))  # room for the legend
    panel.set_ylabel("notes", fontsize=10)
    if handles:
        panel.legend(handles=handles, loc="upper right", ncols=len(handles), fontsize=9, framealpha=0.85, borderpad=0.3, handlelength=1.2)


def _draw_drums(panel: Any, notes: Notes, stretch: Stretch) -> None:
    """A row a drum, a stroke a dash; the louder, the higher."""
    strokes = notes[notes["part"] == PARTS.index("drums")]
    for row, (_, pitches) in enumerate(_DRUMS):
        mine = strokes[np.isin(strokes["pitch"], list(pitches))]
        height = 0.15 + 0.75 * mine["velocity"] / 127.0
        panel.vlines(mine["start"], row, row + height, color=COLOURS["drums"], linewidth=2.2, zorder=3)
        panel.axhline(row, color="#DDDDDD", linewidth=0.7, zorder=0)
    panel.set_ylim(-0.1, len(_DRUMS) + 0.05)
    panel.set_yticks(np.arange(len(_DRUMS)) + 0.4, [name for name, _ in _DRUMS], fontsize=9)
    panel.tick_params(axis="y", length=0)


def _draw_knobs(panel: Any, piece: Piece, stretch: Stretch) -> None:
    bars = np.arange(stretch.first, stretch.first + stretch.bars + 1)
    times = bars * stretch.bar_seconds
    inside = np.minimum(bars, bars[-2])
    for (name, colour), style, width in zip(_KNOBS.items(), ("-", "--", ":"), (5, 2.2, 2.2), strict=True):
        level = getattr(piece, name)[inside]
        panel.step(times, level, where="post", label=name, color=colour, linewidth=width, linestyle=style, zorder=3)
    panel.set_ylim(-0.1, 1.8)
    panel.set_yticks([0, 0.5, 1], ["0", "½", "1"], fontsize=9)
    panel.grid(axis="y", color="#DDDDDD", linewidth=0.7, zorder=0)
    panel.set_ylabel("labels", fontsize=10)
    panel.legend(loc="upper right", ncols=3, fontsize=9, framealpha=0.85, borderpad=0.3, handlelength=2.6)


def _draw_parts(panel: Any, piece: Piece, stretch: Stretch) -> None:
    for row, name in enumerate(reversed(PARTS)):
        on = piece.parts[stretch.first : stretch.first + stretch.bars, PARTS.index(name)]
        where = [((stretch.first + int(bar)) * stretch.bar_seconds, stretch.bar_seconds) for bar in np.flatnonzero(on)]
        panel.broken_barh(where, (row + 0.12, 0.76), color=COLOURS[name], zorder=1)
    panel.set_ylim(0, len(PARTS))
    panel.set_yticks(np.arange(len(PARTS)) + 0.5, list(reversed(PARTS)), fontsize=9)
    panel.tick_params(axis="y", length=0)


def _draw_classes(panel: Any, image: NDArray[np.float64], until: float, label: str) -> None:
    """Pitch classes over time. Shape: image [columns, 12, 3], red, green and blue from 0 to 1."""
    extent = (0.0, until, -0.5, 11.5)
    panel.imshow(image.swapaxes(0, 1), origin="lower", aspect="auto", extent=extent, interpolation="nearest", zorder=1)
    panel.set_yticks(range(12), _CLASSES, fontsize=8)
    panel.set_ylim(-0.5, 11.5)
    panel.set_ylabel(label, fontsize=10)


def _draw_harmony(panels: list[Any], audio: Audio, stretch: Stretch) -> None:
    """Pitch classes heard, coloured by whether the chart has them, and below them those of the chart."""
    from matplotlib.colors import to_rgb

    times, energy = chroma(audio, SAMPLE_RATE)
    loudest = energy.max(axis=1, keepdims=True)
    share = np.sqrt(energy / np.maximum(loudest, max(0.03 * float(loudest.max()), 1e-9)))
    asked = np.zeros((len(times), 12))
    for begin, end, chord in stretch.chords():
        within = (times >= begin) & (times < end)
        for tone in chord.pitch_classes:
            asked[within, tone] = 0.5
        if chord.root is not None:
            asked[within, chord.root] = 1.0
    on, off = np.array(to_rgb(_ON_CHORD)), np.array(to_rgb(_OFF_CHORD))
    colour = np.where((asked > 0)[..., None], on, off)
    until = float(times[-1] + times[1] - times[0]) if len(times) > 1 else stretch.end
    _draw_classes(panels[0], 1.0 - share[..., None] * (1.0 - colour), until, "heard")
    _draw_classes(panels[1], 1.0 - asked[..., None] * (1.0 - on), until, "chart")


def _write(figure: Any, path: Path) -> None:
    """PNG with a palette or, by the file's name, JPEG; coarser step by step until it is small enough.

    Raises:
        FailureError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    try:
        for quality, colours in ((80, 256), (65, 128), (50, 64)):
            if path.suffix.lower() in (".jpg", ".jpeg"):
                image.save(path, quality=quality, optimize=True)
            else:  # a palette that keeps rare colours: a thin line has few pixels
                method, dither = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
                image.quantize(colours, method=method, dither=dither).save(path, format="PNG", optimize=True)
            if path.stat().st_size < LARGEST:
                return
    except (OSError, ValueError) as error:
        raise FailureError(f"cannot write {path}: {error}", code="file") from error


def _inside(notes: Notes, stretch: Stretch) -> Notes:
    return notes[(notes["start"] < stretch.end) & (notes["start"] + notes["duration"] > stretch.begin)]


def _room_of(piece: Piece) -> str:
    how = piece.recording
    if how is None:
        return "dry" if piece.room_s == 0 else f"simple room, {piece.room_s:.1f} s"
    said = [how.room]
    if how.threshold_db < 0:
        said.append("compressed")
    if how.drive_db > 0:
        said.append("tape")
    if how.band_limit_hz > 0:
        said.append(f"up to {how.band_limit_hz / 1000:.0f} kHz")
    if how.noise_db > -120:
        said.append("hiss")
    return ", ".join(said)


def _instrument(piece: Piece, name: str) -> str:
    sound = piece.sounds[name]
    maker = "sampled" if sound.soundfont is None else sound.soundfont.split("_")[0].removesuffix(".sf2")
    return f"{name}: {sound.name.replace('_', ' ')} ({maker})"


def plot_piece(piece: Piece, audio: Audio, path: Path, *, first_bar: int = 0) -> None:
    """Draw a piece of the corpus, or as much of it from `first_bar` on as can be read, under its caption.

    Args:
        audio: the mix, from the piece's first beat on, [frames, 2].
        path: a name in .png or .jpg.

    Raises:
        FailureError: there is no matplotlib, or the file cannot be written.
    """
    stretch = readable_stretch(piece.chart, piece.tempo, piece.bars, first_bar)
    title = f"{piece.feel}, {piece.tempo:.4g} bpm, {piece.beats_per_bar}/4"
    title += f"  ·  {piece.persona}" if piece.persona else "  ·  nobody leads"
    title += f"  ·  seed {piece.seed}, bars {stretch.first + 1} to {stretch.first + stretch.bars} of {piece.bars}"
    playing = [name for index, name in enumerate(PARTS) if (piece.notes["part"] == index).any()]
    lines = [f"“{caption_of(piece)}”", "   ".join([*(_instrument(piece, name) for name in playing), f"room: {_room_of(piece)}"])]
    figure, panels = _figure([0.42, 2.7, 2.7, 1.15, 0.95, 0.62], stretch, title, lines)
    notes = _inside(piece.notes, stretch)
    _draw_chords(panels[0], stretch)
    _draw_spectrogram(panels[1], audio, stretch)
    _draw_roll(panels[2], notes, stretch)
    _draw_drums(panels[3], notes, stretch)
    _draw_knobs(panels[4], piece, stretch)
    _draw_parts(panels[5], piece, stretch)
    _write(figure, path)


def plot_render(audio: Audio, chart: Chart, tempo: float, notes: Notes, path: Path) -> None:
    """Draw what the model played: its sound, the notes of its plan, and the pitch classes heard against those of the chart.

    Args:
        audio: from the chart's first beat on, [frames, 2].
        notes: the plan; NOTE_DTYPE of `model.corpus.notes`.
        path: a name in .png or .jpg.

    Raises:
        FailureError: there is no matplotlib, or the file cannot be written.
    """
    bars = max(round(len(audio) / SAMPLE_RATE * tempo / 60.0 / chart.beats_per_bar), 1)
    stretch = readable_stretch(chart, tempo, bars)
    legend = "heard: blue on tones of the chart's chord, orange off them; chart: the root dark"
    title = f"render, {tempo:.4g} bpm, {chart.beats_per_bar}/4  ·  bars 1 to {stretch.bars} of {bars}"
    figure, panels = _figure([0.42, 2.5, 2.2, 1.0, 1.5, 1.5], stretch, title, [chart.text(), legend])
    cut = audio[: round(stretch.end * SAMPLE_RATE)]
    inside = _inside(notes, stretch)
    _draw_chords(panels[0], stretch)
    _draw_spectrogram(panels[1], cut, stretch)
    _draw_roll(panels[2], inside, stretch)
    _draw_drums(panels[3], inside, stretch)
    _draw_harmony(panels[4:], cut, stretch)
    _write(figure, path)


def main() -> None:
    import soundfile

    from model.metrics.independent import read_plan

    parser = argparse.ArgumentParser(
        prog="python -m model.corpus.picture", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("audio", type=Path, help="48 kHz, from the chart's first beat on")
    parser.add_argument("plan", type=Path, help="the MIDI file of `jamd render --midi`")
    parser.add_argument("out", type=Path, help="a name in .png or .jpg")
    parser.add_argument("--chart", required=True)
    parser.add_argument("--tempo", type=float, required=True)
    options = parser.parse_args()
    audio, rate = soundfile.read(options.audio, dtype="float32", always_2d=True)
    if rate != SAMPLE_RATE:
        parser.error(f"{options.audio} has {rate} frames a second, not {SAMPLE_RATE}")
    plot_render(audio, parse_chart(options.chart), options.tempo, read_plan(options.plan, options.tempo), options.out)


if __name__ == "__main__":
    main()
