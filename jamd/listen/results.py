"""What the answers say: a two-sided exact binomial test of "both are chosen equally often", with an exact interval of the share.

The interval is that of Clopper and Pearson (1934). Skipped trials are not counted. The p-value holds for a number of trials that was
settled before; whoever looks at it and goes on until it is small finds a difference where there is none (optional stopping).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scipy.stats import binomtest

from jamd.listen.answers import FILE, Answer, read_answers
from jamd.listen.trials import Side

LEVEL: Final = 0.05
"""A p-value below this counts as a difference."""


def p_value(chosen: int, count: int) -> float:
    """Two-sided exact binomial p of `chosen` among `count`; 1 of none."""
    return float(binomtest(chosen, count).pvalue) if count else 1.0


def needed(count: int) -> int | None:
    """The fewest of `count` answers for one side whose p is below LEVEL; None: not even all of them."""
    return next((k for k in range((count + 1) // 2, count + 1) if p_value(k, count) < LEVEL), None)


def fewest() -> int:
    """The fewest answers with which a difference can be shown at all."""
    count = 1
    while needed(count) is None:
        count += 1
    return count


@dataclass
class Sat:
    """One session as far as it was answered."""

    id: str
    listener: str
    trials: int
    answered: int = 0

    @property
    def finished(self) -> bool:
        return self.answered >= self.trials


@dataclass
class Result:
    """Of one pair of sides, over all sessions and listeners."""

    adapter: Side
    against: Side
    for_adapter: int = 0
    for_against: int = 0
    skipped: int = 0
    chose_a: int = 0
    """Of those that count."""
    listeners: dict[str, list[int]] = field(default_factory=dict)
    """For the adapter, and for the other side, by listener."""
    sessions: dict[str, Sat] = field(default_factory=dict)
    other_versions: int = 0
    """Answers on adapters of these names that were others then; not counted."""
    damaged: int = 0
    """Lines that cannot be read."""

    @property
    def is_same(self) -> bool:
        """Both sides are one under two names, which alone tell them apart."""
        return self.adapter.hash == self.against.hash

    @property
    def count(self) -> int:
        """Answers that count."""
        return self.for_adapter + self.for_against

    @property
    def p(self) -> float:
        return p_value(self.for_adapter, self.count)

    @property
    def share(self) -> float | None:
        """Of the answers for the adapter."""
        return self.for_adapter / self.count if self.count else None

    @property
    def interval(self) -> tuple[float, float]:
        """Of the share, 95 %; all of it where there is no answer."""
        if not self.count:
            return 0.0, 1.0
        found = binomtest(self.for_adapter, self.count).proportion_ci(0.95, method="exact")
        return float(found.low), float(found.high)

    @property
    def preferred(self) -> str | None:
        """The side that was chosen more often; None: neither."""
        if self.for_adapter == self.for_against:
            return None
        return self.adapter.name if self.for_adapter > self.for_against else self.against.name

    @property
    def unfinished(self) -> list[Sat]:
        return [one for one in self.sessions.values() if not one.finished]

    def add(self, answer: Answer) -> None:
        """Count an answer on this pair, whichever way round it was asked."""
        sat = self.sessions.setdefault(answer.session, Sat(answer.session, answer.listener, answer.trials))
        sat.answered += 1
        chosen = answer.chosen
        if chosen is None:
            self.skipped += 1
            return
        self.chose_a += answer.choice == "a"
        mine = chosen.name == self.adapter.name if self.is_same else chosen.hash == self.adapter.hash
        self.for_adapter += mine
        self.for_against += not mine
        self.listeners.setdefault(answer.listener, [0, 0])[not mine] += 1

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "adapter": self.adapter.name, "against": self.against.name, "n": self.count, "for_adapter": self.for_adapter,
            "for_against": self.for_against, "preferred": self.preferred, "share": self.share, "interval": list(self.interval),
            "p": self.p, "different": self.p < LEVEL, "needed": needed(self.count), "fewest": fewest(), "skipped": self.skipped,
            "chose_a": self.chose_a,
            "listeners": {name: {"for_adapter": one[0], "for_against": one[1]} for name, one in self.listeners.items()},
            "sessions": [
                {"id": one.id, "listener": one.listener, "trials": one.trials, "answered": one.answered, "finished": one.finished}
                for one in self.sessions.values()
            ],
            "other_versions": self.other_versions, "damaged_lines": self.damaged,
        }  # fmt: skip

    def lines(self) -> list[str]:
        """For people."""
        out = [f"{self.adapter.name} against {self.against.name}: which matches the player better"]
        if self.count:
            low, high = self.interval
            out += [
                f"  {self.adapter.name} {self.for_adapter}, {self.against.name} {self.for_against} of {_some(self.count, 'answer')}"
                + (f"; {self.skipped} skipped, not counted" if self.skipped else ""),
                f"  share of {self.adapter.name} {self.share:.2f} (95 % interval {low:.2f} to {high:.2f}), "
                f"two-sided binomial p = {self.p:.3g}",
                f"  {self._verdict()}",
                f"  A was chosen {self.chose_a} of {_some(self.count, 'time')}",
            ]
        else:
            out.append("  no answers yet" + (f" but {self.skipped} skipped" if self.skipped else ""))
        if len(self.listeners) > 1:
            out += [f"  {name}: {self.adapter.name} {one[0]}, {self.against.name} {one[1]}" for name, one in self.listeners.items()]
        for one in self.unfinished:
            out.append(f"  not finished: {one.answered} of {_some(one.trials, 'trial')} of {one.listener} ({one.id})")
        if self.unfinished:
            out.append("  This is a look before the end: to stop, or to go on, because of it makes p worth nothing.")
        elif self.count:
            out.append("  p holds for a number of trials that was settled before; more of them until it is small prove nothing.")
        if self.other_versions:
            out.append(f"  left out: {_some(self.other_versions, 'answer')} on adapters of these names as they were before")
        if self.damaged:
            out.append(f"  left out: {_some(self.damaged, 'damaged line')}")
        return out

    def _verdict(self) -> str:
        least = needed(self.count)
        if least is None:
            return (
                f"Too few to tell: even {self.count} of {self.count} would give p = {p_value(self.count, self.count):.3g}; "
                f"{fewest()} answers are the least that can come below {LEVEL:g}."
            )
        if self.p < LEVEL:
            return f"{self.preferred} matches the player better."
        return f"No difference is shown: of {self.count} answers, {least} for one side would be needed for p < {LEVEL:g}."


def _some(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def count_up(answers: Iterable[Answer], adapter: Side, against: Side, damaged: int = 0) -> Result:
    """The answers of all sessions whose two sides have these hashes."""
    result = Result(adapter, against, damaged=damaged)
    hashes, names = {adapter.hash, against.hash}, {adapter.name, against.name}
    for answer in answers:
        named = {answer.adapter.name, answer.against.name} == names
        if {answer.adapter.hash, answer.against.hash} == hashes and (named or not result.is_same):
            result.add(answer)
        elif named:
            result.other_versions += 1
    return result


def read_result(root: Path, adapter: Side, against: Side) -> Result:
    """What all answers under the listening folder say of a pair.

    Raises:
        FailureError: a file of answers cannot be read.
    """
    answers: list[Answer] = []
    damaged = 0
    for path in sorted(root.glob(f"*/{FILE}")):
        found, bad = read_answers(path)
        answers += found
        damaged += bad
    return count_up(answers, adapter, against, damaged)
