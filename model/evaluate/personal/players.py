"""Who plays the samples: anything that makes sound of a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from model.adapters.rack import AdapterRack
from model.generator.clip import ClipRender, ClipRequest
from model.generator.models import Models
from model.metrics.heard import Floats

Render = Callable[[ClipRequest], Floats]
"""Sound of a request. Shape: [frames, 2] at 48 kHz."""


def play(models: Models, request: ClipRequest) -> Floats:
    """What the models make of a request. Shape: [frames, 2]."""
    return ClipRender(models, request).finish()


def plain(models: Models) -> Render:
    """The models as they are, fine-tuned ones for instance."""
    return lambda request: play(models, request)


def with_adapters(rack: AdapterRack, mix: Sequence[tuple[str, float]]) -> Render:
    """The rack's models with a set of its adapters, by name and strength; the empty set is the base.

    The adapters have to be loaded. Any number of such players may share a rack, one at a time: each sets it before it plays.
    """

    def render(request: ClipRequest) -> Floats:
        if rack.active != list(mix):
            rack.use_now(mix)
        return play(rack.models, request)

    return render
