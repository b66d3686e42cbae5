"""A piece: who plays, on what chart, how fast and how; then everybody's notes. A pure function of its seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jamd.contract.chart import Chart
from jamd.contract.units import PARTS, TEMPO_MAX, TEMPO_MIN
from model.corpus import bass, comping, drums, melody, real
from model.corpus.effects import Recording, draw_recording
from model.corpus.grid import FEELS, Row, Stage
from model.corpus.manner import NEUTRAL, Manner, draw_manners, of_persona
from model.corpus.notes import Notes, make_notes
from model.corpus.personas import Persona
from model.corpus.songs import make_chart
from model.corpus.sounds import PLAIN, Sound, Studio, choose
from model.corpus.sources import Sources, TrioStats

_FEEL_SHARE: Final = (0.48, 0.13, 0.12, 0.1, 0.1, 0.07)
_TEMPO: Final[dict[str, tuple[float, float]]] = {
    "swing": (90, 300), "bossa": (90, 180), "ballad": (56, 84), "waltz": (80, 220), "modal": (90, 280), "funk": (80, 125),
}  # fmt: skip
_HORNS: Final = {56: (54, 82), 59: (54, 80), 64: (58, 84), 65: (50, 80), 66: (45, 75), 67: (38, 68), 71: (52, 84), 73: (62, 90)}


SHARE_REAL: Final = 0.4
"""Of the pieces, when there are sources."""


@dataclass(frozen=True)
class PartMix:
    gain_db: float
    pan: float
    """-1 left to 1 right"""


@dataclass(frozen=True)
class Piece:
    """All that is known of a piece. Arrays by bar have shape [bars] or [bars, parts]."""

    seed: int
    chart: Chart
    tempo: float
    feel: str
    bars: int
    swing: float
    """Share of the beat that the ride's first eighth takes."""
    density: NDArray[np.float32]
    energy: NDArray[np.float32]
    register: NDArray[np.float32]
    parts: NDArray[np.bool_]
    notes: Notes
    programs: Mapping[str, tuple[int, int]]
    """(bank, program) of General MIDI a part."""
    mix: Mapping[str, PartMix]
    room_s: float
    """Decay time of the room; 0: dry."""
    room_gain: float
    level_db: float
    sounds: Mapping[str, Sound]
    """What each part is played on."""
    recording: Recording | None = None
    """How it was recorded; None: in the simple room of `room_s`."""
    persona: str | None = None
    manners: tuple[Manner, ...] = ()
    """How piano, bass, drums and horn play the rules' notes, bar by bar; voicing is None where real hands voice the chords."""

    @property
    def beats_per_bar(self) -> int:
        return self.chart.beats_per_bar

    @property
    def seconds(self) -> float:
        return self.bars * self.beats_per_bar * 60.0 / self.tempo


def swing_share(rng: np.random.Generator, tempo: float, feel: str) -> float:
    """Swing by tempo, after the medians of the Weimar Jazz Database (ratio 1.2 slow, 1.5-1.7 middle, 1.2 fast)."""
    if feel in ("bossa", "funk"):
        return 0.5
    middle = 0.57 if tempo < 90 else 0.62 if tempo < 200 else max(0.62 - (tempo - 200) * 0.0012, 0.53)
    return float(np.clip(middle + rng.normal(0, 0.02), 0.5, 0.69))


def _sections(rng: np.random.Generator, bars: int, wander: float) -> NDArray[np.float32]:
    """A level per bar that changes at section borders."""
    out = np.zeros(bars, np.float32)
    level = float(rng.random())
    for start in range(0, bars, 4):
        if start and rng.random() < wander:
            level = float(rng.random())
        out[start : start + 4] = level
    return out


def _restless_sections(rng: np.random.Generator, bars: int) -> NDArray[np.float32]:
    """A knob that somebody turns: often, and most of the way."""
    ends = np.cumsum(rng.choice([1, 2, 4, 8], bars))
    return rng.beta(0.5, 0.5, bars).astype(np.float32)[np.searchsorted(ends, np.arange(bars), side="right")]


def _leaning(level: NDArray[np.float32], lean: float) -> NDArray[np.float32]:
    """Levels drawn towards one end: half their range, around the middle moved by `lean`."""
    if lean == 0.0:
        return level
    return np.clip(0.5 + lean + (level - 0.5) * 0.5, 0.0, 1.0).astype(np.float32)


def _by_bar(value: ArrayLike | None, bars: int, drawn: NDArray[np.float32]) -> NDArray[np.float32]:
    return drawn if value is None else np.broadcast_to(np.asarray(value, np.float32), (bars,)).copy()


def _line_up(rng: np.random.Generator, bars: int) -> NDArray[np.bool_]:
    """Which parts play in each bar."""
    choice = rng.random()
    if choice < 0.52:
        on = [True, True, True, False]
    elif choice < 0.78:
        on = [True, True, True, True]
    elif choice < 0.9:
        on = [[True, True, False, False], [False, True, True, True], [False, True, False, True], [True, False, False, True],
              [True, False, True, False], [False, True, True, False]][int(rng.integers(6))]  # fmt: skip
    else:
        on = [index == int(rng.choice([0, 0, 1, 2, 3])) for index in range(4)]
        if not any(on):
            on[0] = True
    out = np.tile(np.array(on), (bars, 1))
    if rng.random() < 0.35:
        for start in range(4, bars, 4):
            if rng.random() < 0.4:
                part = int(rng.integers(4))
                out[start : start + 4, part] = ~out[start, part]
                if not out[start].any():
                    out[start : start + 4, 0] = True
    return out


def _restless_line_up(rng: np.random.Generator, bars: int) -> NDArray[np.bool_]:
    """Every part for itself: half of them all along, the others in and out for two to 24 bars at a time."""
    out = np.ones((bars, len(PARTS)), bool)
    for part in range(len(PARTS)):
        if rng.random() < 0.5:
            ends = np.cumsum(2 * rng.integers(1, 13, bars))
            out[:, part] = (np.searchsorted(ends, np.arange(bars), side="right") + rng.integers(2)) % 2 == 0
    out[~out.any(axis=1), 0] = True
    return out


def make_piece(
    seed: int,
    *,
    chart: Chart | None = None,
    tempo: float | None = None,
    bars: int | None = None,
    feel: str | None = None,
    density: ArrayLike | None = None,
    energy: ArrayLike | None = None,
    register: ArrayLike | None = None,
    parts: ArrayLike | None = None,
    persona: Persona | None = None,
    studio: Studio = PLAIN,
    sources: Sources | None = None,
    seconds: tuple[float, float] = (20, 60),
    manner: Manner | Sequence[Manner] | None = None,
    restless: bool = False,
) -> Piece:
    """The piece of a seed. What is not given is drawn; `parts` is [parts] or [bars, parts] in the order of PARTS.

    A persona leads: its habits take the place of draws. The studio says with which sounds the piece can be rendered; the
    notes do not depend on it. With sources, real solos, tunes, drumming and hand shapes take the place of rules in a share of
    the pieces for which no chart is given. A length that is not given lies between `seconds`. Pieces that nobody leads
    may be given a manner, or one a bar; restless ones draw them (`draw_manners`), and half of them are played as for a musician who
    tries every switch: parts come in and fall silent again and again; most, as for one who turns every knob.

    Raises:
        ValueError: a feel nobody knows, a tempo out of range, fewer manners than bars, or more than one of persona, manner and restless.
    """
    if (persona is not None) + (manner is not None) + restless > 1:
        raise ValueError("a persona has its own manner, a restless piece draws them")
    rng = np.random.default_rng([20_25, seed])
    other = np.random.default_rng([20_26, seed])  # what is beyond the rules: sounds, sources
    take = None
    if sources is not None and chart is None and tempo is None and bars is None and other.random() < SHARE_REAL:
        horn_sound = persona.instruments["horn"] if persona is not None else None
        stand_in = horn_sound and choose(np.random.default_rng(0), "horn", 66, PLAIN, horn_sound).program
        take = real.choose_take(other, sources, *_HORNS.get(int(stand_in or 66), _HORNS[66]), 66, swing=0.6)
    if take is not None:
        chart, bars, feel = take.chart, take.bars, take.feel
        tempo = take.tempo
        density, energy, register = take.density, take.energy, take.register
    if feel is None:
        if persona is None:
            feel = str(rng.choice(FEELS, p=_FEEL_SHARE))
        else:
            feel = str(rng.choice(list(persona.feels), p=list(persona.feels.values())))
        if chart is not None:
            feel = "waltz" if chart.beats_per_bar == 3 else "swing" if feel == "waltz" else feel
    if feel not in FEELS:
        raise ValueError(f"no feel {feel!r}: there are {', '.join(FEELS)}")
    low, high = _TEMPO[feel]
    if persona is not None and max(low, persona.tempo[0]) < min(high, persona.tempo[1]):
        low, high = max(low, persona.tempo[0]), min(high, persona.tempo[1])
    drawn_tempo = float(np.round(np.exp(rng.uniform(np.log(low), np.log(high))) * 2) / 2)
    if rng.random() < 0.05 and persona is None and feel in ("swing", "ballad"):
        drawn_tempo = float(rng.integers(60, 300))
    tempo = drawn_tempo if tempo is None else float(tempo)
    if not TEMPO_MIN <= tempo <= TEMPO_MAX:
        raise ValueError(f"tempo {tempo} is outside {TEMPO_MIN:g}..{TEMPO_MAX:g}")
    chart = chart or make_chart(rng, feel)
    swing = swing_share(rng, tempo, feel)
    if persona is not None and feel not in ("bossa", "funk"):
        swing = float(np.clip(swing + persona.swing, 0.5, 0.72))
    if bars is None:
        bars = int(np.clip(round(rng.uniform(*seconds) * tempo / 60 / chart.beats_per_bar), 8, 96))
    line_up = _line_up(rng, bars)
    if take is not None:
        line_up[:] = (True, True, True, True) if persona is None or persona.line_up is None else persona.line_up
        line_up[:, 3] = True
    lean = (0.0, 0.0, 0.0)
    if persona is not None:
        lean = (persona.density, persona.energy, persona.register)
        if persona.line_up is not None and take is None:
            line_up[:] = persona.line_up
    moods = np.random.default_rng([20_40, seed])
    if restless:
        manner = list(islice(draw_manners(moods), bars))
        if moods.random() < 0.5:
            line_up = _restless_line_up(moods, bars)
    drawn = [_leaning(_sections(rng, bars, wander), by) for wander, by in zip((0.5, 0.4, 0.35), lean, strict=True)]
    if restless and moods.random() < 0.85:
        drawn = [_restless_sections(moods, bars) for _ in drawn]
    stage = Stage(
        rng, chart, tempo, feel, bars, swing, _by_bar(density, bars, drawn[0]), _by_bar(energy, bars, drawn[1]),
        _by_bar(register, bars, drawn[2]),
        line_up if parts is None else np.broadcast_to(np.asarray(parts, bool), (bars, len(PARTS))).copy(),
    )  # fmt: skip
    horn = int(rng.choice(list(_HORNS), p=[0.2, 0.08, 0.08, 0.18, 0.24, 0.06, 0.08, 0.08]))
    brushes = feel == "ballad" or (feel in ("waltz", "swing") and tempo < 140 and rng.random() < 0.25)
    kind = str(rng.choice(["rootless", "rootless_b", "drop2", "shell", "triad"], p=[0.34, 0.2, 0.22, 0.14, 0.1]))
    if feel == "modal" and rng.random() < 0.6:
        kind = "quartal"
    sounds: dict[str, Sound] = {}
    room = None
    if persona is not None:
        room = persona.room
        sounds = {name: choose(other, name, 0, studio, persona.instruments[name]) for name in PARTS}
        horn = sounds["horn"].program if sounds["horn"].program in _HORNS else 66
        brushes = sounds["drums"].program == 40
    hands = real_drums = None
    if sources is not None:
        hands = sources.comping[int(other.integers(len(sources.comping)))] if sources.comping and other.random() < 0.3 else None
        groove = None if brushes or other.random() < 0.5 else real.choose_groove(other, sources, tempo, chart.beats_per_bar, feel)
        real_drums = None if groove is None else real.play_groove(other, groove, bars, stage.energy)
    manners = _by_bars(NEUTRAL if manner is None else manner, bars) if persona is None else [of_persona(persona)] * bars
    rows = _perform(stage, horn, brushes, kind, manners, take, hands, real_drums)
    piano = int(rng.choice([0, 1, 4, 11], p=[0.62, 0.2, 0.12, 0.06]))
    kit = 40 if brushes else int(rng.choice([32, 0], p=[0.8, 0.2]))
    programs = {"piano": (0, piano), "bass": (0, int(rng.choice([32, 33], p=[0.85, 0.15]))), "drums": (128, kit), "horn": (0, horn)}
    if persona is None:
        sounds = {name: choose(other, name, program, studio) for name, (_, program) in programs.items()}
    else:
        programs = {name: (bank, sounds[name].program) for name, (bank, _) in programs.items()}
    return Piece(
        seed=seed, chart=chart, tempo=tempo, feel=feel, bars=bars, swing=swing,
        density=stage.density, energy=stage.energy, register=stage.register, parts=stage.parts,
        notes=make_notes(rows, tempo),
        programs=programs,
        mix={"piano": PartMix(float(rng.normal(0, 1.2)), float(rng.uniform(-0.45, 0.45))),
             "bass": PartMix(float(rng.normal(0.5, 1.2)), float(rng.uniform(-0.15, 0.15))),
             "drums": PartMix(float(rng.normal(5.0, 1.5)), float(rng.uniform(-0.2, 0.2))),
             "horn": PartMix(float(rng.normal(0.5, 1.2)), float(rng.uniform(-0.4, 0.4)))},
        room_s=float(rng.choice([0.0, rng.uniform(0.25, 0.9)], p=[0.25, 0.75])),
        room_gain=float(rng.uniform(0.06, 0.22)), level_db=float(rng.normal(0, 1.5)),
        sounds=sounds, recording=draw_recording(other, room) if studio.recordings else None,
        persona=None if persona is None else persona.name,
        manners=tuple(one.filled(kind) if hands is None else replace(one, voicing=None) for one in manners),
    )  # fmt: skip


def _by_bars(manner: Manner | Sequence[Manner], bars: int) -> list[Manner]:
    every = [manner] * bars if isinstance(manner, Manner) else list(manner)[:bars]
    if len(every) < bars:
        raise ValueError(f"{len(every)} manners for {bars} bars")
    return every


def _at(manners: Sequence[Manner], beat: float, stage: Stage) -> Manner:
    return manners[min(max(int(beat // stage.per_bar), 0), len(manners) - 1)]


def _perform(
    stage: Stage,
    horn: int,
    brushes: bool,
    kind: str,
    manners: Sequence[Manner],
    take: real.Take | None,
    hands: TrioStats | None,
    real_drums: list[Row] | None,
) -> list[Row]:
    """Everybody's notes, cut where a part is off."""
    horn_ever = bool(stage.parts[:, 3].any())
    rows: list[Row] = list(real_drums) if real_drums is not None else drums.play(stage, brushes)
    rows += take.bass if take is not None and take.bass else bass.play(stage)
    rows += comping.play(stage, not horn_ever, kind, manners, hands)
    if take is None:
        line = melody.play(stage, 0, 58, 88, 6.0)
        # the piano sings where no horn plays
        rows += [row for row in line if not stage.parts[min(int(row[3] // stage.per_bar), stage.bars - 1), 3]]
        if horn_ever:
            low, high = _HORNS[horn]
            rows += melody.play(stage, 3, low, high, 12.0)
    else:
        rows += take.horn
    rows = [_at(manners, row[3], stage).own(row) for row in rows]
    total = stage.bars * stage.per_bar
    out = []
    for part, pitch, velocity, beat, length in rows:
        if not 0 <= beat < total - 1e-6:
            if not -0.1 < beat < 0:
                continue
            beat = 0.0
        bar = int(beat // stage.per_bar)
        if not stage.parts[bar, part]:
            continue
        end = bar + 1
        while end < stage.bars and stage.parts[end, part]:
            end += 1
        out.append((part, pitch, velocity, beat, min(length, end * stage.per_bar - beat)))
    return _monophonic(_no_overlap(out))


def _no_overlap(rows: list[Row]) -> list[Row]:
    """No pitch of a part begins again while it sounds; of two at once the louder stays."""
    rows.sort(key=lambda row: (row[0], row[1], row[3]))
    out: list[Row] = []
    for row in rows:
        if out and out[-1][0] == row[0] and out[-1][1] == row[1] and row[0] != 2:
            last = out[-1]
            if row[3] - last[3] < 0.06:
                continue
            if last[3] + last[4] > row[3]:
                out[-1] = (*last[:4], row[3] - last[3] - 0.01)
        elif out and out[-1][0] == row[0] == 2 and out[-1][1] == row[1] and row[3] - out[-1][3] < 0.06:
            continue
        out.append(row)
    return out


def _monophonic(rows: list[Row]) -> list[Row]:
    """Bass and horn play one note at a time."""
    out = [row for row in rows if row[0] in (0, 2)]
    for part in (1, 3):
        voice = sorted((row for row in rows if row[0] == part), key=lambda row: row[3])
        for index, row in enumerate(voice):
            if index + 1 < len(voice):
                gap = voice[index + 1][3] - row[3]
                if gap < 0.05:
                    continue
                row = (*row[:4], min(row[4], gap))
            out.append(row)
    return out
