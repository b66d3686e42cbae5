"""All screens as they look in several situations; `compare` says how."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.conftest import PICTURES
from tests.tui.driving import compare
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
        ("adapters-fresh", "fresh", (80, 24), "jamd", "connected", []),
        ("adapters-studio", "studio", (80, 24), "jamd", "connected", ["down"]),
        ("adapters-studio-wide", "studio", (132, 44), "jamd-okabe-ito", "connected", ["down", "down"]),
        ("slots-jam", "jam", (80, 24), "jamd", "connected", []),
        ("slots-jam-wide", "jam", (132, 44), "jamd-light", "connected", ["down", "right"]),
        ("midi-fresh", "fresh", (80, 24), "jamd", "connected", []),
        ("midi-studio", "studio", (100, 32), "jamd", "connected", ["down"]),
        ("midi-lost", "studio", (80, 24), "jamd", "lost", []),
        ("sessions-fresh", "fresh", (80, 24), "jamd", "connected", []),
        ("sessions-studio", "studio", (100, 44), "jamd", "connected", ["down"]),
        ("settings-fresh", "fresh", (80, 24), "jamd", "connected", ["down", "down", "down", "down"]),
        ("settings-light", "fresh", (120, 44), "jamd-light", "connected", ["tab"]),
    ],
)
def test_screens_look_as_before(
    name: str, state: str, size: tuple[int, int], theme: str, link: str, keys: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAMD_HOME", "home")  # where there is no configuration, under a name that is the same everywhere
    compare(name, state, tmp_path, size=size, theme=theme, link=link, keys=keys)


def test_every_screen_has_pictures() -> None:
    pictured = {path.stem.split("-")[0] for path in PICTURES.glob("*.svg")}
    assert pictured == {entry.name for entry in SCREENS}
