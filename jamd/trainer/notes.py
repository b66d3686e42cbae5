"""What a training says of itself to others: `progress.json` in its folder, which the daemon shows to its subscribers."""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from pathlib import Path
from typing import Any, Final

from jamd.paths import PROGRESS

EVERY_S: Final = 0.5


class Notes:
    """Written at most twice a second, whole or not at all."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / PROGRESS
        self.values: dict[str, Any] = {"name": name, "pid": os.getpid(), "began": time.time()}
        self._written = -math.inf

    def write(self, now: bool = False, **values: Any) -> None:
        """Figures that are not finite become null."""
        self.values |= {key: None if isinstance(x, float) and not math.isfinite(x) else x for key, x in values.items()}
        if not now and time.monotonic() - self._written < EVERY_S:
            return
        self._written = time.monotonic()
        part = self.path.with_name(f".{PROGRESS}")
        with contextlib.suppress(OSError):  # a full disk must not end the training before its state is kept
            part.write_text(json.dumps(self.values | {"updated": time.time()}))
            part.replace(self.path)
