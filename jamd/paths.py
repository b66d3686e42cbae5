"""Where things lie: configuration, data, caches. `JAMD_HOME` overrides all of them."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

PROGRESS = "progress.json"
"""In the folder of a training: what it says of itself."""


def home() -> Path | None:
    text = os.environ.get("JAMD_HOME")
    return Path(text) if text else None


def config_file() -> Path:
    base = home()
    return (base if base is not None else Path(platformdirs.user_config_dir("jamd"))) / "jamd.toml"


def data_folder() -> Path:
    base = home()
    return base if base is not None else Path(platformdirs.user_data_dir("jamd"))


def clips_folder() -> Path:
    return data_folder() / "clips"


def sessions_folder() -> Path:
    return data_folder() / "sessions"


def maps_folder() -> Path:
    return data_folder() / "maps"


def state_folder() -> Path:
    """What survives a restart: slots, mixer, connections."""
    return data_folder() / "state"


def adapters_folder() -> Path:
    return data_folder() / "adapters"


def learning_folder() -> Path:
    """Trainings of `jamd learn`, a folder each."""
    return data_folder() / "learning"


def listening_folder() -> Path:
    """Blind tests of `jamd listen`."""
    return data_folder() / "listening"


def shipped_adapters() -> Path:
    """Those that come with the program."""
    return Path(__file__).resolve().parents[1] / "model" / "weights" / "adapters"
