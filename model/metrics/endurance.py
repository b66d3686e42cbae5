"""Does a long render hold: loudness, silences, clicks and note rate minute by minute. Loudness after ITU-R BS.1770-4."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from model.metrics.heard import Doubles
from model.metrics.loudness import loudness, loudness_by_minute
from model.metrics.onsets import onset_strength, onset_times
from model.metrics.plain import plain

MINUTE_S: Final = 60.0
SILENCE_DB: Final = -60.0
"""RMS of 50 ms against full scale; less is silence."""
SILENCE_STEP_S: Final = 0.05
CLICK_TIMES: Final = 6.0
"""A click: a step from sample to sample this many times as large as any within 3 ms to both sides."""
CLICK_LEAST: Final = 0.01
"""Smaller steps are none: -40 dB of full scale."""
CLICK_REACH_S: Final = 0.003
EDGE_LEAST: Final = 0.01
"""A first or last sample this far from 0 clicks, because silence lies beyond."""


@dataclass(frozen=True)
class Clicks:
    """Steps from sample to sample, full scale 1."""

    largest: float
    largest_at_s: float
    places: Doubles
    """Isolated steps in seconds, shape [clicks]."""
    start: float
    """The first sample's distance from 0, the loudest channel."""
    end: float

    @property
    def at_start(self) -> bool:
        return self.start >= EDGE_LEAST

    @property
    def at_end(self) -> bool:
        return self.end >= EDGE_LEAST


def find_clicks(audio: NDArray[Any], rate: int) -> Clicks:
    """Largest step, isolated steps, and the edges.

    An attack has large steps for a while; a cut or a lost buffer has one or two alone, which is what counts here. A step of two samples
    in line (as of a single wrong sample) is one click.

    Args:
        audio: shape [samples] or [samples, channels], full scale 1, two samples or more.
        rate: samples a second.

    Raises:
        ValueError: less than two samples.
    """
    sound = np.asarray(audio, np.float32).reshape(len(audio), -1)
    if len(sound) < 2:
        raise ValueError("clicks need two samples")
    steps = np.abs(np.diff(sound, axis=0)).max(axis=1)
    largest = int(steps.argmax())
    reach = max(round(CLICK_REACH_S * rate), 8)
    # the largest of `width` steps from `reach` before to 2 before, and from 3 after on: the two of a wrong sample are left out
    width = reach - 1
    whole = maximum_filter1d(np.pad(steps, reach + 4), width, mode="constant")
    middle = np.arange(len(steps)) + reach + 4
    before, after = whole[middle - 1 - width + width // 2], whole[middle + 3 + width // 2]
    times, last = [], -reach
    for place in np.nonzero((steps >= CLICK_LEAST) & (steps > CLICK_TIMES * np.maximum(before, after)))[0].tolist():
        if place - last >= reach:
            times.append((place + 1) / rate)
            last = place
    edges = np.abs(sound[[0, -1]]).max(axis=1)
    return Clicks(float(steps[largest]), (largest + 1) / rate, np.array(times, np.float64), float(edges[0]), float(edges[1]))


def longest_silence(audio: NDArray[Any], rate: int) -> tuple[float, float]:
    """Begin and length in seconds of the longest stretch below SILENCE_DB; (0, 0) if there is none.

    Args:
        audio: shape [samples] or [samples, channels], full scale 1.
        rate: samples a second.
    """
    sound = np.asarray(audio, np.float32).reshape(len(audio), -1)
    step = round(SILENCE_STEP_S * rate)
    count = len(sound) // step
    if count == 0:
        return 0.0, 0.0
    power = (sound[: count * step].reshape(count, -1).astype(np.float64) ** 2).mean(axis=1)
    quiet = np.concatenate([[False], power < 10.0 ** (SILENCE_DB / 10.0), [False]])
    edges = np.nonzero(np.diff(quiet.astype(np.int8)))[0]
    if len(edges) == 0:
        return 0.0, 0.0
    lengths = edges[1::2] - edges[::2]
    best = int(lengths.argmax())
    return float(edges[2 * best]) * SILENCE_STEP_S, float(lengths[best]) * SILENCE_STEP_S


def onsets_per_beat(audio: NDArray[Any], rate: int, tempo: float, seconds: float = MINUTE_S) -> Doubles:
    """Heard onsets a beat in each minute; the rest counts if it is half a minute or more, or all there is. Shape: [minutes].

    Notes of several parts within 50 ms are one onset, so that this is less than the notes of a plan.

    Args:
        audio: shape [samples] or [samples, channels].
        rate: samples a second.
        tempo: beats a minute.
        seconds: another length than a minute.
    """
    times, total = onset_times(onset_strength(audio, rate)), len(audio) / rate
    return _by_minute(times, total, seconds) * 60.0 / tempo


def _by_minute(times: Doubles, total: float, seconds: float) -> Doubles:
    """Events a second in each minute. Shape: [minutes]."""
    whole = int(total / seconds + 1e-9)
    edges = [seconds * index for index in range(whole + 1)]
    if whole == 0 or total - edges[-1] >= seconds / 2:
        edges.append(total)
    return np.array(np.histogram(times, edges)[0] / np.diff(edges), np.float64)


def normal_range(sounds: Iterable[tuple[NDArray[Any], int, float]]) -> tuple[float, float]:
    """5 % and 95 % of the onsets a beat of the corpus' pieces, each measured whole.

    Args:
        sounds: (audio, samples a second, beats a minute) of each piece.

    Raises:
        ValueError: there is none.
    """
    rates = [float(onsets_per_beat(audio, rate, tempo, len(audio) / rate)[0]) for audio, rate, tempo in sounds]
    if not rates:
        raise ValueError("a range needs a piece or more")
    low, high = np.percentile(rates, [5, 95])
    return float(low), float(high)


@dataclass(frozen=True)
class Endurance:
    """What was measured of a long render. Lists have an element a minute."""

    seconds: float
    loudness: list[float]
    """LUFS; -inf for a silent minute."""
    loudness_whole: float
    spread: float
    """Loudest less softest minute, LU; inf with a silent minute."""
    drift: float
    """Slope of loudness over time, LU a minute; nan with a silent minute or a single one."""
    silence_at_s: float
    silence_s: float
    largest_step: float
    largest_step_at_s: float
    clicks: list[float]
    """Seconds."""
    click_at_start: bool
    click_at_end: bool
    onsets_per_beat: list[float]
    planned_per_beat: list[float]
    """Notes a beat of the plan; empty without a plan."""
    normal: tuple[float, float] | None
    outside: int
    """Minutes whose onsets a beat lie outside the normal range; 0 without a range."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; what is not finite becomes None."""
        return dict(plain(asdict(self)))


def measure_endurance(
    audio: NDArray[Any],
    rate: int,
    tempo: float,
    notes: NDArray[Any] | None = None,
    normal: tuple[float, float] | None = None,
    minute: float = MINUTE_S,
) -> Endurance:
    """Measures a long render.

    Args:
        audio: shape [samples, 2] (or fewer channels), full scale 1.
        rate: samples a second, a multiple of 20.
        tempo: beats a minute.
        notes: of the plan, with the field `beat`, the render's first sample at beat 0; shape [notes].
        normal: onsets a beat of the corpus, see `normal_range`.
        minute: seconds of what is called a minute here.

    Raises:
        ValueError: less than half a second of sound, no tempo, or more than two channels.
    """
    seconds = len(audio) / rate
    if seconds < 0.5 or tempo <= 0:
        raise ValueError(f"{seconds:.2f} s at tempo {tempo} cannot be measured")
    levels = loudness_by_minute(audio, rate, minute)
    heard = onsets_per_beat(audio, rate, tempo, minute)
    planned = np.zeros(0)
    if notes is not None:
        planned = _by_minute(np.asarray(notes["beat"], np.float64) * 60.0 / tempo, seconds, minute) * 60.0 / tempo
    clicks = find_clicks(audio, rate)
    silence_at, silence = longest_silence(audio, rate)
    sounding = bool(np.isfinite(levels).all())
    drift = float(np.polyfit(np.arange(len(levels)), levels, 1)[0]) if sounding and len(levels) > 1 else float("nan")
    return Endurance(
        seconds=seconds,
        loudness=levels.tolist(),
        loudness_whole=loudness(audio, rate),
        spread=float(levels.max() - levels.min()) if sounding else float("inf"),
        drift=drift,
        silence_at_s=silence_at,
        silence_s=silence,
        largest_step=clicks.largest,
        largest_step_at_s=clicks.largest_at_s,
        clicks=clicks.places.tolist(),
        click_at_start=clicks.at_start,
        click_at_end=clicks.at_end,
        onsets_per_beat=heard.tolist(),
        planned_per_beat=planned.tolist(),
        normal=normal,
        outside=0 if normal is None else int(((heard < normal[0]) | (heard > normal[1])).sum()),
    )
