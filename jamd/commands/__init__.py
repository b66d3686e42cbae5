"""Commands of the command line that have a module of their own: `add` describes one, `run` does it. None loads torch on import."""

from __future__ import annotations

from typing import Final

MODULES: Final = ("render", "adapters", "learn", "completion", "reference", "tui", "listen", "evaluate")
"""Each with `add(commands)`, which adds a sub-parser named after the module, and `run(options)`, which returns the exit status."""
