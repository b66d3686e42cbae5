"""An adapter on disk: a folder NAME with `adapter.safetensors` and `manifest.json`. Never pickle.

Tensors are called `player.blocks.3.qkv.lora_A` [rank, inputs] and `.lora_B` [outputs, rank], `player.cross.0.query.lora_A` and so on
for the cross-attention before block 0, the same for `planner.`. What they add is strength * alpha / rank * lora_B lora_A. One with
`dora` in its manifest has `.gain` [outputs] beside them, by which each row of the base is multiplied: 1 + strength * (gain - 1).
`style` [512], if there, is the embedding of its player; `colour`, if there, is what strength times is added to the gains of the tones
(`model.codec.tones`): the sound of the player's instrument; `room` [4], if there, is what goes on sounding between the notes
(`model.layers.room`), pedal and walls. `sounds` in the manifest says on which instruments the player plays (`model.layers.timbres`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from jamd.contract.errors import AdapterError
from model.checkpoint import file_hash
from model.layers.lowrank import COLUMNS
from model.layers.room import check_room
from model.style.words import PROGRAMS

TENSORS: Final = "adapter.safetensors"
MANIFEST: Final = "manifest.json"
VERSION: Final = 1
LARGEST: Final = 64 << 20
"""Bytes of an adapter's tensors."""
STYLE: Final = "style"
COLOUR: Final = "colour"
ROOM: Final = "room"
LOUDEST: Final = 8.0
"""Natural logarithm of a gain that a colour may ask for."""
LARGEST_GAIN: Final = 256.0
"""That a row of the base may be multiplied by, either way."""
STYLE_WIDTH: Final = 512
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_PART = re.compile(r"(player|planner)\.(?:blocks\.\d+\.(?:qkv|out|up|down)|cross\.\d+\.(?:query|out))")
_PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}

Network = Literal["player", "planner"]
Target = Literal["qkv", "out", "up", "down", "query"]


class Guard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the checks before an adapter is accepted."""

    ok: bool
    value: float
    limit: float


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    created: str
    """ISO 8601."""
    base: str
    """Name of the model."""
    base_hash: str
    """Of the weights that it changes; see `model.adapters.base`."""
    rank: int
    alpha: float
    targets: list[Target]
    networks: list[Network]
    dora: bool = False
    """Each matrix has gains of its rows as well (Liu et al. 2024)."""
    style: str = ""
    """What its playing is called in words."""
    sounds: dict[str, str] = {}
    """Instruments of `model.layers.timbres` that it plays on, by part."""
    data_hash: str = ""
    """Of the recordings that it learned from."""
    training: dict[str, float | int | str | bool | None] = {}
    scores: dict[str, float] = {}
    guards: dict[str, Guard] = {}
    licence: str = ""
    origin: Literal["learned", "imported"] = "learned"
    """Of an imported one nobody has checked the base; that its matrices fit is all that is known."""
    tensors_hash: str = ""
    """SHA-256 of the file of tensors; filled in by `write_adapter`."""
    version: int = VERSION

    @property
    def accepted(self) -> bool:
        """No guard has failed."""
        return all(guard.ok for guard in self.guards.values())


@dataclass(frozen=True)
class Adapter:
    manifest: Manifest
    tensors: dict[str, Tensor]
    """Float32 or bf16, `style` and `colour` left out."""
    style: Tensor | None = None
    """Shape: [512], unit length."""
    colour: Tensor | None = None
    """Shape: [`gains_width` of the tones], natural logarithms."""
    room: Tensor | None = None
    """Shape: [4], as `model.layers.room.PARAMS` names them."""

    @property
    def parts(self) -> list[str]:
        """The matrices that it changes, as `player.blocks.3.qkv`."""
        return sorted({name.rsplit(".", 1)[0] for name in self.tensors})


@dataclass(frozen=True)
class Listed:
    """A folder that is, or ought to be, an adapter."""

    folder: Path
    manifest: Manifest | None
    error: AdapterError | None


def check_name(name: str) -> str:
    """Raises: AdapterError: no good name for a folder; `base` means that none plays."""
    if not _NAME.fullmatch(name) or name == "base":
        raise AdapterError(f"an adapter cannot be called {name!r}: letters, digits, . _ - and at most 64 of them", code="name")
    return name


def check_tensors(
    manifest: Manifest, tensors: Mapping[str, Tensor], style: Tensor | None = None, colour: Tensor | None = None, room: Tensor | None = None
) -> None:
    """Raises: AdapterError: names, shapes, types or values are not what the format says."""

    def damaged(what: str) -> AdapterError:
        return AdapterError(f"adapter {manifest.name}: {what}", code="damaged")

    for part, name in manifest.sounds.items():
        if name not in PROGRAMS.get(part, ()):
            raise damaged(f"there is no {part} {name!r}")
    if not 1 <= manifest.rank <= COLUMNS:
        raise AdapterError(f"adapter {manifest.name} has rank {manifest.rank}, {COLUMNS} is the highest", code="oversized")
    if not tensors:
        raise damaged("there is no tensor in it")
    seen: dict[str, set[str]] = {}
    for name, tensor in tensors.items():
        part, _, side = name.rpartition(".")
        match = _PART.fullmatch(part)
        if match is None or side not in ("lora_A", "lora_B", "gain"):
            raise damaged(f"unknown tensor {name!r}")
        if match[1] not in manifest.networks or part.rpartition(".")[2] not in manifest.targets:
            raise damaged(f"its manifest does not mention {name}")
        row = side == "gain"
        if tensor.dtype not in (torch.float32, torch.bfloat16) or tensor.ndim != (1 if row else 2):
            what = "row" if row else "matrix"
            raise damaged(f"{name} is {tensor.dtype} of shape {list(tensor.shape)}, not a {what} of float32 or bf16")
        if not row and tensor.shape[0 if side == "lora_A" else 1] != manifest.rank:
            raise damaged(f"{name} has shape {list(tensor.shape)}, which is not of rank {manifest.rank}")
        if row and bool((tensor.abs() > LARGEST_GAIN).any()):
            raise damaged(f"{name} holds gains beyond {LARGEST_GAIN:g}")
        if not bool(tensor.isfinite().all()):
            raise damaged(f"{name} holds values that are not finite")
        seen.setdefault(part, set()).add(side)
    for part, sides in seen.items():
        if sides - {"gain"} != {"lora_A", "lora_B"}:
            raise damaged(f"{part} has {' and '.join(sorted(sides))} only")
        if ("gain" in sides) != manifest.dora:
            raise damaged(f"{part} has {'gains, of which its manifest knows nothing' if 'gain' in sides else 'no gains'}")
        if manifest.dora and tensors[f"{part}.gain"].shape[0] != tensors[f"{part}.lora_B"].shape[0]:
            raise damaged(f"{part}.gain has {len(tensors[f'{part}.gain'])} gains for {len(tensors[f'{part}.lora_B'])} rows")
    if {part.split(".")[0] for part in seen} != set(manifest.networks):
        raise damaged(f"its manifest says {', '.join(manifest.networks)}, which is not what it holds")
    if style is not None and (style.shape != (STYLE_WIDTH,) or not bool(style.isfinite().all())):
        raise damaged(f"its style is not {STYLE_WIDTH} finite numbers")
    if colour is not None and (colour.ndim != 1 or not bool((colour.abs() <= LOUDEST).all())):  # what is not finite is not below either
        raise damaged(f"its colour is not a row of numbers up to {LOUDEST:g}")
    if room is not None and not check_room(room.detach().float().cpu().numpy()):
        raise damaged("its room is not one")


def write_adapter(root: Path, adapter: Adapter, *, replace: bool = False) -> Path:
    """Write the folder of an adapter below `root`, whole or not at all; returns it.

    Raises:
        AdapterError: there is one of this name and `replace` is not asked for, or it is not fit to be written.
    """
    name = check_name(adapter.manifest.name)
    check_tensors(adapter.manifest, adapter.tensors, adapter.style, adapter.colour, adapter.room)
    folder = root / name
    if folder.exists() and not replace:
        raise AdapterError(f"there is an adapter {name!r} in {root} already", code="exists")
    root.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
    try:
        tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in adapter.tensors.items()}
        if adapter.style is not None:
            tensors[STYLE] = adapter.style.detach().float().cpu().contiguous()
        if adapter.colour is not None:
            tensors[COLOUR] = adapter.colour.detach().float().cpu().contiguous()
        if adapter.room is not None:
            tensors[ROOM] = adapter.room.detach().float().cpu().contiguous()
        save_file(tensors, str(fresh / TENSORS), metadata={"format": "jamd-adapter"})
        if (fresh / TENSORS).stat().st_size > LARGEST:
            raise AdapterError(f"adapter {name} is larger than {LARGEST >> 20} MB", code="oversized")
        manifest = msgspec.structs.replace(adapter.manifest, tensors_hash=file_hash(fresh / TENSORS))
        (fresh / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        for path in (fresh / TENSORS, fresh / MANIFEST):
            path.chmod(0o644)
            with path.open("rb") as file:
                os.fsync(file.fileno())
        fresh.chmod(0o755)
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{name}-old-", dir=root))
            os.replace(folder, old / name)
            os.replace(fresh, folder)
            shutil.rmtree(old)
        else:
            os.rename(fresh, folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return folder


def refuse_pickles(folder: Path) -> None:
    """Raises: AdapterError: there is no such folder, or a file in it that unpickling would run."""
    if not folder.is_dir():
        raise AdapterError(f"there is no adapter in {folder}", code="missing")
    for path in folder.iterdir():
        if path.suffix.lower() in _PICKLES:
            raise AdapterError(f"{path.name} in {folder} may hold pickled code: safetensors only", code="pickle")


def read_manifest(folder: Path) -> Manifest:
    """Raises: AdapterError: missing, damaged, or written by a later version."""
    refuse_pickles(folder)
    path = folder / MANIFEST
    try:
        if path.stat().st_size > 1 << 20:
            raise AdapterError(f"{path} is larger than 1 MB", code="oversized")
        raw = path.read_bytes()
        version = msgspec.json.decode(raw).get("version", VERSION)
        if version != VERSION:
            raise AdapterError(f"{path} has version {version}, this one reads {VERSION}", code="version")
        manifest = msgspec.json.decode(raw, type=Manifest)
    except FileNotFoundError:
        raise AdapterError(f"there is no {MANIFEST} in {folder}", code="missing") from None
    except (OSError, AttributeError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise AdapterError(f"{path} is damaged: {error}", code="damaged") from error
    if check_name(manifest.name) != folder.name:
        raise AdapterError(f"{folder} says that it is called {manifest.name!r}", code="damaged")
    return manifest


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Raises: AdapterError: missing, too large, or no safetensors."""
    try:
        if path.stat().st_size > LARGEST:
            raise AdapterError(f"{path} is larger than {LARGEST >> 20} MB", code="oversized")
        with safe_open(str(path), framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the file object is no mapping
    except FileNotFoundError:
        raise AdapterError(f"there is no {path.name} in {path.parent}", code="missing") from None
    except (OSError, SafetensorError, ValueError) as error:
        raise AdapterError(f"{path} is damaged: {error}", code="damaged") from error


def read_adapter(folder: Path) -> Adapter:
    """Read and check an adapter, all but whether it fits a base (see `model.adapters.base`).

    Raises:
        AdapterError: missing, damaged, oversized, version, name or pickle, in `code`.
    """
    manifest = read_manifest(folder)
    tensors = read_tensors(folder / TENSORS)
    if file_hash(folder / TENSORS) != manifest.tensors_hash:
        raise AdapterError(f"adapter {manifest.name}: the tensors are not those that its manifest was written for", code="damaged")
    style, colour, room = (tensors.pop(name, None) for name in (STYLE, COLOUR, ROOM))
    check_tensors(manifest, tensors, style, colour, room)
    return Adapter(manifest, tensors, *(None if one is None else one.float() for one in (style, colour, room)))


def list_adapters(root: Path) -> list[Listed]:
    """Every folder below `root` by name; those that cannot be read with the reason. Tensors are not looked at."""
    found = []
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if folder.is_dir() and not folder.name.startswith("."):
            try:
                found.append(Listed(folder, read_manifest(folder), None))
            except AdapterError as error:
                found.append(Listed(folder, None, error))
    return found


def read_json(path: Path) -> dict[str, Any]:
    """Raises: AdapterError: missing or no JSON object."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise AdapterError(f"there is no {path.name} in {path.parent}", code="missing") from None
    except (OSError, ValueError) as error:
        raise AdapterError(f"{path} is damaged: {error}", code="damaged") from error
    if not isinstance(value, dict):
        raise AdapterError(f"{path} is damaged: no object", code="damaged")
    return value
