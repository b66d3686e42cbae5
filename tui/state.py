"""All that is known of the daemon, in one place: messages change it, screens show it. No input or output, no Textual."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Literal

import msgspec

from jamd.contract.chart import Chart, parse_chart
from jamd.contract.errors import ChartError
from jamd.contract.parameters import SLOTS
from tui import harmony
from tui.levels import Levels
from tui.topics import TOPICS, Adapters, Clock, Engine, Meters, Midi, Params, Record, Slot, Takes, Training, read_topic

LinkState = Literal["connecting", "connected", "lost"]
LOG_LINES: Final = 500
FLASHING: Final = frozenset({"rendering", "queued", "stopping"})
"""States of a slot that pads show flashing or pulsing; playing pulses there too, here it shows its place."""
FLASH_S: Final = 0.25
EVERYTHING: Final = frozenset({*TOPICS, "link", "beat", "place", "counters", "history", "flash", "error"})
"""What can be in `State.changed`. `beat`: what people see of the clock; `place`: where the music is in its chart; `counters`: meters but
for the levels, now and then; `history`: a column of it; `flash`: the light of slots that flash."""
COUNTERS_S: Final = 0.25
EMPTY: Final = tuple(Slot(number) for number in range(1, SLOTS + 1))


class State:
    """What is known.

    Attributes:
        changed: of `EVERYTHING`, what is other than when it was last taken.
    """

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds, of any clock that does not jump."""
        self.link: LinkState = "connecting"
        self.link_since = 0.0
        self.daemon = ""
        """Name and version."""
        self.clock = Clock()
        self.meters = Meters()
        self.adapters = Adapters()
        self.engine = Engine()
        self.params = Params()
        self.record = Record()
        self.takes = Takes()
        self.midi = Midi()
        self.learn: list[Training] = []
        self.slots: tuple[Slot, ...] = EMPTY
        """Slot N at place N - 1; those of which nothing is said are empty."""
        self.place = harmony.Place()
        """Where the music is in its chart."""
        self.levels = Levels()
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self.errors: deque[tuple[str, str, str]] = deque(maxlen=LOG_LINES)
        """(address, code, message) of what could not be done, and has not been shown yet."""
        self.changed: set[str] = set()
        self._chart_text: str | None = None
        self._chart: Chart | None = None
        self._unread: set[str] = set()
        self._seen: dict[str, Any] = {}
        self._counters_at = 0.0

    # --- what comes in --------------------------------------------------------------------------------------------------

    def set_link(self, link: LinkState) -> None:
        """The connection is another than before."""
        if link != self.link:
            self.link, self.link_since = link, self.now
            self.changed.add("link")

    def tick(self, now: float) -> None:
        """Time passes; what follows from the messages since the last time is worked out."""
        if int(now / FLASH_S) != int(self.now / FLASH_S) and any(slot.state in FLASHING for slot in self.slots):
            self.changed.add("flash")
        self.now = now
        if self.levels.tick(now):
            self.changed.add("history")
        if "clock" in self.changed:
            self._see("beat", msgspec.structs.replace(self.clock, frame=0, beat=float(int(self.clock.beat))))
        if "clock" in self.changed or "engine" in self.changed:
            jam, clock = self.engine.jam, self.clock
            bar = clock.bar - 1 if clock.bar > 0 else clock.bar  # people count -1, 1: there is no bar 0
            since = bar - (jam.chart_bar - 1)
            self.place = harmony.place(self.chart, since, clock.beat - 1.0, clock.playing, jam.chord, self.engine.chord)
            self._see("place", self.place.seen)
        if "meters" in self.changed and now >= self._counters_at:
            self._counters_at = now + COUNTERS_S
            self.changed.add("counters")

    def _see(self, topic: str, value: Any) -> None:
        if self._seen.get(topic) != value:
            self._seen[topic] = value
            self.changed.add(topic)

    def take(self, address: str, arguments: tuple[Any, ...]) -> None:
        """One message of the daemon. What cannot be read is said once in the log, and passed over."""
        topic = address[1:]
        if topic in TOPICS and len(arguments) == 1:
            try:
                value = read_topic(topic, arguments[0])
            except (msgspec.DecodeError, TypeError) as error:
                if topic not in self._unread:
                    self._unread.add(topic)
                    self._note(f"the dashboard cannot read {address}: {error}")
                return
            self._know(topic, value)
        elif address == "/error" and len(arguments) == 3:
            self.errors.append((str(arguments[0]), str(arguments[1]), str(arguments[2])))
            self.changed.add("error")
        elif address == "/pong" and len(arguments) == 3:
            self.daemon = f"{arguments[0]} {arguments[1]}"

    def _know(self, topic: str, value: Any) -> None:
        if topic == "slots":
            slots = list(EMPTY)
            for slot in value:
                if 0 < slot.slot <= SLOTS:
                    slots[slot.slot - 1] = slot
            self.slots = tuple(slots)
        elif topic == "log":
            if value:
                self._note(value)
            return
        else:
            setattr(self, topic, value)
            if topic == "meters":
                self.levels.take(value, self.now)
        self.changed.add(topic)

    def _note(self, line: str) -> None:
        self.log.append(line)
        self.changed.add("log")

    def take_changes(self) -> set[str]:
        """Topics that have changed since the last call."""
        changed, self.changed = self.changed, set()
        return changed

    # --- what follows from it -------------------------------------------------------------------------------------------

    @property
    def chart(self) -> Chart | None:
        """The jam's chart; None if there is none."""
        text = self.engine.jam.chart
        if text != self._chart_text:
            self._chart_text = text
            try:
                self._chart = parse_chart(text) if text else None
            except ChartError:  # of a daemon that reads more than we do
                self._chart = None
        return self._chart

    @property
    def jamming(self) -> bool:
        """The band plays, or will from the next bar, or when the clock that it waits for starts."""
        return self.engine.jam.state in ("queued", "playing") or self.clock.waiting
