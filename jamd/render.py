"""`jamd render`: charts to files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bridges.charts import load_chart
from jamd.contract.errors import UsageError
from jamd.contract.units import PARTS, SAMPLE_RATE
from jamd.render_options import RenderOptions
from model.generator.clip import ClipRequest, frames_of_bars
from model.generator.offline import render_clip
from model.generator.performer import load_models
from model.style.words import read_style

DEFAULT_CHART = "| Dm7 | G7 | Cmaj7 | A7 |"


def numbered(path: Path, index: int, count: int) -> Path:
    """The path itself for one file, else with a number before its ending."""
    return path if count == 1 else path.with_name(f"{path.stem}-{index + 1}{path.suffix}")


def main(options: RenderOptions) -> list[dict[str, Any]]:
    """Render; one entry a file.

    Raises:
        JamdError: a chart that cannot be read, a file that cannot be written, weights that are missing.
    """
    import torch

    chart = load_chart(options.chart if options.chart is not None else DEFAULT_CHART)
    if options.seconds is not None:
        frames = round(options.seconds * SAMPLE_RATE)
    else:
        bars = options.bars if options.bars is not None else len(chart.bars)
        frames = frames_of_bars(bars, options.tempo, chart.beats_per_bar)
    if frames < 1:
        raise UsageError("nothing to render: the length is 0")
    torch.set_num_threads(1)
    models = load_models(options.model)
    out = []
    for index in range(options.count):
        request = ClipRequest(
            chart=chart,
            tempo=options.tempo,
            frames=frames,
            seed=options.seed + index,
            loop=options.loop,
            style=read_style(options.style),
            parts={name: name in options.parts for name in PARTS},
            density=options.density,
            energy=options.energy,
            register=options.register,
            swing=options.swing,
            temperature=options.temperature,
            top_p=options.top_p,
            guidance=options.guidance,
        )
        midi = numbered(options.midi, index, options.count) if options.midi is not None else None
        done = render_clip(models, request, numbered(options.out, index, options.count), midi)
        out.append(
            {key: str(value) if isinstance(value, Path) else value for key, value in asdict(done).items()}
            | ({"midi": str(midi)} if midi is not None else {})
        )
    return out
