"""Adapters from peft's LoRA and DoRA folders (`adapter_config.json` and `adapter_model.safetensors`) whose modules are called as ours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torch import Tensor

from jamd.contract.errors import AdapterError
from model.adapters.base import base_hash, check_fit, matrix_sizes
from model.adapters.dora import fold
from model.adapters.format import Adapter, Manifest, check_name, check_tensors, read_json, read_tensors, refuse_pickles

_KEY = re.compile(
    r"(?:base_model\.model\.)?(?:(player|planner)\.)?(?:transformer\.)?((?:blocks|cross)\.\d+\.\w+)\.lora_"
    r"(?:([AB])(?:\.\w+)?\.weight|(magnitude_vector)(?:\.\w+)?(?:\.weight)?)"
)
_PLAIN: dict[str, tuple[Any, ...]] = {
    "bias": ("none", None),
    "modules_to_save": (None, []),
    "rank_pattern": ({}, None),
    "alpha_pattern": ({}, None),
    "layer_replication": (None,),
    "fan_in_fan_out": (False, None),
    "lora_bias": (False, None),
    "trainable_token_indices": (None,),
}
"""Settings of peft that a plain low-rank change has."""
_MAGNITUDE = "magnitude"


def _networks(keys: Iterable[str], tensors: dict[str, Tensor], sizes: dict[str, tuple[int, int]], folder: Path) -> dict[str, Tensor]:
    """Tensors in our names; the network is found by the sizes where the names do not say it."""
    found: dict[str, dict[str, Tensor]] = {"player": {}, "planner": {}}
    said = set()
    for key in keys:
        match = _KEY.fullmatch(key)
        if match is None:
            raise AdapterError(f"{folder}: no matrix of ours is called {key!r}", code="unfit")
        said.add(match[1])
        for network in [match[1]] if match[1] else list(found):
            found[network][f"{network}.{match[2]}.{_MAGNITUDE if match[4] else f'lora_{match[3]}'}"] = tensors[key]

    def fits(named: dict[str, Tensor]) -> bool:
        for name, tensor in named.items():
            part, _, side = name.rpartition(".")
            axis = 1 if side == "lora_A" else 0
            if part not in sizes or tensor.ndim != (1 if side == _MAGNITUDE else 2) or tensor.shape[axis] != sizes[part][axis]:
                return False
        return True

    if None in said and len(said) > 1:
        raise AdapterError(f"{folder}: some matrices say which network is theirs and some do not", code="unfit")
    fitting = [named for named in found.values() if named and fits(named)]
    if said == {None}:
        if len(fitting) != 1:
            raise AdapterError(f"{folder} fits {'both networks' if fitting else 'neither player nor planner'}", code="unfit")
        return fitting[0]
    if len(fitting) != len([named for named in found.values() if named]):
        raise AdapterError(f"{folder} does not fit the sizes of the base", code="unfit")
    return {name: tensor for named in fitting for name, tensor in named.items()}


def _take_gains(tensors: dict[str, Tensor], models: Any, scale: float, folder: Path) -> None:
    """Magnitudes of peft to gains, in place, on the base that is here."""
    for part in [key.rpartition(".")[0] for key in tensors if key.endswith(f".{_MAGNITUDE}")]:
        magnitude = tensors.pop(f"{part}.{_MAGNITUDE}")
        network, _, place = part.partition(".")
        a, b = (tensors.get(f"{part}.lora_{side}") for side in "AB")
        if a is None or b is None or a.shape[0] != b.shape[1]:
            raise AdapterError(f"{folder} is damaged: {part} has no pair of low-rank matrices", code="damaged")
        layer = getattr(models, network).transformer.get_submodule(place)
        tensors[f"{part}.lora_B"], tensors[f"{part}.gain"] = fold(layer, a, b, magnitude, scale)


def import_peft(folder: Path, models: Any, name: str | None = None) -> Adapter:
    """Read a LoRA or DoRA folder of peft as an adapter of `models`; `write_adapter` keeps it.

    Args:
        name: of the adapter; the folder's where None.

    Raises:
        AdapterError: missing, damaged, oversized or pickle as in `read_adapter`; unfit: it changes what no adapter of ours changes.
    """
    refuse_pickles(folder)
    config = read_json(folder / "adapter_config.json")
    if config.get("peft_type") != "LORA":
        raise AdapterError(f"{folder} is {config.get('peft_type')!r} of peft, not LORA", code="unfit")
    for key, plain in _PLAIN.items():
        if key in config and config[key] not in plain:
            raise AdapterError(f"{folder} has {key} = {config[key]!r}: only plain LoRA and DoRA can be imported", code="unfit")
    try:
        rank, alpha = int(config["r"]), float(config["lora_alpha"])
    except (KeyError, TypeError, ValueError):
        raise AdapterError(f"{folder / 'adapter_config.json'} is damaged: no r and lora_alpha", code="damaged") from None
    tensors = read_tensors(folder / "adapter_model.safetensors")
    named = _networks(tensors, tensors, matrix_sizes(models), folder)
    tensors = {key: tensor.float().contiguous() for key, tensor in named.items()}
    parts = {key.rpartition(".")[0] for key in tensors}
    alpha = alpha * rank**0.5 if config.get("use_rslora") else alpha
    dora = bool(config.get("use_dora"))
    if dora:
        _take_gains(tensors, models, alpha / rank, folder)
    manifest = Manifest(
        name=check_name(name or folder.name), created=datetime.now(UTC).isoformat(timespec="seconds"), base=models.name,
        base_hash=base_hash(models), rank=rank, alpha=alpha, dora=dora,
        targets=sorted({part.rpartition(".")[2] for part in parts}),  # type: ignore[misc]
        networks=sorted({part.partition(".")[0] for part in parts}),  # type: ignore[misc]
        origin="imported",
    )  # fmt: skip
    adapter = Adapter(manifest, tensors)
    check_tensors(manifest, adapter.tensors)
    check_fit(adapter, models)
    return adapter
