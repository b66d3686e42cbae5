"""The main screen as it looks in several situations; `compare` says how."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.conftest import PICTURES, compare
from tui.registry import SCREENS


@pytest.mark.parametrize(
    ("name", "state", "size", "theme", "link", "keys"),
    [
        ("main-fresh", "fresh", (80, 24), "jamd", "connected", []),
        ("main-jam", "jam", (80, 24), "jamd", "connected", []),
        ("main-jam-light", "jam", (80, 24), "jamd-light", "connected", []),
        ("main-jam-wide", "jam", (120, 44), "jamd", "connected", ["tab"]),
        ("main-jam-okabe-ito", "jam", (170, 60), "jamd-okabe-ito", "connected", []),
        ("main-held", "held", (80, 30), "jamd", "connected", ["tab", "right"]),
        ("main-lost", "held", (80, 24), "jamd", "lost", []),
    ],
)
def test_main_screen_looks_as_before(
    name: str, state: str, size: tuple[int, int], theme: str, link: str, keys: list[str], tmp_path: Path
) -> None:
    compare(name, state, "main", tmp_path, size=size, theme=theme, link=link, keys=keys)


def test_every_screen_has_pictures() -> None:
    pictured = {path.stem.split("-")[0] for path in PICTURES.glob("*.svg")}
    assert pictured == {entry.name for entry in SCREENS}
