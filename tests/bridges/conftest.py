"""The JACK server of the bridges' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import jackd


@pytest.fixture(scope="session")
def jack_server() -> Iterator[str]:
    """A server that waits for its clients in every cycle.

    Without that, a machine that gives JACK no realtime rights loses and doubles messages between two clients as soon as anything else
    runs, and a master whose thread comes too late leaves the bars of the cycle before beside the frame of this one, however well both
    sides are written. These tests have a process of their own (see the Makefile): clients to several servers may bring one down.
    """
    with jackd("--sync") as name:
        yield name
