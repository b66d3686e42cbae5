"""What the jam was told since it began: enough to play it again.

The plan is a pure function of its seed, of what the situation was, and of how many events were written before each change; the sound
one of the plan, the changes and their steps. So each change is kept with both numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from jamd.contract import messages as m
from model.generator.performer import Performer
from model.generator.situation import Situation

MOST: Final = 32 << 20
"""Characters of changes that are kept; a longer jam is recorded from then on without its beginning."""
_encoder = msgspec.json.Encoder()


class History:
    """Of the jam that plays. One thread.

    Args:
        send: to control.
        adapters: says which play.
    """

    def __init__(self, send: Callable[[m.Message], None], adapters: Callable[[], list[tuple[str, float]]] | None = None) -> None:
        self._send = send
        self._adapters = adapters if adapters is not None else list
        self._inputs: list[m.EngineInput] = []
        self._size = 0
        self._on = False

    def report(self, on: bool) -> None:
        """Send everything so far, and all that comes; or nothing more."""
        self._on = on
        if on:
            for one in self._inputs:
                self._send(one)

    def _add(self, kind: str, body: Any, performer: Performer | None, frame: int) -> None:
        text = _encoder.encode({"kind": kind, "body": body}).decode()
        steps = performer.steps if performer is not None else 0
        planned = performer.plan.written if performer is not None else 0
        one = m.EngineInput(steps=steps, planned=planned, frame=frame, text=text)
        self._size += len(text)
        if self._size < MOST:
            self._inputs.append(one)
        if self._on:
            self._send(one)

    def begin(self, situation: Situation, params: Mapping[str, float], frame: int, now: int, seed: int, follows: bool) -> None:
        """A jam begins: what was told before is part of its situation. `follows`: after one that still plays."""
        if not follows:
            self._inputs.clear()
            self._size = 0
        body = {
            "frame": frame, "seed": seed, "follows": follows, "clock": msgspec.to_builtins(situation.clock),
            "charts": [[bar, chart.text()] for bar, chart in situation.charts], "since": list(situation.since),
            "overrides": [[beat, chord.symbol if chord is not None else None] for beat, chord in situation.overrides],
            "parts": dict(situation.parts), "style": situation.style.text, "trade": list(situation.trade), "params": dict(params),
            "adapters": [list(pair) for pair in self._adapters()],
        }  # fmt: skip
        self._add("begin", body, None, now)

    def note(self, message: m.Message, performer: Performer | None, frame: int) -> None:
        """A message, before it is applied. Without a jam nothing is kept."""
        if performer is not None:
            self._add("message", msgspec.to_builtins(message), performer, frame)

    def note_adapters(self, performer: Performer, frame: int) -> None:
        """From the step that comes next on others play."""
        self._add("adapters", [list(pair) for pair in self._adapters()], performer, frame)

    def note_skip(self, steps: int, performer: Performer, frame: int) -> None:
        """The performer is about to leave steps out."""
        self._add("skip", steps, performer, frame)
