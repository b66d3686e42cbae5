"""The base that an adapter was made for: its hash, the sizes of its matrices."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor

from jamd.contract.errors import AdapterError
from model.adapters.format import Adapter
from model.checkpoint import load_tensors
from model.codec.tones import widened


def base_hash(models: Any) -> str:
    """SHA-256 over the player's and the planner's tensors, sorted by name, as float32.

    Args:
        models: `Models`; a folder with `player.safetensors` and `planner.safetensors`, or one `NAME-player.safetensors` and so on; or a
            mapping of the two networks or their tensors.

    Raises:
        AdapterError: missing: a file of the base is not to be read; base: the weights are rounded and nobody knows of what.
    """
    if isinstance(models, str | Path):
        networks: dict[str, Mapping[str, Tensor]] = {}
        for kind in ("player", "planner"):
            try:
                path = Path(models) / f"{kind}.safetensors"
                others = [] if path.is_file() else sorted(Path(models).glob(f"*-{kind}.safetensors"))
                networks[kind] = load_tensors(others[0] if len(others) == 1 else path)
            except (OSError, SafetensorError) as error:
                raise AdapterError(f"cannot read the base in {models}: {error}", code="missing") from error
    elif isinstance(models, Mapping):
        networks = {kind: net if isinstance(net, Mapping) else net.state_dict() for kind, net in models.items()}
    else:
        if models.base:
            return str(models.base)
        if models.precision not in ("float32", "int8"):
            raise AdapterError(f"the base cannot be told from weights that are rounded to {models.precision}", code="base")
        networks = {"player": models.player.state_dict(), "planner": models.planner.state_dict()}
    digest = hashlib.sha256()
    for kind in ("player", "planner"):
        for name, tensor in sorted(networks[kind].items()):
            digest.update(f"{kind}.{name} {list(tensor.shape)}\n".encode())
            digest.update(tensor.detach().float().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def check_fit(adapter: Adapter, models: Any) -> None:
    """Raises: AdapterError: made for another base (foreign)."""
    manifest = adapter.manifest
    here = base_hash(models)
    if manifest.base_hash != here:
        raise AdapterError(
            f"adapter {manifest.name} was made for another base: {manifest.base} {manifest.base_hash[:12]}, here {models.name} {here[:12]}",
            code="foreign",
        )
    tones = models.tones
    if adapter.colour is not None and tones is not None:
        try:
            widened(adapter.colour, tones.config.bands)
        except ValueError as error:
            raise AdapterError(f"adapter {manifest.name} does not fit the base: its colour has {error}", code="foreign") from None
    sizes = matrix_sizes(models)
    for part in adapter.parts:
        size = tuple(adapter.tensors[f"{part}.lora_{side}"].shape[axis] for side, axis in (("B", 0), ("A", 1)))
        gain = adapter.tensors.get(f"{part}.gain")
        if gain is not None and sizes.get(part, (0, 0))[0] != len(gain):
            raise AdapterError(f"adapter {manifest.name} does not fit the base: {part} has not {len(gain)} rows", code="foreign")
        if sizes.get(part) != size:
            raise AdapterError(f"adapter {manifest.name} does not fit the base: {part} is {sizes.get(part)}, not {size}", code="foreign")


def matrix_sizes(models: Any) -> dict[str, tuple[int, int]]:
    """Outputs and inputs of every matrix that an adapter may change, by name. Takes `Models` or anything with the two networks."""
    out = {}
    for kind in ("player", "planner"):
        transformer = getattr(models, kind).transformer
        for group, layers, names in (
            ("blocks", enumerate(transformer.blocks), ("qkv", "out", "up", "down")),
            ("cross", transformer.cross.items(), ("query", "out")),
        ):
            for index, layer in layers:
                for name in names:
                    linear = getattr(layer, name)
                    out[f"{kind}.{group}.{index}.{name}"] = (int(linear.out_features), int(linear.in_features))
    return out
