"""From files to clips: what is used, what is dropped and why.

Clips are 7 to 20 s, levelled by one gain a recording, and know what is heard in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from jamd.contract.errors import FailureError, UsageError
from jamd.contract.units import SAMPLE_RATE
from model.learning.clips import Clip, Dropped, Material, level, split
from model.learning.cutting import GAP_S, SHORTEST_S, clip_edges, loud_level, pieces_of, stretches
from model.learning.listening import TEMPO_SURE, Ear
from model.learning.recordings import Unreadable, data_hash, find_recordings, read_stretch
from model.learning.rhythm import FPS
from model.learning.survey import OFFSET, Survey, survey
from model.learning.told import NOTHING, Told
from model.metrics.heard import Floats

LEVEL_DB: Final = -21.5
"""RMS to which a recording is brought: that of the corpus."""
MOST_GAIN_DB: Final = 36.0
LEAST_S: Final = 120.0
"""Of used playing; less is refused."""
MOST_S: Final = 30 * 60.0
"""Of longer material, stretches spread evenly over it are taken."""
CHUNK_S: Final = 90.0
"""Longest stretch that is heard at once."""
QUIET_DB: Final = -56.0
"""A recording whose loud moments are below this has nothing to teach but its noise."""
CLIPPED: Final = 2e-3
"""Share of the samples at the ceiling beyond which a clip is dropped."""
TOUCHED: Final = 2e-4
"""The same beyond which it is remarked."""
PIECE_GAP_S: Final = 4.0
"""Silence in a file after which another piece begins, where there are few files."""


def gather(
    paths: Iterable[Path],
    *,
    force: bool = False,
    most_s: float = MOST_S,
    plays: tuple[str, ...] | None = None,
    told: Mapping[Path, Told] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Material:
    """Find, survey, cut, hear and split.

    Args:
        paths: files and folders.
        force: take less than two minutes, too.
        most_s: seconds of playing that are enough.
        plays: the parts of PARTS that play, where the musician said so; None: they are heard, too.
        told: what the musician said of files, by their resolved paths.
        progress: told what is being done and which share of it is.

    Raises:
        UsageError: nothing could be read, nothing usable is left, or too little without `force`.
    """
    tell = progress or (lambda what, share: None)
    recordings, unreadable = find_recordings(paths)
    surveys: list[Survey] = []
    known: dict[str, Path] = {}
    dropped: list[Dropped] = []
    remarks: list[str] = []
    for index, recording in enumerate(recordings):
        tell(f"reading {recording.path.name}", 0.3 * index / len(recordings))
        try:
            one = survey(recording)
        except FailureError as error:
            unreadable.append(Unreadable(recording.path, str(error).removeprefix(f"{recording.path.name}: ")))
            continue
        if one.hash in known:
            dropped.append(Dropped(recording.path, 0.0, one.seconds, f"the same sound as {known[one.hash].name}"))
            continue
        known[one.hash] = recording.path
        surveys.append(one)
    if not surveys:
        listed = f": {unreadable[0].path.name}, {unreadable[0].reason}" if unreadable else ""
        raise UsageError(f"no recording could be read{listed}", code="material")
    spans = [_spans(one, dropped) for one in surveys]
    spans = _thinned(surveys, spans, most_s, dropped)
    many = sum(1 for found in spans if found) >= 3
    clips: list[Clip] = []
    total = max(sum(end - start for found in spans for start, end in found), 1e-9)
    done = 0.0
    for one, found in zip(surveys, spans, strict=True):
        if not found:
            continue
        loud = _level_of(one, found)
        gain_db = min(LEVEL_DB - loud, MOST_GAIN_DB)
        if LEVEL_DB - loud > MOST_GAIN_DB:
            remarks.append(f"{one.recording.path.name} is very quiet: it was raised by {MOST_GAIN_DB:.0f} dB, and is still below the rest")
        offset = one.offset if max(abs(x) for x in one.offset) > OFFSET else (0.0, 0.0)
        if any(offset):
            remarks.append(f"{one.recording.path.name} has a constant offset of {max(offset, key=abs):+.3f}: taken off")
        piece, last_end = 0, -1e9
        for start, end in pieces_of(found, CHUNK_S, one.levels):
            tell(f"listening to {one.recording.path.name}", 0.3 + 0.7 * done / total)
            if start - last_end >= PIECE_GAP_S and not many and last_end > 0:
                piece += 1
            name = one.recording.path.name + (f"#{piece + 1}" if piece else "")
            known_of = (told or {}).get(one.recording.path.resolve(), NOTHING).after(start)
            clips += _clips(one, start, end, 10 ** (gain_db / 20), offset, name, loud, dropped, plays, known_of)
            last_end, done = end, done + end - start
    clips, guard = split(clips)
    dropped += guard
    material = Material(clips, sorted(dropped, key=_place), unreadable, sum(s.seconds for s in surveys), data_hash(known), remarks)
    _check(material, force)
    return material


def _place(dropped: Dropped) -> tuple[str, float]:
    return str(dropped.file), dropped.start_s


def _check(material: Material, force: bool) -> None:
    used = material.seconds_usable
    if not material.clips or not material.training:
        reasons = sorted({one.reason for one in material.dropped})
        why = f": {'; '.join(reasons[:3])}" if reasons else ""
        raise UsageError(f"nothing in the recordings can be learnt from{why}", code="material")
    if used < LEAST_S and not force:
        raise UsageError(
            f"only {_minutes(used)} of playing can be used, of {_minutes(material.seconds_given)} given: 2 minutes are the least, "
            "5 to 10 are good; --force takes it anyway",
            code="material",
        )


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} minutes"


def _spans(one: Survey, dropped: list[Dropped]) -> list[tuple[float, float]]:
    """Where a recording has sound that is long enough."""
    path = one.recording.path
    if loud_level(one.levels) < QUIET_DB:
        dropped.append(Dropped(path, 0.0, one.seconds, f"near silence: {loud_level(one.levels):.0f} dB at its loudest"))
        return []
    kept, last = [], 0.0
    for start, end in stretches(one.levels):
        if start - last > GAP_S / 2:
            dropped.append(Dropped(path, last, start, "silence"))
        last = end
        if end - start < SHORTEST_S:
            dropped.append(Dropped(path, start, end, f"shorter than {SHORTEST_S:g} s between silences"))
        else:
            kept.append((start, end))
    if one.seconds - last > GAP_S / 2:
        dropped.append(Dropped(path, last, one.seconds, "silence"))
    return kept


def _thinned(
    surveys: list[Survey], spans: list[list[tuple[float, float]]], most_s: float, dropped: list[Dropped]
) -> list[list[tuple[float, float]]]:
    """No more than `most_s` seconds, spread evenly over all that there is."""
    total = sum(end - start for found in spans for start, end in found)
    if total <= most_s:
        return spans
    out: list[list[tuple[float, float]]] = []
    taken = passed = 0.0
    for one, found in zip(surveys, spans, strict=True):
        kept = []
        for start, end in pieces_of(found, CHUNK_S, one.levels):
            passed += end - start
            if taken + end - start <= passed * most_s / total + CHUNK_S / 2 and taken + end - start <= most_s:
                kept.append((start, end))
                taken += end - start
            else:
                dropped.append(Dropped(one.recording.path, start, end, f"more than {most_s / 60:g} minutes are not needed"))
        out.append(kept)
    return out


def _level_of(one: Survey, found: list[tuple[float, float]]) -> float:
    """RMS of all that is used of a recording, in dB of full scale."""
    powers = [(10 ** (one.level(start, end) / 10), end - start) for start, end in found]
    return 10 * float(np.log10(sum(p * s for p, s in powers) / sum(s for _, s in powers)))


def _clips(
    one: Survey,
    start: float,
    end: float,
    gain: float,
    offset: tuple[float, float],
    piece: str,
    loud: float,
    dropped: list[Dropped],
    plays: tuple[str, ...] | None,
    told: Told,
) -> list[Clip]:
    """Clips of one stretch."""
    path = one.recording.path
    try:
        ear = Ear(level(read_stretch(one.recording, start, end), gain, offset), SAMPLE_RATE, plays, told)
    except FailureError as error:
        dropped.append(Dropped(path, start, end, str(error)))
        return []
    edges = clip_edges(start, end, one.levels, ear.bar_lines() + start)
    if not edges:
        dropped.append(Dropped(path, start, end, f"shorter than {SHORTEST_S:g} s"))
        return []
    if end - edges[-1] > 0.5:
        dropped.append(Dropped(path, edges[-1], end, f"a rest shorter than {SHORTEST_S:g} s"))
    out = []
    for low, high in pairwise(edges):
        clipping = one.clipping(low, high)
        reason = no_music(ear, low - start, high - start)
        if not reason and clipping > CLIPPED:
            reason = f"clipped: {clipping:.1%} of the samples are at the ceiling"
        if reason:
            dropped.append(Dropped(path, low, high, reason))
            continue
        heard = ear.hear(low - start, high - start, one.level(low, high) - loud)
        remarks = (f"a little clipped ({clipping:.2%})",) if clipping > TOUCHED else ()
        out.append(Clip(one.recording, low, high, gain, offset, piece, heard, remarks))
    return out


def no_music(ear: Ear, start_s: float, end_s: float) -> str:
    """Why a stretch is no music, or nothing: a steady tone, hum or noise. Speech is not told from music."""
    levels: Floats = ear.levels[int(start_s * FPS) : int(end_s * FPS)]
    if len(levels) == 0:
        return "empty"
    loud = 20 * np.log10(np.sqrt((levels.reshape(len(levels), -1) ** 2).sum(axis=1)) + 1e-9)
    blocks = loud[: len(loud) // 20 * 20].reshape(-1, 20).mean(axis=1)
    moves = float(np.percentile(blocks, 90) - np.percentile(blocks, 10)) if len(blocks) else 0.0
    mean = levels.mean(axis=0).astype(np.float64) + 1e-9
    flat = float(np.exp(np.log(mean).mean()) / mean.mean())
    if moves < 1.0 and flat < 0.3:
        return "a steady tone or hum"
    if moves < 3.0 and flat > 0.4 and ear.tempo.sure < TEMPO_SURE:
        return "steady noise"
    return ""
