"""Maps as files, JSON or TOML by their ending: written whole or not at all, read strictly."""

from __future__ import annotations

import difflib
import json
import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec

from jamd.contract.errors import ConfigError, MessageError
from jamd.control.midi.bindings import Binding, check

VERSION: Final = 1


class Defaults(msgspec.Struct, forbid_unknown_fields=True):
    """Which of the map's own bindings are on."""

    launch: bool = True
    """Notes launch slots."""
    chord: bool = True
    """Held notes name the chord."""
    panic: bool = True
    """All sound off and all notes off stop everything."""


class MapFile(msgspec.Struct, forbid_unknown_fields=True):
    version: int = VERSION
    defaults: Defaults = msgspec.field(default_factory=Defaults)
    bindings: list[Binding] = []


def _check_keys(values: Any, struct: type[msgspec.Struct], place: str, path: Path) -> None:
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: {place.rstrip('.') or 'the map'} is a table of keys and values")
    known = [field.name for field in msgspec.structs.fields(struct)]
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
            hint = f": did you mean {place}{near[0]}?" if near else f": there are {', '.join(known)}"
            raise ConfigError(f"{path}: unknown key {place}{key}{hint}")


def read_map(path: Path) -> MapFile:
    """A map from a file.

    Raises:
        ConfigError: unreadable, neither JSON nor TOML, an unknown key, a wrong type, a binding that cannot work.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"cannot read the map {path}: {reason}") from error
    _check_keys(values, MapFile, "", path)
    if "defaults" in values:
        _check_keys(values["defaults"], Defaults, "defaults.", path)
    if isinstance(values.get("bindings"), list):
        for index, binding in enumerate(values["bindings"], 1):
            _check_keys(binding, Binding, f"bindings[{index}].", path)
    try:
        found = msgspec.convert(values, MapFile)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error
    if found.version != VERSION:
        raise ConfigError(f"{path}: version {found.version} of a map is not known here, only {VERSION}")
    for index, one in enumerate(found.bindings, 1):
        try:
            check(one)
        except MessageError as error:
            raise ConfigError(f"{path}: binding {index}: {error}") from error
    return found


def write_map(path: Path, content: MapFile) -> None:
    """Write a map; a file that was there stays as it was until the new one is whole.

    Raises:
        ConfigError: it cannot be written there.
    """
    values = msgspec.to_builtins(content)
    text = _toml(values) if path.suffix.lower() == ".toml" else json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, UnicodeEncodeError) as error:
        Path(temporary).unlink(missing_ok=True) if temporary else None
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"cannot write the map {path}: {reason}") from error


def _toml(values: dict[str, Any]) -> str:
    lines = [f"version = {values['version']}", "", "[defaults]"]
    lines += [f"{key} = {_word(value)}" for key, value in values["defaults"].items()]
    for binding in values["bindings"]:
        lines += ["", "[[bindings]]"]
        lines += [f"{key} = {_word(value)}" for key, value in binding.items() if value is not None]
    return "\n".join(lines) + "\n"


def _word(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_word(one) for one in value)}]"
    if isinstance(value, str):  # a JSON string is a TOML string, but for DEL
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
