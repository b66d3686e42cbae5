"""What `jamd learn` is doing, as it does it: how far it is, its figures, and its curves."""

from __future__ import annotations

from typing import Final

from tui.plot import Curve, plot
from tui.state import State
from tui.topics import Training as Told
from tui.widgets.band import cut
from tui.widgets.panel import Panel, Row

BAR: Final = 24
ENDS: Final = {"done": ("✓ done", "good"), "stopped": ("◼ stopped", "warn"), "failed": ("✗ failed", "bad")}
SMALLEST: Final = 2
"""Lines from which there is a plot."""


def network(one: Told) -> str:
    """Whose curves are shown: that which is being trained, else the last that was; empty: there are none."""
    found = [name.removesuffix("_loss") for name in one.curves if name.endswith("_loss")]
    found += [name.removeprefix("valid_") for name in one.curves if name.startswith("valid_")]
    found += [name.removeprefix("base_") for name in one.curves if name.startswith("base_")]
    return one.phase if one.phase in found else found[-1] if found else ""


def curves(one: Told) -> list[Curve]:
    """Those of `network`: the base dashed, the training loss a line, held-out playing with a mark on every look."""
    name = network(one)
    minutes, values = one.curves.get(f"base_{name}", ([], []))
    loss, valid = one.curves.get(f"{name}_loss", ([], [])), one.curves.get(f"valid_{name}", ([], []))
    out = []
    if values:
        end = max([*minutes, *loss[0], *valid[0]])
        out.append(Curve((0.0, end or 1.0), (values[-1], values[-1]), "warn", dashed=True))
    if loss[0]:
        out.append(Curve(*loss, "coming"))
    if valid[0]:
        out.append(Curve(*valid, "good", mark="o"))
    return out


def progress(one: Told) -> Row:
    """Name, phase, bar, time."""
    share = min(max(one.share or 0.0, 0.0), 1.0)
    name = (f"{one.name or 'a training'} ", "lit")
    if one.phase in ENDS:
        return (name, ENDS[one.phase], (f"  {one.text or ''}", "text"))
    full = round(share * BAR)
    words, look = ("▶", "good") if one.alive else ("✗ ended without a word, in", "bad")
    row: Row = (name, (f"{words} {one.phase or ''} ", look), ("█" * full, "low"), ("░" * (BAR - full), "track"), (f" {share:4.0%}", "text"))
    if one.left_s is not None and one.alive and not one.text:
        row = (*row, (f"  {int(one.left_s) // 60}:{int(one.left_s) % 60:02d} left at most", "dim"))
    return (*row, (f"  {one.text or ''}", "dim"))


def figures(one: Told) -> Row:
    """Legend of the curves with the figures of now."""
    row: Row = ((f"step {one.step}  ", "dim"),) if one.step else ()
    for sign, name, value, look in (("─", "training loss", one.loss, "coming"), ("o", "held out", one.held_out, "good"),
                                    ("╌", "base", one.base, "warn")):  # fmt: skip
        if value is not None:
            row = (*row, (f"{sign} {name} ", look), (f"{value:.3f}   ", "text"))
    ends = [minutes[-1] for minutes, _ in one.curves.values() if minutes]
    return (*row, (f"nats over {max(ends):.1f} min", "dim")) if ends and max(ends) > 0 else row


class Training(Panel):
    """One training; of several another by `turn`."""

    SHOWS = frozenset({"learn"})
    TITLE = "Learning"

    _name: str | None = None

    def _shown(self, state: State) -> int:
        return next((place for place, one in enumerate(state.learn) if one.name == self._name), 0)

    def turn(self) -> None:
        """The next one."""
        if self.state.learn:
            self._name = self.state.learn[(self._shown(self.state) + 1) % len(self.state.learn)].name
            self.show()

    def picture(self, state: State, width: int, height: int) -> list[Row]:
        if not state.learn:
            text = "no training: `jamd learn RECORDINGS --name NAME` makes a partner of you"
            return [cut(((text, "dim"),), width)]
        one = state.learn[self._shown(state)]
        more = ((f"n: {len(state.learn) - 1} more  ", "dim"),) if len(state.learn) > 1 else ()
        rows = [cut((*more, *progress(one)), width), cut(figures(one), width)]
        lines = curves(one)
        room = height - len(rows)
        return rows + (plot(lines, width, room) if lines and room >= SMALLEST else [])
