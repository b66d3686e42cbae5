"""Connections that outlive their ports: what was connected once is connected again when both ends are there.

A connection that goes while both its ports stay was taken out by somebody, and is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import jack

Pair = tuple[str, str]
"""Short name of our port, full name of the other."""


class Patchbay:
    """The wanted connections of one client.

    Args:
        client: active.
        wanted: pairs to make as soon as the other port exists.
    """

    def __init__(self, client: jack.Client, wanted: Iterable[Pair] = ()) -> None:
        self._client = client
        self._wanted = set(wanted)
        self._made: set[Pair] = set()

    @property
    def wanted(self) -> list[Pair]:
        """What is connected, and what waits for a port to return."""
        return sorted(self._wanted)

    def add(self, pairs: Iterable[Pair]) -> None:
        """More connections to make."""
        self._wanted.update(pairs)

    def poll(self) -> bool:
        """Look at the server; make what is missing and possible. True if the wanted set has changed."""
        before = set(self._wanted)
        try:
            there = {port.name for port in self._client.get_ports()}
            current = self._connected()
        except jack.JackError:
            return False
        for pair in self._made - current:
            if pair[1] in there:
                self._wanted.discard(pair)
        self._wanted |= current
        for pair in self._wanted - current:
            if pair[1] in there and self._connect(pair):
                current.add(pair)
        self._made = current
        return self._wanted != before

    def _connected(self) -> set[Pair]:
        out: set[Pair] = set()
        client = self._client
        for own in (*client.outports, *client.inports, *client.midi_outports, *client.midi_inports):
            out |= {(own.shortname, other.name) for other in own.connections}
        return out

    def _connect(self, pair: Pair) -> bool:
        own = next((p for p in (*self._client.outports, *self._client.midi_outports) if p.shortname == pair[0]), None)
        full = f"{self._client.name}:{pair[0]}"
        with suppress(jack.JackError):
            if own is not None:
                self._client.connect(full, pair[1])
            else:
                self._client.connect(pair[1], full)
            return True
        return False
