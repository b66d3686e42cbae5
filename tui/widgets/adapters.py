"""Adapters: the list of them with a slider each, the strength of all, and what is known of the one under the cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from textual.binding import Binding, BindingType

from tui.blend import BASE, HIGHEST, Blend
from tui.knobs import COARSE, KNOBS, Hands
from tui.state import State
from tui.topics import Adapter
from tui.widgets.health import Piece, flow, size
from tui.widgets.knobs import slider
from tui.widgets.listing import Listing
from tui.widgets.panel import Panel, Row, fit

SIGNS: Final = {"registered": ("○", "dim"), "staging": ("~", "warn"), "ready": ("●", "text"), "active": ("▶", "good")}
"""State of its life to a sign: on disk, being read, in memory, playing. One that no longer plays stays active until the next bar line."""
STATE, MODEL, DATE, SIZE, SCORE, GUARDS = 11, 7, 11, 8, 8, 8
"""Cells of the columns."""
SIZE_FROM = 92
"""Cells of the list from which there is one for the size."""
STRENGTH: Final = next(knob for knob in KNOBS if knob.address == "/adapter/strength")


def gain(scores: Mapping[str, Any]) -> float | None:
    """How much lower the loss on held-out playing is than that of the base, as a share of it; None: not known."""
    base, now = scores.get("player_base"), scores.get("player_held_out")
    return None if not isinstance(base, int | float) or not isinstance(now, int | float) or not base else now / base - 1


def guards(adapter: Adapter) -> tuple[str, str]:
    """Whether it passed its guards: (words, look)."""
    passed = [bool(isinstance(one, Mapping) and one.get("ok")) for one in adapter.guards.values()]
    if not passed:
        return "-", "dim"
    return (f"✓ {len(passed)}", "good") if all(passed) else (f"✗ {passed.count(False)}/{len(passed)}", "bad")


def score_pieces(scores: Mapping[str, Any]) -> list[tuple[Piece, Piece]]:
    """(name, figure) of every score; what is measured with and without the adapter in one."""
    out: list[tuple[Piece, Piece]] = []
    for key, value in scores.items():
        name = key.removesuffix("_held_out")
        base = scores.get(f"{name}_base")
        if key != name and isinstance(base, int | float) and isinstance(value, int | float) and base:
            out.append(((f"{name} ", "dim"), (f"{base:.3f} → {value:.3f} ({value / base - 1:+.1%})", "good" if value < base else "warn")))
        elif not key.endswith("_base"):
            out.append(((f"{key} ", "dim"), (f"{value:.4g}" if isinstance(value, int | float) else str(value), "text")))
    return out


def guard_pieces(adapter: Adapter) -> list[tuple[Piece, Piece]]:
    """(name, value and limit) of every guard, those that failed in front."""
    out: list[tuple[Piece, Piece]] = []
    for name, one in sorted(adapter.guards.items(), key=lambda pair: bool(isinstance(pair[1], Mapping) and pair[1].get("ok"))):
        if isinstance(one, Mapping) and isinstance(one.get("value"), int | float) and isinstance(one.get("limit"), int | float):
            look, sign = ("good", "✓") if one.get("ok") else ("bad", "✗")
            out.append(((f"{sign} {name} ", look), (f"{one['value']:.3g} (limit {one['limit']:.3g})", "text")))
    return out


class AdapterList(Listing[Adapter]):
    """All of them, the bare base first; sliders show how strongly each plays."""

    SHOWS = frozenset({"adapters"})
    TITLE = "Adapters"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "use", "Use"),
        Binding("a", "audition", "Audition"),
        Binding("left", "turn(-1)", "Weaker in the blend", show=False),
        Binding("right", "turn(1)", "Stronger in the blend", show=False),
        Binding("shift+left", f"turn(-{COARSE})", "Much weaker", show=False),
        Binding("shift+right", f"turn({COARSE})", "Much stronger", show=False),
        Binding("l", "load", "Load"),
        Binding("u", "unload", "Unload"),
    ]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.blend = Blend()

    def entries(self, state: State) -> Sequence[Adapter]:
        base = Adapter(BASE, "ready" if state.adapters.playing else "active", style="no adapter")
        return [base, *state.adapters.adapters]

    def name_of(self, entry: Adapter) -> str:
        return entry.name

    def heading(self, width: int) -> str:
        return self._columns("  adapter", "state", "base", "made", "size", "score", "guards", width) + "strength"

    @staticmethod
    def _columns(name: str, state: str, model: str, date: str, bytes: str, score: str, passed: str, width: int) -> str:
        with_size = SIZE if width >= SIZE_FROM else 0
        room = width - STATE - MODEL - DATE - with_size - SCORE - GUARDS - AdapterList.slider_width(width)
        cells = [(name, room), (state, STATE), (model, MODEL), (date, DATE), (score, SCORE), (passed, GUARDS)]
        if with_size:
            cells.insert(4, (bytes, SIZE))
        return "".join(fit(text, cell - 1) + " " for text, cell in cells)

    @staticmethod
    def slider_width(width: int) -> int:
        """Cells of the slider and its figure."""
        return 12 if width < 100 else 28

    def line(self, entry: Adapter, state: State, width: int) -> Row:
        plays = entry.strength is not None or (entry.name == BASE and entry.state == "active")
        sign, look = SIGNS["ready" if entry.state == "active" and not plays else entry.state]
        share = gain(entry.scores)
        passed, passed_look = guards(entry)
        front = self._columns(
            f"{sign} {entry.name}", entry.state, entry.base, entry.created[:10], "" if entry.bytes is None else size(entry.bytes),
            "" if share is None else f"{share:+.1%}", passed, width,
        )  # fmt: skip
        at = width - self.slider_width(width) - GUARDS
        row: Row = ((front[:at], "lit" if plays else look), (front[at:], passed_look))
        strength = self.blend.wanted(state).get(entry.name)
        if strength is None:
            return row
        return (*row, *slider(strength / HIGHEST, self.slider_width(width) - 5), (f" {strength:.2f}", "lit"))

    def _do(self, message: tuple[str, list[Any]]) -> None:
        self.send(message[0], *message[1])
        self.show()
        self.post_message(self.Moved())

    def action_use(self) -> None:
        if self.chosen is not None:
            self._do(self.blend.use(self.chosen.name, self.state))

    def action_audition(self) -> None:
        if self.chosen is not None:
            self._do(self.blend.audition(self.chosen.name, self.state))

    def action_turn(self, steps: int) -> None:
        if self.chosen is not None and self.chosen.name != BASE:
            self._do(self.blend.turn(self.chosen.name, steps, self.state))

    def action_load(self) -> None:
        if self.chosen is not None and self.chosen.name != BASE:
            self.send("/adapter/load", self.chosen.name)

    def action_unload(self) -> None:
        if self.chosen is not None and self.chosen.name != BASE:
            self.send("/adapter/unload", self.chosen.name)


class Strength(Panel):
    """How much of all that play is heard, and whether something is only auditioned."""

    SHOWS = frozenset({"adapters"})

    def __init__(self, adapters: AdapterList) -> None:
        super().__init__()
        self._adapters = adapters
        self._hands = Hands()

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        value, before = self._hands.value(STRENGTH, state), self._adapters.blend.before
        row: Row = (("  strength of all ", "title"), *slider(STRENGTH.share(value), min(width // 3, 40)), (f" {value:.2f}  ", "text"))
        if before is None:
            return [(*row, ("- +", "dim"))]
        return [(*row, ("♪ audition", "coming"), (f"  a: back to {' + '.join(before) or BASE}", "dim"))]

    def turn(self, steps: int) -> None:
        self.send(STRENGTH.address, self._hands.turn(STRENGTH, steps, self.state))
        self.show()


class AdapterDetails(Panel):
    """What is known of the adapter under the cursor."""

    SHOWS = frozenset({"adapters"})
    TITLE = "About it"

    def __init__(self, adapters: AdapterList) -> None:
        super().__init__()
        self._adapters = adapters

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        one = self._adapters.chosen
        if one is None or one.name == BASE:
            return [(("the band as it was trained, without an adapter", "dim"),)]
        facts = [one.style, "your own" if one.own else "came with jamd", f"rank {one.rank}, alpha {one.alpha:g}" if one.rank else "",
                 "" if one.bytes is None else size(one.bytes), ", ".join(one.targets)]  # fmt: skip
        rows: list[Row] = [((one.name, "lit"), ("  " + "  ·  ".join(fact for fact in facts if fact), "text"))]
        scores, checks = score_pieces(one.scores), guard_pieces(one)
        if not scores and not checks and height > 1:
            return [*rows, (("no scores and no guards: it was not learned here", "dim"),)]
        rows += flow(scores, width, max(height - 2, 1)) if scores else []
        return [*rows, *(flow(checks, width, max(height - len(rows), 1)) if checks else [])]
