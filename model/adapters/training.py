"""LoRA and DoRA by peft over planner and player: what trains, and how it comes into the format of an adapter.

Whatever the base is held in, float32, bf16 or NF4 (QLoRA: Dettmers et al. 2023), what is learned is plain A and B, and gains.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn

from jamd.contract.errors import AdapterError
from model.adapters.dora import dense, fold, unfold
from model.generator.planner import Planner
from model.generator.player import Player
from model.layers.lowrank import COLUMNS
from model.layers.nf4 import to_nf4

TARGETS: Final = ("qkv", "out", "up", "down")
_DEFAULT: Final = "default"
"""What peft calls the one adapter."""
_PLACE = re.compile(r"transformer\.(blocks|cross)\.(\d+)\.(qkv|out|up|down|query)")


def _peft() -> Any:
    try:
        return importlib.import_module("peft")
    except ImportError as error:
        raise AdapterError(f"learning needs peft: {sys.executable} -m pip install 'jamd[learn]'", code="install") from error


def network_of(model: Player | Planner) -> Literal["player", "planner"]:
    """What the tensors of a network are called after."""
    return "player" if isinstance(model, Player) else "planner"


def target_modules(model: Player | Planner, targets: Iterable[str]) -> list[str]:
    """Full names of the layers that `targets` means: `qkv` and `out` also mean query and way out of cross-attention.

    Raises:
        AdapterError: an unknown target, or none at all.
    """
    wanted = set(targets)
    if not wanted or not wanted <= {*TARGETS}:
        raise AdapterError(f"targets are some of {', '.join(TARGETS)}, not {', '.join(sorted(wanted)) or 'none'}", code="targets")
    wanted |= {"query"} if "qkv" in wanted else set()
    return [name for name, _ in model.named_modules() if (match := _PLACE.fullmatch(name)) and match[3] in wanted]


def add_lora(
    model: Player | Planner,
    rank: int = 8,
    alpha: float = 16.0,
    dropout: float = 0.1,
    targets: Iterable[str] = ("qkv", "out"),
    quantise: Literal["none", "nf4"] = "none",
    dora: bool = False,
) -> int:
    """Freeze a network and put trainable low-rank paths into it, in place; returns how many numbers train.

    Args:
        quantise: nf4: the large matrices become 4 bits first, which the gradient goes through.
        dora: learn magnitudes of rows as well; see `model.adapters.dora`.

    Raises:
        AdapterError: peft is not installed; a rank or targets that cannot play; the network has paths already; dora: a row of the base
            is all zeros, and so has no direction.
        EngineError: nf4 without bitsandbytes.
    """
    if not 1 <= rank <= COLUMNS:
        raise AdapterError(f"rank {rank}: 1 to {COLUMNS} can be played", code="rank")
    if any("lora_" in name for name, _ in model.named_parameters()):
        raise AdapterError("the network has low-rank paths already", code="state")
    names = target_modules(model, targets)
    if dora:
        for name in names:
            if not bool(dense(model.get_submodule(name)).any(dim=1).all()):
                raise AdapterError(f"{name} has rows of zeros, which have no direction for DoRA to keep: train LoRA", code="dora")
    peft = _peft()
    model.requires_grad_(False)
    if quantise == "nf4":
        device = next(model.parameters()).device
        to_nf4(model, compute_dtype=torch.float32 if device.type == "cpu" else torch.bfloat16)
        model.is_loaded_in_4bit = True  # type: ignore[assignment]  # where peft looks for it
    config = peft.LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=names, bias="none", use_dora=dora)
    peft.inject_adapter_in_model(config, model)
    count = 0
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
            count += parameter.numel()
    return count


def describe(model: nn.Module) -> str:
    """Exact counts in a line."""
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    whole = sum(_numel(parameter) for parameter in model.parameters())
    return f"{trained:,} of {whole:,} numbers train ({trained / whole:.2%})"


def _numel(parameter: nn.Parameter) -> int:
    """Numbers of a parameter, packed or not."""
    state = getattr(parameter, "quant_state", None)
    return int(state.shape.numel()) if state is not None else parameter.numel()


def lora_tensors(model: Player | Planner) -> dict[str, Tensor]:
    """What was learned, in the names of the format, float32 on the CPU."""
    out = {}
    for part, layer in _adapted(model):
        a, b = (side[_DEFAULT].weight.detach().float() for side in (layer.lora_A, layer.lora_B))
        if _DEFAULT in layer.lora_magnitude_vector:
            magnitude, scale = layer.lora_magnitude_vector[_DEFAULT].weight, layer.scaling[_DEFAULT]
            b, out[f"{part}.gain"] = fold(layer.get_base_layer(), a, b, magnitude, scale)
        out |= {f"{part}.lora_A": a.cpu().clone().contiguous(), f"{part}.lora_B": b.cpu().clone().contiguous()}
    return out


def _adapted(model: Player | Planner) -> Iterator[tuple[str, Any]]:
    """The layers with paths, by their names in the format."""
    network = network_of(model)
    for name, layer in model.named_modules():
        if hasattr(layer, "lora_A") and hasattr(layer, "get_base_layer"):
            yield f"{network}.{name.removeprefix('transformer.')}", layer


def load_lora(model: Player | Planner, tensors: Mapping[str, Tensor]) -> None:
    """Put what `lora_tensors` gave back into a network with the same paths.

    Raises:
        AdapterError: names or shapes differ.
    """
    network, left = network_of(model), dict(tensors)
    with torch.no_grad():
        for part, layer in _adapted(model):
            places = {"lora_A": layer.lora_A[_DEFAULT].weight, "lora_B": layer.lora_B[_DEFAULT].weight}
            if _DEFAULT in layer.lora_magnitude_vector:
                places["gain"] = layer.lora_magnitude_vector[_DEFAULT].weight
            found = {}
            for side, parameter in places.items():
                tensor = left.pop(f"{part}.{side}", None)
                if tensor is None or tensor.shape != parameter.shape:
                    raise AdapterError(f"{part}.{side} is not in the tensors, or of another shape", code="damaged")
                found[side] = tensor.float()
            if "gain" in found:
                scale = layer.scaling[_DEFAULT]
                found["lora_B"], found["gain"] = unfold(layer.get_base_layer(), found["lora_A"], found["lora_B"], found["gain"], scale)
            for side, parameter in places.items():
                parameter.copy_(found[side])
    if any(name.startswith(f"{network}.") for name in left):
        raise AdapterError(f"the network has no {next(iter(left))}", code="damaged")


@torch.no_grad()
def merge(model: Player | Planner, tensors: Mapping[str, Tensor], scale: float, strength: float = 1.0) -> None:
    """Add `scale` * B A to the plain weights of a network without paths, in place; `scale` is strength * alpha / rank.

    Gains, where there are some, multiply what the weights are by then: an adapter that has them comes first, and there is one only.
    """
    network = network_of(model)
    for name, a in tensors.items():
        part, _, side = name.rpartition(".")
        if side == "lora_A" and part.startswith(f"{network}."):
            layer: Any = model.get_submodule("transformer." + part.removeprefix(f"{network}."))
            b = tensors[f"{part}.lora_B"].to(layer.weight.device, torch.float32)
            gain = tensors.get(f"{part}.gain")
            if gain is not None:
                layer.weight *= (1 + strength * (gain.to(b) - 1))[:, None].to(layer.weight.dtype)
            layer.weight += (scale * b @ a.to(b.device, torch.float32)).to(layer.weight.dtype)
