"""Where adapters lie: the musician's own, then those that came with the program."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jamd import paths
from jamd.contract.errors import AdapterError

MANIFEST: Final = "manifest.json"
TENSORS: Final = "adapter.safetensors"


def roots() -> list[Path]:
    return [paths.adapters_folder(), paths.shipped_adapters()]


def find_adapter(name: str) -> Path:
    """The folder of an adapter.

    Raises:
        AdapterError: there is none of that name.
    """
    for root in roots():
        if name and Path(name).name == name and (root / name / MANIFEST).is_file():
            return root / name
    raise AdapterError(f"there is no adapter {name!r}: `jamd adapters list` says which there are", code="missing")


def adapters_on_disk() -> dict[str, Path]:
    """Name to folder; the musician's own hide those of the same name that came with the program."""
    found: dict[str, Path] = {}
    for root in reversed(roots()):
        if root.is_dir():
            found |= {path.parent.name: path.parent for path in sorted(root.glob(f"*/{MANIFEST}")) if not path.parent.name.startswith(".")}
    return found
