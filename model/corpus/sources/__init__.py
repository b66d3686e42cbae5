"""Real performances for the corpus: solos, drumming, piano chords and tunes, where somebody has the data.

The data are no part of jamd. The environment variable JAMD_CORPUS names the folder that holds them; without it, or
without the folder, there are no sources and the corpus goes by its rules alone. Each kind has its own subfolder, and any
may be missing: `wjazzd`, `groove_jazz`, `jtd_skyline`, `openewld` (see the module of each).
"""

from __future__ import annotations

import csv
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeVar
from xml.etree.ElementTree import ParseError

from jamd.contract.errors import ChartError
from model.corpus.sources.groove import Groove, groove_bars, read_groove
from model.corpus.sources.jtd import TrioStats, pooled, read_trio
from model.corpus.sources.openewld import Sheet, read_sheet, sheet_chorus
from model.corpus.sources.wjazzd import Solo, bass_root_share, chord_tone_share, read_solo, solo_chorus, swing_shares

__all__ = [
    "VARIABLE",
    "Groove",
    "Sheet",
    "Solo",
    "Sources",
    "TrioStats",
    "bass_root_share",
    "chord_tone_share",
    "groove_bars",
    "load_sources",
    "pooled",
    "read_groove",
    "read_sheet",
    "read_solo",
    "read_trio",
    "sheet_chorus",
    "solo_chorus",
    "swing_shares",
]

VARIABLE: Final = "JAMD_CORPUS"

_T = TypeVar("_T")
_BROKEN: Final = (
    ValueError, KeyError, IndexError, TypeError, StopIteration, ArithmeticError, OSError, EOFError, ChartError, csv.Error, zlib.error,
    zipfile.BadZipFile, ParseError,
)  # fmt: skip
"""What a damaged or unsuitable file raises."""


@dataclass(frozen=True)
class Sources:
    """What there is, each by rising file name, so that a seed draws the same item on every machine with the same data."""

    solos: tuple[Solo, ...] = ()
    grooves: tuple[Groove, ...] = ()
    comping: tuple[TrioStats, ...] = ()
    """One a pianist, those without a chord left out; `pooled` makes one of them."""
    sheets: tuple[Sheet, ...] = ()
    skipped: tuple[tuple[str, int], ...] = ()
    """(subfolder, files or pairs of files that could not be used)"""

    def __bool__(self) -> bool:
        return bool(self.solos or self.grooves or self.comping or self.sheets)


def load_sources(folder: Path | None = None) -> Sources:
    """All sources of a folder, or of the one that JAMD_CORPUS names; empty where there is none.

    Read once in a process and kept. A file that is broken or does not suit is skipped and counted.
    """
    if folder is None:
        named = os.environ.get(VARIABLE, "")
        folder = Path(named) if named else None
    if folder is None or not folder.is_dir():
        return Sources()
    return _load(folder.resolve())


@cache
def _load(folder: Path) -> Sources:
    skipped: dict[str, int] = {}

    def gather(name: str, pattern: str, read: Callable[[Path], _T]) -> tuple[_T, ...]:
        found, lost = _read_all(sorted((folder / name).glob(pattern)), read)
        if lost:
            skipped[name] = lost
        return found

    def solo(melody: Path) -> Solo:
        return read_solo(melody, melody.parents[1] / "beat" / (melody.name.removesuffix(".csv.gz") + "_beattrack.csv.gz"))

    def trio(full: Path) -> TrioStats:
        stats = read_trio(full, full.with_name(full.name.replace("_full", "_manual")))
        if not stats.chords:
            raise ValueError("no chords")
        return stats

    return Sources(
        solos=gather("wjazzd", "melody/*.csv.gz", solo),
        grooves=gather("groove_jazz", "*.mid", read_groove),
        comping=gather("jtd_skyline", "*_full.MID", trio),
        sheets=gather("openewld", "*.mxl", read_sheet),
        skipped=tuple(skipped.items()),
    )


def _read_all(paths: Iterable[Path], read: Callable[[Path], _T]) -> tuple[tuple[_T, ...], int]:
    found: list[_T] = []
    lost = 0
    for path in paths:
        try:
            found.append(read(path))
        except _BROKEN:
            lost += 1
    return tuple(found), lost
