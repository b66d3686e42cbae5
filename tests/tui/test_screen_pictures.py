"""The screens beside the main one as they look in several situations; `compare_screen` says how."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.driving import compare_screen


@pytest.mark.parametrize(
    ("name", "state", "size", "theme", "link", "keys"),
    [
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
    compare_screen(name, state, tmp_path, size=size, theme=theme, link=link, keys=keys)
