"""Short renders while an adapter is learnt, so that the musician hears what becomes of it; the same bars every time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from jamd.contract.chart import parse_chart
from jamd.contract.units import PARTS, SAMPLE_RATE
from model.adapters.format import Adapter, write_adapter
from model.adapters.rack import AdapterRack
from model.generator.clip import ClipRender, ClipRequest, frames_of_bars
from model.generator.models import Models
from model.learning.prepare import Prepared

CHART: Final = "| Dm7 | G7 | Cmaj7 | A7 |"
EVERY_MINUTES: Final = 3.0
_BARS: Final = 4


class Auditions:
    """Writes `auditions/NN-MINUTESmin.flac` in the folder of a training.

    Args:
        models: as they play, with no adapter in them.
        prepared: whose tempo and parts are taken where they are sure.
    """

    def __init__(self, models: Models, work: Path, name: str, prepared: Prepared) -> None:
        self.models, self.name = models, name
        self.folder, self.drafts = work / "auditions", work / "drafts"
        self.rack = AdapterRack(models)
        tempos = [float(example.about["tempo"]) for example in prepared.training if float(example.about["tempo"]) > 0]
        self.tempo = float(np.clip(round(float(np.median(tempos))) if tempos else 120, 60, 260))
        self.parts = played_parts(prepared)
        self._last = 0.0

    def due(self, minutes: float) -> bool:
        """Whether it is time for another one."""
        return minutes - self._last >= EVERY_MINUTES

    def base(self) -> None:
        """As it was before anything was learnt."""
        if not any(self.folder.glob("*-base.flac")):
            self._write("00-base")

    def play(self, adapter: Adapter, what: str, minutes: float) -> None:
        """With what has been learnt so far."""
        self._last = minutes
        number = len(list(self.folder.glob("*.flac")))
        with self.playing_with(adapter):
            self._write(f"{number:02d}-{what}-{minutes:.0f}min")

    @contextmanager
    def playing_with(self, adapter: Adapter) -> Iterator[None]:
        """All that the models play meanwhile is played with an adapter."""
        self.rack.load(write_adapter(self.drafts, adapter, replace=True))
        self.rack.use_now([(adapter.manifest.name, 1.0)])
        try:
            yield
        finally:
            self.rack.use_now([])

    def _write(self, name: str) -> None:
        chart = parse_chart(CHART)
        request = ClipRequest(
            chart, self.tempo, frames_of_bars(_BARS, self.tempo, chart.beats_per_bar), seed=1,
            parts={part: part in self.parts for part in PARTS},
        )  # fmt: skip
        audio = ClipRender(self.models, request).finish()
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".{name}.part"
        soundfile.write(part, audio, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        part.replace(self.folder / f"{name}.flac")


def played_parts(prepared: Prepared) -> tuple[str, ...]:
    """The parts that most clips are sure of; a trio where they are sure of none."""
    named = [tuple(example.about["parts"]) for example in prepared.training if example.about["parts"]]
    return max(set(named), key=named.count) if named else ("piano", "bass", "drums")
