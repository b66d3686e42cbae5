"""What a musician says of recordings, gathered: options of the command, notes beside the files, and jamd's own takes.

Beside `blues.wav` there may lie `blues.toml`:

    tempo = 132              # beats a minute
    chart = "blues.musicxml" # or the chart's text, or a link of iReal Pro
    swing = 0.62             # share of the beat that the first eighth takes
    starts = 0.0             # seconds at which the first bar begins; left out: it is found
    metre = 4                # where there is no chart

A take of jamd knows all of it, to the sample: of its folder the input alone is taken, for the rest is the partner's playing. What is not
true of the whole input is not told of it, and is heard.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bridges.charts import load_chart
from jamd.contract.chart import Chart
from jamd.contract.errors import UsageError
from jamd.control.journal import NAME
from jamd.played import input_of, read_take
from model.learning.recordings import find_files
from model.learning.told import NOTHING, Told


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
            recorded = input_of(take)
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
        notes = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8-sig")), Notes)
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
