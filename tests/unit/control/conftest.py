"""What the tests of the desks share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.control.rig import Rig


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A session with the real mixer."""
    rig = Rig()
    yield rig
    rig.close()
