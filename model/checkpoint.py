"""Weights and training state as safetensors: never pickle, written atomically.

A weights file holds tensors and, in its header, the kind of network, its config and free metadata as JSON. bf16 halves the
size of what ships. A training checkpoint adds the optimiser's tensors under `optimiser.` and the counters in the header.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from jamd.contract.errors import EngineError, FailureError

FORMAT = "jamd-weights-1"


def write_tensors(tensors: dict[str, Tensor], path: Path, header: dict[str, Any]) -> None:
    """Tensors and a JSON header as safetensors, whole or not at all.

    Raises:
        FailureError: the disk is full, or the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
    os.close(handle)
    try:
        save_file(tensors, temporary, metadata={"jamd": json.dumps(header)})
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, SafetensorError | OSError):
            raise FailureError(f"{path} cannot be written: {error}", code="file") from error
        raise


def save_weights(
    path: Path,
    module: nn.Module,
    kind: str,
    config: dict[str, Any],
    metadata: dict[str, Any] | None = None,
    dtype: torch.dtype = torch.bfloat16,
    keep_float: tuple[str, ...] = (),
) -> None:
    """Write a module's weights; floating tensors as `dtype`, but for those whose name begins with one of `keep_float`."""
    tensors = {
        name: (
            tensor.detach().to("cpu", dtype).contiguous()
            if tensor.is_floating_point() and not name.startswith(keep_float or ("\0",))
            else tensor.detach().cpu().contiguous()
        )
        for name, tensor in module.state_dict().items()
    }
    write_tensors(tensors, path, {"format": FORMAT, "kind": kind, "config": config, "metadata": metadata or {}})


def read_header(path: Path) -> dict[str, Any]:
    """The JSON header of a weights file.

    Raises:
        EngineError: the file is missing, damaged, or not one of ours.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            text = (file.metadata() or {}).get("jamd")
    except (OSError, SafetensorError) as error:
        raise EngineError(f"cannot read weights {path}: {error}", code="weights") from error
    if text is None:
        raise EngineError(f"{path} is not a jamd weights file", code="weights")
    header: dict[str, Any] = json.loads(text)
    if header.get("format") != FORMAT:
        raise EngineError(f"{path} has format {header.get('format')!r}, this version reads {FORMAT!r}", code="weights")
    return header


def load_tensors(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """Tensors whose names begin with `prefix`, the prefix taken off; bf16 comes back as float32."""
    with safe_open(str(path), framework="pt") as file:
        out = {}
        for name in file.keys():  # noqa: SIM118 - the file object is no mapping
            if name.startswith(prefix):
                tensor = file.get_tensor(name)
                out[name[len(prefix) :]] = tensor.float() if tensor.dtype is torch.bfloat16 else tensor
        return out


def load_weights(path: Path, module: nn.Module) -> None:
    """Load a weights file into a module of the same config.

    Raises:
        EngineError: names or shapes differ.
    """
    try:
        module.load_state_dict(load_tensors(path), strict=True)
    except RuntimeError as error:
        raise EngineError(f"{path} does not fit the network: {str(error).splitlines()[0]}", code="weights") from error


def load_what_fits(path: Path, module: nn.Module) -> list[str]:
    """Begin from a weights file of a smaller or older network of the same kind; returns the names that it did not have.

    Tensors of another shape fill the corner that they share, which is right for added inputs and levels.
    """
    known, fresh = load_tensors(path), []
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            old = known.get(name)
            if old is None or old.ndim != tensor.ndim:
                fresh.append(name)
            else:
                corner = tuple(slice(0, min(a, b)) for a, b in zip(old.shape, tensor.shape, strict=True))
                tensor[corner] = old[corner].to(tensor.dtype)
    return fresh


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_training(path: Path, module: nn.Module, optimiser: torch.optim.Optimizer, header: dict[str, Any]) -> None:
    """Write module, optimiser and counters so that `load_training` goes on from the same place."""
    tensors = {f"module.{name}": tensor.detach().contiguous().clone() for name, tensor in module.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        for key, value in state.items():
            tensor = value if isinstance(value, Tensor) else torch.tensor(float(value))
            tensors[f"optimiser.{index}.{key}"] = tensor.detach().contiguous().clone()
    write_tensors(tensors, path, {"format": "jamd-training-1", **header})


def load_training(path: Path, module: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """Load what `save_training` wrote; returns its header."""
    with safe_open(str(path), framework="pt") as file:
        header: dict[str, Any] = json.loads(file.metadata()["jamd"])
    module.load_state_dict(load_tensors(path, "module."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in load_tensors(path, "optimiser.").items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    whole = optimiser.state_dict()
    whole["state"] = state
    optimiser.load_state_dict(whole)
    return header
