"""`jamd adapters`: what lies on disk. Adapters are folders of safetensors and a manifest; they travel as zip files of the two."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Final

import msgspec

from jamd import paths
from jamd.adapter_folders import find_adapter, roots
from jamd.contract.errors import AdapterError
from model.adapters.format import LARGEST, MANIFEST, TENSORS, list_adapters, read_adapter, write_adapter

ROOM: Final = LARGEST + (1 << 20)


def rows() -> list[dict[str, Any]]:
    """Every adapter, the musician's own first; those that cannot be read with the reason."""
    out: list[dict[str, Any]] = []
    for root in roots():
        for one in list_adapters(root):
            if any(row["name"] == one.folder.name for row in out):
                continue
            row: dict[str, Any] = {"name": one.folder.name, "folder": str(one.folder), "own": root == paths.adapters_folder()}
            if one.manifest is not None:
                m = one.manifest
                size = (one.folder / TENSORS).stat().st_size if (one.folder / TENSORS).is_file() else 0
                row |= {"base": m.base, "created": m.created, "rank": m.rank, "dora": m.dora, "style": m.style, "scores": m.scores,
                        "bytes": size, "accepted": m.accepted}  # fmt: skip
            else:
                row["error"] = str(one.error)
            out.append(row)
    return out


def show(name: str) -> dict[str, Any]:
    """The whole manifest of an adapter, after all of it has been read and checked."""
    folder = find_adapter(name)
    adapter = read_adapter(folder)
    values: dict[str, Any] = msgspec.to_builtins(adapter.manifest)
    return values | {"folder": str(folder), "parameters": sum(tensor.numel() for tensor in adapter.tensors.values())}


def remove(name: str) -> Path:
    """Raises: AdapterError: there is none, or it came with the program."""
    folder = find_adapter(name)
    if folder.parent != paths.adapters_folder():
        raise AdapterError(f"adapter {name!r} came with the program and stays", code="shipped")
    shutil.rmtree(folder)
    return folder


def bring(source: Path, name: str | None = None) -> Path:
    """Copy an adapter in: a folder of ours, a zip file of one, or a plain peft LoRA folder that fits.

    Raises:
        AdapterError: it is none, damaged, or there is one of its name.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = source
        if source.is_file():
            folder = _unzip(source, Path(temporary))
        if (folder / MANIFEST).is_file():
            adapter = read_adapter(folder)
        else:
            from model.adapters.peft_folder import import_peft
            from model.generator.models import load_models

            adapter = import_peft(folder, load_models("small"))
        if name is not None:
            adapter = dataclasses.replace(adapter, manifest=msgspec.structs.replace(adapter.manifest, name=name))
        return write_adapter(paths.adapters_folder(), adapter)


def _unzip(source: Path, into: Path) -> Path:
    """The two files of an adapter, and nothing else, from a zip file."""
    try:
        with zipfile.ZipFile(source) as file:
            members = {Path(info.filename).name: info for info in file.infolist() if not info.is_dir()}
            if set(members) != {MANIFEST, TENSORS} or sum(info.file_size for info in members.values()) > ROOM:
                raise AdapterError(f"{source} does not hold an adapter: {MANIFEST} and {TENSORS}, and nothing else", code="damaged")
            name = msgspec.json.decode(file.read(members[MANIFEST])).get("name", "adapter")
            folder = into / Path(str(name)).name
            folder.mkdir()
            for key, info in members.items():
                (folder / key).write_bytes(file.read(info))
    except (OSError, zipfile.BadZipFile, msgspec.DecodeError, AttributeError) as error:
        raise AdapterError(f"{source} cannot be read: {error}", code="damaged") from error
    return folder


def export(name: str, out: Path) -> Path:
    """Write an adapter as a zip file.

    Raises:
        AdapterError: it is damaged, the file exists, or cannot be written.
    """
    folder = find_adapter(name)
    read_adapter(folder)
    if out.exists():
        raise AdapterError(f"{out} is there already", code="exists")
    try:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
            for key in (MANIFEST, TENSORS):
                file.write(folder / key, f"{name}/{key}")
    except OSError as error:
        raise AdapterError(f"cannot write {out}: {error.strerror}", code="file") from error
    return out
