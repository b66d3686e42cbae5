"""The planner: a transformer over note events that knows the chart.

Each step reads the last event and what is told of its beat, then writes the next event field by field: how many beats on, and once
the beat is known, what is told of *that* beat steers place, part, pitch, velocity and length (compound words, Hsiao et al.
2021, with the fields in sequence and the chord of the very beat beside each).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jamd.contract.units import PARTS
from model.config import PlannerConfig
from model.generator.events import ADVANCES, CONTEXT_WIDTH, FIELDS, REST, TICKS, ContextOf, PlannedNote, decode_event
from model.generator.sampling import sample
from model.layers.transformer import Transformer, TransformerState

_NAMES = tuple(FIELDS)


class FieldHead(nn.Module):
    """Logits of one field. Shape: [..., width] to [..., classes]."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 2 * width)
        self.norm = nn.RMSNorm(2 * width)
        self.out = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.norm(F.gelu(self.up(x), approximate="tanh")))  # type: ignore[no-any-return]


class Planner(nn.Module):
    """Events given contexts.

    Shape: events [batch, n, fields], contexts [batch, n, CONTEXT_WIDTH] (what is told of each event's beat).
    """

    def __init__(self, config: PlannerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embeddings = nn.ModuleDict({name: nn.Embedding(classes, width) for name, classes in FIELDS.items()})
        for embedding in self.embeddings.values():
            nn.init.normal_(embedding.weight, std=0.3)  # type: ignore[arg-type]
        self.context_in = nn.Linear(CONTEXT_WIDTH, width)
        self.context_out = nn.Sequential(nn.Linear(CONTEXT_WIDTH, width), nn.GELU(), nn.Linear(width, width))
        self.start = nn.Parameter(torch.randn(width) * 0.3)
        self.transformer = Transformer(width, config.layers, config.heads, config.feedforward, config.context)
        self.heads = nn.ModuleDict({name: FieldHead(width, classes) for name, classes in FIELDS.items()})

    def embedding(self, name: str) -> nn.Embedding:
        return self.embeddings[name]  # type: ignore[return-value]

    def embed(self, events: Tensor, contexts: Tensor) -> Tensor:
        """Shape: [batch, n, width]."""
        x = self.context_in(contexts)
        for index, name in enumerate(_NAMES):
            x = x + self.embeddings[name](events[..., index])
        return x  # type: ignore[no-any-return]

    def forward(self, events: Tensor, contexts: Tensor) -> Tensor:
        """Loss of every field, nats. Shape: [batch, n, fields]; a rest's pitch, velocity and length count as 0."""
        before = self.embed(events[:, :-1], contexts[:, :-1])
        x = torch.cat((self.start.expand(len(events), 1, -1).to(before.dtype), before), dim=1)
        z = self.transformer(x)
        losses = []
        for index, name in enumerate(_NAMES):
            logits = self.heads[name](z)
            losses.append(F.cross_entropy(logits.flatten(0, 1), events[..., index].flatten(), reduction="none"))
            z = z + self.embeddings[name](events[..., index])
            if index == 0:
                z = z + self.context_out(contexts)
        out = torch.stack(losses, dim=-1).view(*events.shape[:2], -1)
        sounding = (events[..., 2] != REST).unsqueeze(-1)
        return torch.cat((out[..., :3], out[..., 3:] * sounding), dim=-1)


@dataclass(frozen=True, slots=True)
class Sampling:
    temperature: float = 1.0
    top_p: float = 0.95


class PlanStream:
    """The plan as a stream that can be taken back.

    `extend(beat)` writes events until all notes before `beat` are known; `rewind(beat)` takes back all that begins at or after
    `beat`, so that changed contexts are followed from there. `notes` holds what stands, in order of time.

    Args:
        context_of: what is told of a beat; asked anew after a rewind.
        first_beat: the beat at which the plan begins.
    """

    def __init__(self, planner: Planner, context_of: ContextOf, first_beat: int, generator: torch.Generator) -> None:
        self.planner = planner
        self.context_of = context_of
        self.generator = generator
        self.first_beat = first_beat
        self.sampling = Sampling()
        self.notes: list[PlannedNote] = []
        self._state: TransformerState = planner.transformer.make_state(1)
        self._events: list[tuple[list[int], int]] = []
        self._note_counts: list[int] = []
        self._dropped = 0
        self._hidden: Tensor | None = None
        self._contexts: dict[int, Tensor] = {}

    @property
    def known_until(self) -> float:
        """All notes that begin before this beat are there."""
        return self._events[-1][1] if self._events else self.first_beat

    def context(self, beat: int) -> Tensor:
        """Shape: [1, 1, CONTEXT_WIDTH]."""
        if beat not in self._contexts:
            self._contexts[beat] = torch.from_numpy(self.context_of(beat).vector())[None, None]
        return self._contexts[beat]

    def rewind(self, beat: float) -> None:
        """Take back every event at or after `beat`, and what was known of the beats from there on."""
        whole = int(np.floor(beat))
        self._contexts = {b: c for b, c in self._contexts.items() if b < whole}
        keep = len(self._events)
        while keep and self._events[keep - 1][1] + self._events[keep - 1][0][1] / TICKS >= beat:
            keep -= 1
        if keep == len(self._events):
            return
        del self._events[keep:]
        del self.notes[self._note_counts[keep - 1] if keep else 0 :]
        del self._note_counts[keep:]
        # the start and all events but the last have been read; the last is read again by `_advance`
        self._state.rewind(self._dropped + keep)
        self._hidden = None

    def forget(self, beat: float) -> None:
        """Drop notes that begin before `beat` from `notes`; the model keeps its memory of them.

        A rewind reaches back 32 beats before the last beat that was forgotten.
        """
        index = 0
        while index < len(self.notes) and self.notes[index].beat < beat:
            index += 1
        if index:
            del self.notes[:index]
            self._note_counts = [max(count - index, 0) for count in self._note_counts]
        self._contexts = {b: c for b, c in self._contexts.items() if b >= beat - 32}
        old = 0
        while old < len(self._events) - 1 and self._events[old][1] < beat - 32:
            old += 1
        if old > 256:
            del self._events[:old]
            del self._note_counts[:old]
            self._dropped += old

    @torch.no_grad()
    def _advance(self) -> None:
        """Write one event."""
        planner = self.planner
        if self._hidden is None:
            if self._state.length == 0:
                x = planner.start.expand(1, 1, -1)
                self._hidden = planner.transformer.step(x, self._state)
            if self._events and self._state.length == self._dropped + len(self._events):
                event, beat = self._events[-1]
                x = planner.embed(torch.tensor(event)[None, None], self.context(beat))
                self._hidden = planner.transformer.step(x, self._state)
        assert self._hidden is not None
        z = self._hidden
        last, beat = self._events[-1] if self._events else ([0, 0, 0, -1, 0, 0], self.first_beat)
        event = []
        same_time = False
        for index, name in enumerate(_NAMES):
            logits = planner.heads[name](z)[0, 0].float()
            self._forbid(logits, index, event, last, beat, same_time)
            value = int(sample(logits, self.generator, self.sampling.temperature, self.sampling.top_p))
            event.append(value)
            if index == 0:
                beat += value
                z = z + planner.embedding(name).weight[value] + planner.context_out(self.context(beat))  # type: ignore[operator]
            else:
                z = z + planner.embedding(name).weight[value]  # type: ignore[operator]
            if index == 1:
                same_time = event[0] == 0 and value == last[1]
        self._events.append((event, beat))
        note = decode_event(event, beat)
        if note is not None:
            self.notes.append(note)
        self._note_counts.append(len(self.notes))
        x = planner.embed(torch.tensor(event)[None, None], self.context(beat))
        self._hidden = planner.transformer.step(x, self._state)

    def _forbid(self, logits: Tensor, index: int, event: list[int], last: list[int], beat: int, same_time: bool) -> None:
        """Mask what cannot follow: earlier times, parts that are off, an order that the events never have."""
        low = float("-inf")
        if index == 0 and last[1] == TICKS - 1 and last[2] == REST - 1:
            logits[0] = low
        elif index == 1 and event[0] == 0:
            logits[: last[1] + (last[2] >= REST - 1 and last[3] >= 127)] = low
        elif index == 2:
            allowed = torch.tensor([*self.context_of(beat).parts, True])
            if event[0] < ADVANCES - 1:
                allowed[REST] = not bool(allowed[:REST].any())
            if same_time and last[2] < REST:
                allowed[: last[2]] = False
            if not bool(allowed.any()):
                allowed[REST] = True
            logits[~allowed] = low
        elif index == 3 and same_time and event[2] == last[2] and last[3] < 127:
            logits[: last[3] + 1] = low

    def extend(self, beat: float, most: int = 1 << 30) -> int:
        """Write events until all notes before `beat` are known, or `most` events are written; returns how many."""
        count = 0
        while self.known_until < beat and count < most:
            self._advance()
            count += 1
        return count


assert FIELDS["part"] == len(PARTS) + 1
