"""Renders of several players on the same charts, with the same parts and seeds, held against a reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jamd.contract.errors import FailureError
from model.evaluate.personal.clips import Asked, Clip, hear, missing
from model.evaluate.personal.draws import Draw, Estimate, centred, draw, estimate, take
from model.evaluate.personal.measures import DISTANCES, OTHERS, Measure, memorising
from model.evaluate.personal.players import Render
from model.evaluate.personal.reference import Reference
from model.evaluate.personal.requests import Options, make_requests
from model.evaluate.personal.summary import distance, excess, scales_of, terms_of
from model.generator.clip import ClipRequest
from model.generator.offline import write_wav
from model.metrics.heard import Doubles

if TYPE_CHECKING:
    from model.style.encoder import StyleEncoder

Table = dict[str, dict[str, Estimate]]


@dataclass
class Comparison:
    """What was found. The first player is the base."""

    players: list[str]
    measures: list[Measure]
    floors: dict[str, Estimate]
    """The player another time, by measure."""
    values: Table
    """By player and measure."""
    changes: Table
    """Less the base's, on the same charts and seeds, by player but the base and measure."""
    distances: dict[str, Estimate]
    """To the player, the base being 1; of all but the base. Empty where nothing could be measured."""
    terms: dict[str, dict[str, float]]
    """By player, the base too, and measure that counts in the distance: its share of what is above the floor for the base."""
    about: list[str]
    skipped: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Plain values; nan where something could not be measured."""
        return {
            "about": self.about,
            "skipped": self.skipped,
            "distance": {self.players[0]: 1.0} | {name: found.as_dict() for name, found in self.distances.items()},
            "terms": self.terms,
            "measures": {
                measure.name: {
                    "unit": measure.unit, "better": measure.better, "player": self.floors[measure.name].as_dict(),
                    "values": {name: self.values[name][measure.name].as_dict() for name in self.players},
                    "change": {name: found[measure.name].as_dict() for name, found in self.changes.items()},
                }
                for measure in self.measures
            },
        }  # fmt: skip


def compare(
    players: Mapping[str, Render],
    reference: Reference,
    options: Options = Options(),  # noqa: B008 - it is frozen
    *,
    style: StyleEncoder | None = None,
    out: Path | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Comparison:
    """Render and measure.

    Args:
        players: by name, the base first.
        reference: the player's playing.
        options: how much.
        style: the encoder with which the reference was heard.
        out: keep the samples there, as NAME-01.wav.
        progress: told what is being done and which share of it is.

    Raises:
        FailureError: a sample cannot be measured, or not be written.
    """
    tell = progress or (lambda what, share: None)
    requests, about = make_requests(reference, options)
    rows: dict[str, list[Clip]] = {}
    for number, (name, render) in enumerate(players.items()):
        rows[name] = []
        for index, request in enumerate(requests):
            tell(f"{name}, sample {index + 1} of {len(requests)}", 0.95 * (number + index / len(requests)) / len(players))
            rows[name].append(_sample(name, index, request, render, style, out))
    tell("measuring", 0.95)
    found = measure(rows, reference, options)
    found.about = [*about, *reference.remarks]
    found.skipped = [*missing(style), *found.skipped]
    tell("measured", 1.0)
    return found


def _sample(name: str, index: int, request: ClipRequest, render: Render, style: StyleEncoder | None, out: Path | None) -> Clip:
    audio = render(request)
    label = f"{name}-{index + 1:02d}"
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FailureError(f"cannot write {out}: {error.strerror}", code="file") from error
        write_wav(out / f"{label}.wav", audio)
    try:
        return hear(audio, style, name=label, asked=Asked(request.chart, request.tempo))
    except ValueError as error:
        raise FailureError(str(error)) from error


def measure(rows: Mapping[str, Sequence[Clip]], reference: Reference, options: Options) -> Comparison:
    """Every measure of samples that were heard already, by player, the base first; all players have as many."""
    clips, names = reference.clips, list(rows)
    learned = reference.learned or clips
    everybody = [*clips, *(clip for own in rows.values() for clip in own)]
    measures = [*DISTANCES, *OTHERS, *memorising(learned, everybody)]
    samples = len(rows[names[0]])
    pieces = [clip.piece for clip in clips]
    rng = np.random.default_rng([options.seed, 5])
    draws = [draw(pieces, samples, rng) for _ in range(options.draws)]
    again = [draw(pieces, samples, rng, replace=True) for _ in range(options.bootstraps)]
    floor_rows = {m.name: np.array([m.of(take(clips, d.player), take(clips, d.again)) for d in draws]) for m in measures}
    floors = {name: float(_mean(values)) for name, values in floor_rows.items()}
    points: dict[str, dict[str, float]] = {}
    copies: dict[str, dict[str, Doubles]] = {}
    for name, own in rows.items():
        points[name], copies[name] = {}, {}
        for one in measures:
            value = _mean(_held(one, clips, own, draws))
            points[name][one.name] = value
            copies[name][one.name] = centred(value, _held(one, clips, own, again))
    table = {name: {one.name: estimate(points[name][one.name], copies[name][one.name]) for one in measures} for name in names}
    changes = {
        name: {one.name: estimate(points[name][one.name] - points[names[0]][one.name], copies[name][one.name] - copies[names[0]][one.name])
               for one in measures}
        for name in names[1:]
    }  # fmt: skip
    unknown = [one.name for one in measures if all(not np.isfinite(points[name][one.name]) for name in names)]
    skipped = [f"not heard well enough to be measured: {', '.join(unknown)}"] if unknown else []
    floor_table = {name: estimate(floors[name], values) for name, values in floor_rows.items()}
    terms, distances = _distances(points, copies, floor_table)
    return Comparison(names, measures, floor_table, table, changes, distances, terms, [], skipped)


def _mean(values: Doubles) -> float:
    """Of those that are known; nan without any."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _held(one: Measure, clips: Sequence[Clip], own: Sequence[Clip], draws: Sequence[Draw]) -> Doubles:
    """A measure of a player's samples in each draw. Shape: [draws]."""
    return np.array([one.of(take(clips, d.player), take(own, d.renders)) for d in draws])


def _distances(
    points: Mapping[str, Mapping[str, float]], copies: Mapping[str, Mapping[str, Doubles]], floors: Mapping[str, Estimate]
) -> tuple[dict[str, dict[str, float]], dict[str, Estimate]]:
    """Terms of everybody; the distance of all but the base as a share of the base's, with its interval."""
    base, *rest = points
    known = set.intersection(*(set(terms_of(found)) for found in points.values()))
    scales = scales_of(points[base], floors, [name for name in terms_of({k: v.value for k, v in floors.items()}) if name in known])
    if not scales:
        return {}, {}
    terms = {name: {term: float(value) for term, value in excess(found, floors, scales).items()} for name, found in points.items()}
    whole = float(distance(points[base], floors, scales))
    if whole <= 0.0:
        return terms, {}
    spread = {name: distance(found, floors, scales) for name, found in copies.items()}
    shares = {name: float(distance(points[name], floors, scales)) / whole for name in rest}
    return terms, {name: estimate(share, spread[name] / np.maximum(spread[base], 1e-9)) for name, share in shares.items()}
