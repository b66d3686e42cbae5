"""Configuration: a strict TOML file; an unknown key is named together with the nearest one that exists."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from jamd.contract.errors import ConfigError

BOUNDS: Final[dict[str, tuple[int, int]]] = {
    "engine.depth_ms": (20, 1000), "engine.change_ms": (0, 2000), "engine.lead_ms": (0, 5000), "engine.threads": (1, 64),
    "osc.port": (1, 65_535), "midi.launch_channel": (1, 16), "midi.launch_note": (0, 112), "midi.chord_channel": (1, 16),
}  # fmt: skip
"""Of the settings that are numbers; the sixteenth slot's note is the highest there is."""


class AudioConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    client: str = "jamd"
    """Name of the JACK client."""
    connect: bool = True
    """Connect the outputs to the first physical ports, where no other connections are known."""
    record: Literal["wav", "flac"] = "wav"
    """Format of recordings, 24 bit either way."""
    restore: bool = True
    """Bring back the slots, the mixer and the connections of the last run."""


class EngineConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    depth_ms: float = 120.0
    """How much of the jam is written ahead of the audio thread."""
    change_ms: float = 180.0
    """How long before a bar line a change must come to be heard from there."""
    lead_ms: float = 350.0
    """How long before its first bar the jam must be asked for: the time that the first notes and their sound take."""
    threads: int = 1
    """Threads of the model. More than one waits for the slowest core at every step: worth it only on idle machines."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model computes; auto: on CUDA if there is one and the model is larger than `small`. `--device` overrides it."""
    precision: Literal["auto", "float32", "bf16", "nf4"] = "auto"
    """Of the player's weights; auto: int8 on a CPU, bf16 on CUDA. nf4 needs bitsandbytes; whatever but auto is slow on a CPU."""


class OscConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: int = 9120


class MidiConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ports: list[str] = []
    """Names (or parts of them) of further MIDI inputs to open, beside the JACK port; they may come and go."""
    outputs: list[str] = []
    """The same for outputs: pads that show the slots."""
    lights: str = "auto"
    """Kind of the pads: auto goes by the port's name; or apc40_mk2, apc_mini, apc_mini_mk2, launchpad_mini_mk3, launchpad_mk2,
    launchpad_pro_mk3, launchpad_s, launchpad_x, notes; or none."""
    launch_channel: int = 10
    launch_note: int = 36
    """Note that launches slot 1; the next 15 launch the next slots."""
    chord_channel: int = 1


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    audio: AudioConfig = AudioConfig()
    engine: EngineConfig = EngineConfig()
    osc: OscConfig = OscConfig()
    midi: MidiConfig = MidiConfig()


def _check_keys(values: dict[str, Any], struct: type[msgspec.Struct], place: str, path: Path) -> None:
    known = {field.name: field.type for field in msgspec.structs.fields(struct)}
    for key, value in values.items():
        name = f"{place}{key}"
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f": did you mean {place}{near[0]}?" if near else f": there are {', '.join(sorted(known))}"
            raise ConfigError(f"{path}: unknown key {name}{hint}")
        if isinstance(value, dict) and isinstance(known[key], type) and issubclass(known[key], msgspec.Struct):
            _check_keys(value, known[key], f"{name}.", path)


def load_config(path: Path, *, must_exist: bool = False) -> Config:
    """Read a configuration file; a missing one gives the defaults unless it `must_exist`.

    Raises:
        ConfigError: unreadable, not TOML, an unknown key, a wrong type or value.
    """
    try:
        text = path.read_text()
    except FileNotFoundError:
        if must_exist:
            raise ConfigError(f"no configuration file {path}") from None
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    _check_keys(values, Config, "", path)
    try:
        config = msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error
    for name, (low, high) in BOUNDS.items():
        section, _, key = name.partition(".")
        value = getattr(getattr(config, section), key)
        if not low <= value <= high:
            raise ConfigError(f"{path}: {name} {value:g} is outside {low}..{high}")
    if not config.audio.client.strip():
        raise ConfigError(f"{path}: audio.client is empty: a JACK client has a name")
    return config
