"""What a musician says of recordings, gathered: options of the command, notes beside the files, and jamd's own takes.

Beside `blues.wav` there may lie `blues.toml`:

    tempo = 132              # beats a minute
    chart = "blues.musicxml" # or the chart's text, or a link of iReal Pro
    swing = 0.62             # share of the beat that the first eighth takes
    starts = 0.0             # seconds at which the first bar begins; left out: it is found
    metre = 4                # where there is no chart

A take of jamd knows all of it, to the sample: of its folder the input alone is taken, for the rest is the partner's playing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from bridges.charts import load_chart
from jamd.contract import messages as m
from jamd.contract.chart import MAX_BARS, Bar, Chart, parse_chart
from jamd.contract.clock import Clock
from jamd.contract.errors import ChartError, FailureError, UsageError
from jamd.contract.units import SAMPLE_RATE
from jamd.control.journal import NAME, Entry, first_frame, read_journal
from model.learning.recordings import find_files
from model.learning.told import NOTHING, Told

INPUT: Final = ("input.flac", "input.wav")
LONGEST_S: Final = 4 * 3600


class Notes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of notes beside a recording."""

    tempo: float = 0.0
    chart: str = ""
    swing: float | None = None
    starts: float | None = None
    metre: int = 4


def find_told(paths: Sequence[Path], options: Told = NOTHING) -> tuple[list[Path], dict[Path, Told]]:
    """What is to be read, and what is known of each file by its resolved path.

    Args:
        paths: files and folders; of takes among them, or below them, their inputs are taken.
        options: of all recordings that neither have notes nor are takes.

    Raises:
        UsageError: notes that cannot be read or say what cannot be.
        FailureError: a take whose journal cannot be read.
    """
    files, told = list[Path](), dict[Path, Told]()
    for path in paths:
        takes = sorted(one.parent for one in path.rglob(NAME)) if path.is_dir() else []
        inside = find_files([path])[0] if path.exists() else []
        alone = [file for file in inside if not any(file.is_relative_to(take) for take in takes)]
        for file in alone:
            notes = file.with_suffix(".toml")
            known = read_notes(notes) if notes.is_file() else options
            if known is not NOTHING:
                told[file.resolve()] = known
        files += alone if takes else [path]
        for take in takes:
            recorded = next((take / name for name in INPUT if (take / name).is_file()), None)
            if recorded is not None:
                files.append(recorded)
                told[recorded.resolve()] = read_take(take)
    return files, told


def told_of(tempo: float | None, chart: str | None, starts: float | None) -> Told:
    """What options say.

    Raises:
        UsageError: the chart cannot be read, or a value is out of range.
    """
    if tempo is None and chart is None and starts is None:
        return NOTHING
    return Told(tempo=tempo or 0.0, chart=None if chart is None else load_chart(chart), starts_s=starts)


def read_notes(path: Path) -> Told:
    """
    Raises:
        UsageError: code `told`: not TOML, an unknown key, a chart that cannot be read, a value out of range.
    """
    try:
        notes = msgspec.convert(tomllib.loads(path.read_text()), Notes)
        chart = _chart(notes.chart, path.parent) if notes.chart else None
        if notes.metre not in (3, 4):
            raise UsageError(f"the metre is 3 or 4, not {notes.metre}")
        swing = float("nan") if notes.swing is None else notes.swing
        return Told(notes.tempo, chart, swing, notes.starts, metre=notes.metre)
    except (OSError, ValueError, msgspec.ValidationError, UsageError) as error:
        raise UsageError(f"{path}: {error}", code="told") from error


def _chart(text: str, folder: Path) -> Chart:
    beside = folder / text if len(text) < 256 and "\n" not in text and "|" not in text else None
    return load_chart(beside if beside is not None and beside.is_file() else text)


def read_take(folder: Path) -> Told:
    """Beats and chart of a take, on the time line of its files. A take with charts in two metres has no chart.

    Raises:
        FailureError: the journal cannot be read.
    """
    head, entries = read_journal(folder / NAME)
    first = first_frame(head, entries)
    clock, texts = _heard_by_the_engine(entries)
    if clock is None or not clock.playing:
        return NOTHING
    try:
        charts = [(bar, parse_chart(text)) for bar, text in texts]
    except ChartError as error:
        raise FailureError(f"{folder / NAME}: {error}", code="journal") from error
    bar, chart = clock.bar_at(first)[0], None
    if len(charts) == 1:
        bar, chart = charts[0]
    elif len({one.beats_per_bar for _, one in charts}) == 1:
        bars = range(bar, min(clock.bar_at(first + LONGEST_S * SAMPLE_RATE)[0], bar + MAX_BARS))
        chart = Chart(charts[0][1].beats_per_bar, tuple(_bar_of(charts, one) for one in bars))
    beat = clock.beat_of_bar(bar)
    begin = (clock.frame_at(beat) - first) / SAMPLE_RATE
    if len(clock.segments) == 1:
        segment = clock.segments[0]
        return Told(segment.tempo, chart, starts_s=begin, metre=segment.beats_per_bar)
    beats: list[float] = []
    while len(beats) < 2 or (beats[-1] < LONGEST_S and clock.frame_at(beat + len(beats)) < clock.segments[-1].frame + 8 * SAMPLE_RATE):
        beats.append((clock.frame_at(beat + len(beats)) - first) / SAMPLE_RATE)
    return Told(0.0, chart, beats_s=np.array(beats), metre=clock.segments[0].beats_per_bar)


def _bar_of(charts: Sequence[tuple[int, Chart]], bar: int) -> Bar:
    """What stands in a bar of the clock."""
    start, chart = next((pair for pair in reversed(charts) if pair[0] <= bar), charts[0])
    return chart.bars[(bar - start) % len(chart.bars)]


def _heard_by_the_engine(entries: Iterable[Entry]) -> tuple[Clock | None, list[tuple[int, str]]]:
    """All segments of the clock that it was told of one after the other, and (bar, chart) by rising bar."""
    clock: Clock | None = None
    charts: dict[int, str] = {}
    for entry in entries:
        if entry.kind != "engine":
            continue
        told: dict[str, Any] = msgspec.json.decode(entry.address)
        kind, body = told["kind"], told["body"]
        if not isinstance(body, dict):
            continue
        if kind == "begin" and not body["follows"]:
            clock, charts = None, {int(bar): str(text) for bar, text in body["charts"]}
        elif body.get("type") == m.SetChart.__name__:
            bar = int(body["bar"])
            charts = {place: text for place, text in charts.items() if place < bar} | {bar: str(body["text"])}
        if "clock" in body:
            fresh = msgspec.convert(body["clock"], Clock)
            clock = fresh if clock is None else Clock(clock.with_segments(*fresh.segments).segments, clock.playing or fresh.playing)
    return clock, sorted(charts.items())
