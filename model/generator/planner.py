"""The planner: a transformer over note events that knows the chart.

Each step reads the last event and what is told of its beat, then writes the next event field by field: how many beats on, and once
the beat is known, what is told of *that* beat steers place, part, pitch, velocity and length (compound words, Hsiao et al.
2021, with the fields in sequence and the chord of the very beat beside each).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from jamd.contract.units import PARTS
from model.config import PlannerConfig
from model.generator.breath import HORN, Breath
from model.generator.events import (
    ADVANCES,
    CONTEXT_WIDTH,
    FIELDS,
    PARTS_OFFSET,
    REST,
    TICKS,
    ContextOf,
    PlannedNote,
    decode_event,
    is_far,
    tempo_of,
)  # fmt: skip
from model.generator.sampling import sample
from model.layers.transformer import Transformer, TransformerState

_NAMES = tuple(FIELDS)
ABSENT = 16
"""Beats after which a part that comes back finds a band that has forgotten it."""
CAREFUL_BEATS, CAREFUL_TOP_P = 8, 0.8
"""How the first two bars are drawn: they are in the feel that is told in 98 % (in words) and 92 % (by its name alone), by 0.95 in 91 and
89 %."""


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
        self.context_out = nn.Sequential(nn.Linear(CONTEXT_WIDTH, width), nn.GELU(approximate="tanh"), nn.Linear(width, width))
        self.style_in = nn.Linear(config.style_width, width, bias=False) if config.style_width else None
        self.style_out = nn.Linear(config.style_width, width, bias=False) if config.style_width else None
        for linear in (self.style_in, self.style_out):
            if linear is not None:
                nn.init.zeros_(linear.weight)
        self.start = nn.Parameter(torch.randn(width) * 0.3)
        self.transformer = Transformer(width, config.layers, config.heads, config.feedforward, config.context)
        self.heads = nn.ModuleDict({name: FieldHead(width, classes) for name, classes in FIELDS.items()})

    def embedding(self, name: str) -> nn.Embedding:
        return self.embeddings[name]  # type: ignore[return-value]

    def styled(self, style: Tensor | None) -> tuple[Tensor | float, Tensor | float]:
        """What a style adds to what is read and to what is written.

        Shape: [batch, style width] to two of [batch, 1, width], [batch, n, style width] to two of [batch, n, width].
        """
        if style is None or self.style_in is None or self.style_out is None:
            return 0.0, 0.0
        # of unit length as it is: larger inputs would be learnt by heart before they are understood
        style = style[:, None] if style.ndim == 2 else style
        return self.style_in(style), self.style_out(style)

    def embed(self, events: Tensor, contexts: Tensor, style: Tensor | float = 0.0) -> Tensor:
        """Shape: [batch, n, width]. `style` is the first of `styled`."""
        x = self.context_in(contexts) + style
        for index, name in enumerate(_NAMES):
            x = x + self.embeddings[name](events[..., index])
        return x  # type: ignore[no-any-return]

    def forward(self, events: Tensor, contexts: Tensor, style: Tensor | None = None) -> Tensor:
        """Loss of every field, nats. Shape: [batch, n, fields]; a rest's pitch, velocity and length count as 0.

        Args:
            style: [batch, style width], or for each event [batch, n, style width], unit length; rows of zeros, or None, say that no
                style is given.
        """
        reads, writes = self.styled(style)
        if isinstance(reads, Tensor) and reads.shape[1] > 1:
            reads = reads[:, :-1]
        before = self.embed(events[:, :-1], contexts[:, :-1], reads)
        x = torch.cat((self.start.expand(len(events), 1, -1).to(before.dtype), before), dim=1)
        z = self.transformer(x)
        losses = []
        for index, name in enumerate(_NAMES):
            logits = self.heads[name](z)
            losses.append(F.cross_entropy(logits.flatten(0, 1), events[..., index].flatten(), reduction="none"))
            z = z + self.embeddings[name](events[..., index])
            if index == 0:
                z = z + self.context_out(contexts) + writes
        out = torch.stack(losses, dim=-1).view(*events.shape[:2], -1)
        sounding = (events[..., 2] != REST).unsqueeze(-1)
        return torch.cat((out[..., :3], out[..., 3:] * sounding), dim=-1)


@dataclass(frozen=True, slots=True)
class Sampling:
    temperature: float = 1.0
    top_p: float = 0.95


class PlannerCore(Protocol):
    """The network of one stream of events: what is read stays, until it is taken back."""

    @property
    def length(self) -> int:
        """Steps read, the start included."""

    def set_style(self, style: NDArray[np.float32] | None) -> None:
        """For what is read and written from now on. Shape: [style width], unit length."""

    def rewind(self, length: int) -> None:
        """Forget what was read after the first `length` steps."""

    def reset(self) -> None:
        """Forget everything; draws go on."""

    def begin(self) -> None:
        """Read the start."""

    def read(self, event: list[int], context: NDArray[np.float32]) -> None:
        """Read an event. Shape: context [CONTEXT_WIDTH] of its beat."""

    def write(self, last: list[int], contexts: NDArray[np.float32], sampling: Sampling, may: NDArray[np.bool_] | None = None) -> list[int]:
        """Draw the next event from what was read last.

        Args:
            last: the event before, for what cannot follow it.
            contexts: of its beat and those after it, [ADVANCES, CONTEXT_WIDTH].
            may: the parts that may play in each of these beats, [ADVANCES, parts]; None: those that the contexts say.
        """


class TorchPlannerCore:
    """In PyTorch; see `PlannerCore`."""

    def __init__(self, planner: Planner, seed: int) -> None:
        self.planner = planner
        self.generator = torch.Generator().manual_seed(seed)
        self._state: TransformerState = planner.transformer.make_state(1)
        self._reads: Tensor | float = 0.0
        self._writes: Tensor | float = 0.0
        self._hidden: Tensor | None = None

    @property
    def length(self) -> int:
        return self._state.length

    @torch.no_grad()
    def set_style(self, style: NDArray[np.float32] | None) -> None:
        self._reads, self._writes = self.planner.styled(None if style is None else torch.from_numpy(style)[None])

    def rewind(self, length: int) -> None:
        self._state.rewind(length)

    def reset(self) -> None:
        self._state.reset()

    @torch.no_grad()
    def begin(self) -> None:
        self._hidden = self.planner.transformer.step(self.planner.start.expand(1, 1, -1), self._state)

    @torch.no_grad()
    def read(self, event: list[int], context: NDArray[np.float32]) -> None:
        x = self.planner.embed(torch.tensor(event)[None, None], torch.from_numpy(context)[None, None], self._reads)
        self._hidden = self.planner.transformer.step(x, self._state)

    @torch.no_grad()
    def write(self, last: list[int], contexts: NDArray[np.float32], sampling: Sampling, may: NDArray[np.bool_] | None = None) -> list[int]:
        planner, z = self.planner, self._hidden
        assert z is not None
        may = parts_of(contexts) if may is None else may
        event: list[int] = []
        for index, name in enumerate(_NAMES):
            logits = planner.heads[name](z)[0, 0].float()
            _forbid(logits, index, event, last, may)
            event.append(int(sample(logits, self.generator, sampling.temperature, sampling.top_p)))
            z = z + planner.embedding(name).weight[event[-1]]
            if index == 0:
                z = z + planner.context_out(torch.from_numpy(contexts[event[0]])[None, None]) + self._writes
        return event


def parts_of(contexts: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The parts that are told to play. Shape: [..., CONTEXT_WIDTH] to [..., parts]."""
    return contexts[..., PARTS_OFFSET : PARTS_OFFSET + len(PARTS)] > 0.5


def _forbid(logits: Tensor, index: int, event: list[int], last: list[int], may: NDArray[np.bool_]) -> None:
    """Mask what cannot follow: earlier times, parts that are off or rest, an order that the events never have."""
    low = float("-inf")
    same_time = index > 1 and event[0] == 0 and event[1] == last[1]
    if index == 0 and last[1] == TICKS - 1 and last[2] == REST - 1:
        logits[0] = low
    elif index == 1 and event[0] == 0:
        logits[: last[1] + (last[2] >= REST - 1 and last[3] >= 127)] = low
    elif index == 2:
        allowed = torch.tensor([*may[event[0]].tolist(), True])
        if event[0] < ADVANCES - 1:
            allowed[REST] = not bool(allowed[:REST].any())
        if same_time and last[2] < REST:
            allowed[: last[2]] = False
        if not bool(allowed.any()):
            allowed[REST] = True
        logits[~allowed] = low
    elif index == 3 and same_time and event[2] == last[2] and last[3] < 127:
        logits[: last[3] + 1] = low


class PlanStream:
    """The plan as a stream that can be taken back.

    `extend(beat)` writes events until all notes before `beat` are known; `rewind(beat)` takes back all that begins at or after
    `beat`, so that changed contexts are followed from there. `notes` holds what stands, in order of time.

    Where a knob is turned far, the feel is another one (`is_far`), or a part comes back after a long rest, the planner forgets what it
    has played, from the next beat on: that was played under other orders, and is stronger than an order. One beat of it is enough to hold a
    band where it was (`evaluate`, kinds `turns` and `feels`).

    A horn that has played for longer than a breath lasts is silent for a moment (`Breath`); the planner is not told, it has to wait.

    Args:
        core: a fresh stream of the planner.
        context_of: what is told of a beat; asked anew after a rewind.
        first_beat: the beat at which the plan begins.
    """

    def __init__(self, core: PlannerCore, context_of: ContextOf, first_beat: int) -> None:
        self.core = core
        self.context_of = context_of
        self.first_beat = first_beat
        self.sampling = Sampling()
        self.notes: list[PlannedNote] = []
        self._events: list[tuple[list[int], int]] = []
        self._note_counts: list[int] = []
        self._dropped = 0
        self._base = 0
        """Events, since the beginning, that the core has forgotten."""
        self._kept = 0
        """Notes of such events that are still in `notes`."""
        self._told: NDArray[np.float32] | None = None
        """What was told where the memory begins."""
        self._on_until = np.full(len(PARTS), first_beat)
        """Last beat of the memory at which each part was told to play."""
        self._begun = 0
        self._anew_at: int | None = None
        """Beat from which everything before is to be forgotten, whatever is told there."""
        self._ready = False
        self._contexts: dict[int, NDArray[np.float32]] = {}
        self._breath = Breath()

    def set_style(self, style: NDArray[np.float32] | None) -> None:
        """For the events that are written from now on. Shape: [style width], unit length."""
        self.core.set_style(style)

    @property
    def written(self) -> int:
        """Events that stand, since the beginning, and times that the memory was begun anew."""
        return self._dropped + len(self._events) + self._begun

    @property
    def known_until(self) -> float:
        """All notes that begin before this beat are there."""
        return self._events[-1][1] if self._events else self.first_beat

    def context(self, beat: int) -> NDArray[np.float32]:
        """Shape: [CONTEXT_WIDTH]."""
        if beat not in self._contexts:
            self._contexts[beat] = self.context_of(beat).vector()
        return self._contexts[beat]

    def rewind(self, beat: float, anew: bool = False) -> None:
        """Take back every event at or after `beat`, and what was known of the beats from there on.

        Args:
            anew: from the next beat on everything before is forgotten, also if what is told has not changed.
        """
        whole = int(np.floor(beat))
        self._contexts = {b: c for b, c in self._contexts.items() if b < whole}
        self._on_until = np.minimum(self._on_until, max(whole, self.first_beat))
        if anew and self._told is not None:
            turn = max(int(np.ceil(beat)), self.first_beat)
            self._anew_at = turn if self._anew_at is None else min(turn, self._anew_at)
        keep = len(self._events)
        while keep and self._events[keep - 1][1] + self._events[keep - 1][0][1] / TICKS >= beat:
            keep -= 1
        if keep == len(self._events):
            return
        if not keep:
            self._told = None
        del self._events[keep:]
        del self.notes[self._note_counts[keep - 1] if keep else self._kept :]
        del self._note_counts[keep:]
        self._breath.take_back(beat)
        # the start and all events but the last have been read; the last is read again by `_advance`
        self.core.rewind(self._dropped - self._base + keep)
        self._ready = False

    def _turn(self) -> int | None:
        """The next beat at which everything before is to be forgotten, as far ahead as one event reaches."""
        if self._told is None:
            return None
        beats = np.arange(1, ADVANCES) + int(self.known_until)
        contexts = self._ahead()[1:]
        comes_back = (parts_of(contexts) & (beats[:, None] - self._on_until > ABSENT)).any(axis=1)
        turns = beats[is_far(self._told, contexts) | comes_back | (beats == self._anew_at)]
        return int(turns[0]) if len(turns) else None

    def _ahead(self) -> NDArray[np.float32]:
        """What is told of the beat that is known last and of those after it. Shape: [ADVANCES, CONTEXT_WIDTH]."""
        beat = int(self.known_until)
        return np.stack([self.context(beat + ahead) for ahead in range(ADVANCES)])

    def forget(self, beat: float) -> None:
        """Drop notes that begin before `beat` from `notes`; the model keeps its memory of them.

        A rewind reaches back 32 beats before the last beat that was forgotten.
        """
        index = 0
        while index < len(self.notes) and self.notes[index].beat < beat:
            index += 1
        if index:
            del self.notes[:index]
            self._kept = max(self._kept - index, 0)
            self._note_counts = [max(count - index, 0) for count in self._note_counts]
        self._contexts = {b: c for b, c in self._contexts.items() if b >= beat - 32}
        old = 0
        while old < len(self._events) - 1 and self._events[old][1] < beat - 32:
            old += 1
        if old > 256:
            del self._events[:old]
            del self._note_counts[:old]
            self._dropped += old

    def _advance(self) -> None:
        """Write one event."""
        if not self._ready:
            if self.core.length == 0:
                self.core.begin()
            if self._events and self.core.length == self._dropped - self._base + len(self._events):
                event, beat = self._events[-1]
                self.core.read(event, self.context(beat))
            self._ready = True
        last, beat = self._events[-1] if self._events else ([0, 0, 0, -1, 0, 0], self.first_beat)
        contexts = self._ahead()
        if self._told is None:
            self._told = contexts[0]
        may = parts_of(contexts)
        self._on_until[may[0]] = beat
        turn = self._turn()
        may[self._breath.rests(beat, ADVANCES), HORN] = False
        event = self.core.write(last, contexts, self._sampling(beat), may)
        beat += event[0]
        if turn is not None and beat >= turn:
            self._begin_anew(turn)
            return
        self._events.append((event, beat))
        note = decode_event(event, beat)
        if note is not None:
            self.notes.append(note)
            self._hear(note)
        self._note_counts.append(len(self.notes))
        self.core.read(event, self.context(beat))

    def _hear(self, note: PlannedNote | None) -> None:
        if note is not None:
            self._breath.hear(note, 60.0 / tempo_of(self.context(int(note.beat))))

    def _sampling(self, beat: int) -> Sampling:
        """Where nothing has been played yet, one odd note would set what follows: it is drawn with more care."""
        if beat < self.first_beat + CAREFUL_BEATS:
            return Sampling(self.sampling.temperature, min(self.sampling.top_p, CAREFUL_TOP_P))
        return self.sampling

    def _begin_anew(self, beat: int) -> None:
        """At a beat up to which everything is written."""
        self._dropped += len(self._events)
        self._base, self._kept = self._dropped, len(self.notes)
        self._events, self._note_counts = [], []
        self.first_beat, self._told = beat, None
        if self._anew_at is not None and self._anew_at <= beat:
            self._anew_at = None
        self._on_until[:] = beat
        self._begun += 1
        self.core.reset()
        self._ready = False

    def extend(self, beat: float, most: int = 1 << 30, ahead: bool = False) -> int:
        """Write events until all notes before `beat` are known, or `most` events are written; returns how many.

        Args:
            ahead: of need. Where everything is to be forgotten it waits: what lies before that beat could not be taken back any more.
        """
        count = 0
        while self.known_until < beat and count < most:
            if ahead and (turn := self._turn()) is not None and turn <= self.known_until + 1:
                break
            self._advance()
            count += 1
        return count


assert FIELDS["part"] == len(PARTS) + 1
