"""What is rendered: the charts and tempos that are heard in the reference, where they are sure; else those of the evaluation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from jamd.contract.units import PARTS
from model.evaluate.bench import make_cases
from model.evaluate.personal.reference import Reference
from model.generator.clip import ClipRequest, frames_of_bars
from model.learning.controls import heard_chart


@dataclass(frozen=True)
class Options:
    """How much is rendered, and how it is measured."""

    samples: int = 10
    seconds: float = 12.0
    """Of a sample; as many whole bars as come nearest."""
    seed: int = 1
    """Of the first sample; the next ones count on."""
    parts: tuple[str, ...] | None = None
    """Who plays; None: who is heard in the reference."""
    draws: int = 50
    """Times that the reference is halved."""
    bootstraps: int = 200

    @classmethod
    def quick(cls) -> Options:
        """For experiments: a third of the time, wider intervals. Its distances compare with each other, not with those of more samples."""
        return cls(samples=6, seconds=8.0, draws=20, bootstraps=60)

    def given(self, **values: Any) -> Options:
        """With other values, those that are None left as they are."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})


def make_requests(reference: Reference, options: Options) -> tuple[list[ClipRequest], list[str]]:
    """A request a sample, the same for every player, and what to tell people of them."""
    parts = options.parts if options.parts is not None else reference.parts
    charts = [(chart, heard.tempo) for heard in reference.heard if (chart := heard_chart(heard)) is not None]
    tempos = [heard.tempo for heard in reference.heard if heard.knows_tempo]
    metres = [heard.per_bar for heard in reference.heard if heard.knows_bars]
    metre = max(set(metres), key=metres.count) if metres else None
    stock = [case for case in make_cases(8 * max(options.samples, 1)) if metre is None or case.chart.beats_per_bar == metre]
    step = max(len(charts) // options.samples, 1)
    out = []
    for index in range(options.samples):
        if charts:
            chart, tempo = charts[index * step % len(charts)]
        else:
            case = stock[index % len(stock)]
            chart, tempo = case.chart, tempos[index % len(tempos)] if tempos else case.tempo
        per_bar = chart.beats_per_bar
        bars = max(round(options.seconds * tempo / 60.0 / per_bar), 1)
        frames = frames_of_bars(bars, tempo, per_bar)
        request = ClipRequest(chart, tempo, frames, seed=options.seed + index, parts={name: name in parts for name in PARTS})
        out.append(request)
    if charts:
        about = f"charts and tempos of {min(len(charts), options.samples)} clips of the reference"
    else:
        about = "stock charts, as none is sure in the reference" + (", at its tempos" if tempos else " and tempos")
    return out, [f"{options.samples} samples of about {options.seconds:g} s, {'+'.join(parts)}: {about}"]
