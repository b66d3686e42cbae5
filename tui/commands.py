"""Every address of the public interface as a command: from the palette, or asked for by a key."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from jamd.contract.arguments import Argument, Route
from jamd.contract.chart import parse_chart, parse_chord
from jamd.contract.errors import MessageError
from jamd.contract.parameters import ROUTES, find
from tui.knobs import KNOBS
from tui.screens.prompt import Prompt
from tui.state import State

if TYPE_CHECKING:
    from tui.app import Dashboard

OWN: Final = frozenset({"/ping", "/describe", "/status", "/subscribe", "/unsubscribe", "/adapter/list", "/learn/list", "/record/list"})
"""What the dashboard says itself."""

READERS: Final[dict[str, Callable[[str], object]]] = {"/jam/chart": parse_chart, "/jam/chord": parse_chord}
"""What says where a text is wrong before it is sent."""


def describe(argument: Argument) -> str:
    """Name, range and unit of an argument in a few words."""
    words = argument.name
    if argument.choices:
        words += f" ({', '.join(argument.choices)})"
    elif argument.high is not None and argument.low is not None and argument.high < 1e6:
        words += f" {argument.low:g}..{argument.high:g}"
    words += f" {argument.unit}" if argument.unit else ""
    return f"[{words}]" if argument.optional else words


def arguments_of(route: Route, text: str) -> list[Any]:
    """What was written, as the arguments of an address. A single string is the whole line; else words, quoted where need be.

    Raises:
        MessageError: no such arguments.
    """
    if len(route.arguments) == 1 and route.arguments[0].kind == "string" and not route.arguments[0].optional:
        words = [text.strip()] if text.strip() else []
    else:
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise MessageError(f"{route.template}: {error}", code="arguments") from None
    kinds = [*route.arguments, *route.more * len(words)]
    values = [_number(word) if kind.kind in ("int", "float") else word for kind, word in zip(kinds, words, strict=False)]
    values += words[len(values) :]
    return route.check(values, route.template)


def _number(word: str) -> int | float | str:
    try:
        return int(word)
    except ValueError:
        try:
            return float(word)
        except ValueError:
            return word


def initial(route: Route, state: State) -> str:
    """The value as it is, for the address of something that has one."""
    jam = state.engine.jam
    known = {"/jam/chart": jam.chart, "/jam/style": jam.style, "/jam/trade": str(jam.trade), "/clock/tempo": f"{state.clock.tempo:g}",
             "/clock/source": state.clock.source} | {knob.address: knob.show(knob.value(state)) for knob in KNOBS}  # fmt: skip
    if route.template in known:
        return known[route.template]
    if len(route.arguments) != 1:
        return ""
    default = route.arguments[0].default
    return "" if default is None else str(default)


def ask(dashboard: Dashboard, template: str) -> None:
    """Send to an address what a person writes, if it needs something written; slots are those under the cursor, or named in front."""
    route = next(route for route in ROUTES if route.template == template)
    numbered = "/N/" in template
    needs = any(not argument.optional for argument in route.arguments)
    if not needs and not numbered and (route.button or not route.arguments):
        dashboard.send(template)
        return

    def take(text: str) -> None:
        address, rest = template, text
        if numbered:
            number, _, rest = text.strip().partition(" ")
            address = template.replace("/N/", f"/{number}/")
            find(address)
        values = [value for value in arguments_of(route, rest) if value is not None] if rest.strip() or needs else []
        if template in READERS:
            READERS[template](rest)
        dashboard.send(address, *values)

    words = [describe(argument) for argument in (*route.arguments, *route.more)] if not route.button else []
    front = ["number"] if numbered else []
    start = f"{dashboard.chosen_slot} " if numbered else ""
    title = f"{template}  {' '.join([*front, *words])}"
    dashboard.push_screen(Prompt(title, route.doc, start + initial(route, dashboard.state), take))


class Addresses(Provider):
    """The palette's commands: every address there is."""

    async def discover(self) -> Hits:
        for route in ROUTES:
            if route.template not in OWN:
                yield DiscoveryHit(route.template, lambda template=route.template: self._do(template), help=route.doc)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for route in ROUTES:
            if route.template in OWN:
                continue
            score = max(matcher.match(route.template), 0.8 * matcher.match(route.doc))
            if score > 0:
                yield Hit(score, matcher.highlight(route.template), lambda template=route.template: self._do(template), help=route.doc)

    def _do(self, template: str) -> None:
        ask(cast("Dashboard", self.app), template)
