"""What a bound control does when it is moved."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from jamd.control.midi.bindings import Binding

Perform = Callable[[str, Sequence[Any]], None]
"""Does what an address says; raises JamdError."""
ValueOf = Callable[[str], float | None]
"""The present value of an address, the index for one with choices; None if it has none."""

FINE_S: Final = 0.02
"""A coarse controller waits so long for the fine one that belongs to it."""


class Control:
    """A binding and what has to be remembered about its control."""

    def __init__(self, binding: Binding, perform: Perform, value_of: ValueOf) -> None:
        self.binding = binding
        self._perform, self._value_of = perform, value_of
        self._down_on: str | None = None
        """Port on which it is held down."""
        self._high = False
        self._sent: float | int | str | None = None
        self._local: float | None = None
        self._place: float | None = None
        self._engaged = not binding.pickup
        self._coarse: int | None = None
        self._fine_seen = False
        self.waiting_since: float | None = None
        """When the coarse half came whose fine half has not."""

    # --- messages to values ---------------------------------------------------------------------------------------------

    def hear(self, number: int, raw: int, port: str) -> None:
        """A message of this control."""
        if self.binding.kind == "cc14":
            self._pair(number, raw, port)
        elif self.binding.relative:
            self._turn(self.binding.steps(raw))
        else:
            self._move(raw, port)

    def _pair(self, number: int, raw: int, port: str) -> None:
        if number == self.binding.number:
            self.settle(port)
            self._coarse = raw
            if self._fine_seen:
                self.waiting_since = time.monotonic()
            else:
                self._move(raw << 7 | raw, port)
        elif self._coarse is not None:
            self._fine_seen, self.waiting_since = True, None
            self._move(self._coarse << 7 | raw, port)

    def settle(self, port: str = "") -> None:
        """No fine half will come: it is 0."""
        if self.waiting_since is not None and self._coarse is not None:
            self.waiting_since = None
            self._move(self._coarse << 7, port)

    # --- values to actions ----------------------------------------------------------------------------------------------

    def _move(self, raw: int, port: str) -> None:
        binding = self.binding
        if binding.mode == "value":
            if binding.kind != "note" or raw > 0:
                self._stand(binding.place(raw), binding.value(raw))
            return
        down = raw > 0 if binding.kind == "note" else binding.kind == "program" or binding.place(raw) >= 0.5
        was, self._down_on = self._down_on, port if down else None
        if down and (was is None or binding.kind in ("note", "program")):
            self._press()
        elif not down and was is not None:
            self._release()

    def _press(self) -> None:
        binding = self.binding
        low, high = binding.ends
        if binding.mode == "trigger" or (binding.mode == "gate" and binding.launches):
            self._perform(binding.address, binding.arguments)
        elif binding.mode == "gate":
            self._perform(binding.address, binding.with_value(high))
        else:
            present = self._value_of(binding.address)
            is_high = self._high if present is None else abs(present - high) < abs(present - low)
            self._perform(binding.address, binding.with_value(low if is_high else high))
            self._high = not is_high

    def _release(self) -> None:
        binding = self.binding
        if binding.mode != "gate":
            return
        if binding.release is not None:
            self._perform(binding.release, ())
        elif not binding.launches:
            self._perform(binding.address, binding.with_value(binding.ends[0]))

    def let_go(self, port: str | None = None) -> None:
        """What is held down on a port that has gone, or anywhere, is released."""
        if self._down_on is not None and port in (None, self._down_on):
            self._down_on = None
            self._release()

    def _turn(self, steps: int) -> None:
        binding = self.binding
        present = self._value_of(binding.address)
        if present is None:
            present = binding.ends[0] if self._local is None else self._local
        value = binding.moved(present, steps)
        self._perform(binding.address, binding.with_value(value))
        self._local = value

    def _stand(self, place: float, value: float) -> None:
        present = self._value_of(self.binding.address)
        if self.binding.pickup and not self._picked_up(place, present):
            return
        typed = self.binding.typed(value)
        if typed == self._sent and self._is_there(present, value):
            return
        self._perform(self.binding.address, self.binding.with_value(value))
        self._sent = typed

    def _is_there(self, present: float | None, value: float) -> bool:
        typed = self.binding.typed(value)
        return present is None or abs(present - (round(value) if isinstance(typed, str) else typed)) < 1e-9

    def _picked_up(self, place: float, present: float | None) -> bool:
        """Soft take-over: from where the control passes the present value, until something else changes it."""
        before, self._place = self._place, place
        if present is None:
            return True
        if self._engaged and before is not None and self._is_there(present, self.binding.at(before)):
            return True
        there = self.binding.where(present)
        near = abs(place - there) <= 1.0 / self.binding.maximum
        self._engaged = near or (before is not None and (before - there) * (place - there) <= 0.0)
        return self._engaged
