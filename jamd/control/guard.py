"""What one OSC client may ask for in a second: enough for any musician and any DAW, too little to keep the daemon from its music.

Every message costs something: by its length, by how many addresses it matches, more where a file or the engine has to work. A client
that has spent what it had is told so, now and then; what stops the sound is always done.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

from jamd.contract.arguments import Route
from jamd.contract.errors import MessageError

BUDGET: Final = 4000.0
"""Of a client, and what it gets back in a second."""
CLIENTS: Final = 128
BYTES: Final = 256
"""Of a large packet that cost as much as a message."""
COSTS: Final = {
    "status": 10, "describe": 20, "band.chart": 10, "band.style": 5, "slots.render": 40, "slots.load": 40, "slots.save": 40,
    "recording.start": 400, "recording.tell_all": 40, "adapters.tell_all": 20, "adapters.load": 40, "midi.save": 40, "midi.load": 40,
    "transport.source": 40, "transport.latency": 5,
}  # fmt: skip
"""Of actions that are more than a note of a wish."""
FREE: Final = frozenset({"ping", "band.panic", "band.stop", "transport.stop"})
NOTICES: Final = 20.0
"""A second, of having spent everything."""
LONGEST: Final = 1024
LONGEST_CHART: Final = 8192
"""Characters of a string: what is kept has to fit into a reply."""


class Bucket:
    """Tokens that run in at a rate, up to what one second brings."""

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self._left = rate
        self._at = now

    def take(self, cost: float, now: float) -> bool:
        self._left = min(self._left + (now - self._at) * self.rate, self.rate)
        self._at = now
        if cost > self._left:
            return False
        self._left -= cost
        return True


class Guard:
    """The budgets of those who were heard last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._budgets: OrderedDict[Hashable, Bucket] = OrderedDict()
        self._notices = Bucket(NOTICES, clock())

    def allows(self, client: Hashable, cost: float) -> bool:
        """Take the cost from a client's budget; False if it is not there."""
        now = self._clock()
        budget = self._budgets.get(client)
        if budget is None:
            budget = self._budgets[client] = Bucket(BUDGET, now)
            if len(self._budgets) > CLIENTS:
                self._budgets.popitem(last=False)
        self._budgets.move_to_end(client)
        return budget.take(cost, now)

    def may_tell(self) -> bool:
        """Whether there is time to tell somebody that they have spent everything."""
        return self._notices.take(1.0, self._clock())


def cost_of(route: Route) -> float:
    """Of one message to an address."""
    if route.action in FREE:
        return 0.0
    return COSTS.get(route.action, 1)


def check_lengths(route: Route, values: tuple[object, ...], address: str) -> None:
    """
    Raises:
        MessageError: code `range`, a string is too long.
    """
    longest = LONGEST_CHART if route.action == "band.chart" else LONGEST
    for value in values:
        if isinstance(value, str) and len(value) > longest:
            raise MessageError(f"{address}: a text has at most {longest} characters, not {len(value)}", code="range")
