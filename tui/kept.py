"""What a dashboard keeps from one run to the next: its theme. What cannot be read or written is no reason to stop."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

FILE: Final = "dashboard.json"


def read_theme(folder: Path) -> str:
    """Its name; empty: none is kept."""
    try:
        values = json.loads((folder / FILE).read_text())
    except (OSError, ValueError):
        return ""
    theme = values.get("theme") if isinstance(values, dict) else None
    return theme if isinstance(theme, str) else ""


def keep_theme(folder: Path, theme: str) -> None:
    """For the next dashboard."""
    part = folder / f"{FILE}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"theme": theme}) + "\n")
        part.replace(folder / FILE)
    except OSError:
        pass
