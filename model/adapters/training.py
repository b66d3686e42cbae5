"""LoRA by peft over planner and player: what trains, and how it comes into the format of an adapter.

Whatever the base is held in, float32, bf16 or NF4 (QLoRA: Dettmers et al. 2023), what is learned is plain A and B.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn

from jamd.contract.errors import AdapterError
from model.generator.planner import Planner
from model.generator.player import Player
from model.layers.lowrank import COLUMNS
from model.layers.nf4 import to_nf4

TARGETS: Final = ("qkv", "out", "up", "down")
_PLACE = re.compile(r"transformer\.(blocks|cross)\.(\d+)\.(qkv|out|up|down|query)")


def _peft() -> Any:
    try:
        return importlib.import_module("peft")
    except ImportError as error:
        raise AdapterError(f"learning needs peft, which the extra `learn` brings: {error}", code="install") from error


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
        dora: refused: the magnitudes of DoRA scale whole rows of the base, which no path of low rank can do.

    Raises:
        AdapterError: peft is not installed; a rank or targets that cannot play; DoRA; the network has paths already.
        EngineError: nf4 without bitsandbytes.
    """
    if dora:
        raise AdapterError(
            "DoRA cannot be played: its magnitudes scale whole rows of the base, which is no change of low rank; train LoRA", code="dora"
        )
    if not 1 <= rank <= COLUMNS:
        raise AdapterError(f"rank {rank}: 1 to {COLUMNS} can be played", code="rank")
    if any("lora_" in name for name, _ in model.named_parameters()):
        raise AdapterError("the network has low-rank paths already", code="state")
    names = target_modules(model, targets)
    peft = _peft()
    model.requires_grad_(False)
    if quantise == "nf4":
        device = next(model.parameters()).device
        to_nf4(model, compute_dtype=torch.float32 if device.type == "cpu" else torch.bfloat16)
        model.is_loaded_in_4bit = True  # type: ignore[assignment]  # where peft looks for it
    config = peft.LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=names, bias="none")
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
    network, out = network_of(model), {}
    for name, parameter in model.named_parameters():
        part, found, rest = name.partition(".lora_")
        if found:
            out[f"{network}.{part.removeprefix('transformer.')}.lora_{rest[0]}"] = parameter.detach().float().cpu().clone().contiguous()
    return out


def load_lora(model: Player | Planner, tensors: Mapping[str, Tensor]) -> None:
    """Put what `lora_tensors` gave back into a network with the same paths.

    Raises:
        AdapterError: names or shapes differ.
    """
    network, left = network_of(model), dict(tensors)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            part, found, rest = name.partition(".lora_")
            if found:
                tensor = left.pop(f"{network}.{part.removeprefix('transformer.')}.lora_{rest[0]}", None)
                if tensor is None or tensor.shape != parameter.shape:
                    raise AdapterError(f"{name} is not in the tensors, or of another shape", code="damaged")
                parameter.copy_(tensor)
    if any(name.startswith(f"{network}.") for name in left):
        raise AdapterError(f"the network has no {next(iter(left))}", code="damaged")


@torch.no_grad()
def merge(model: Player | Planner, tensors: Mapping[str, Tensor], scale: float) -> None:
    """Add `scale` * B A to the plain weights of a network without paths, in place; `scale` is strength * alpha / rank."""
    network = network_of(model)
    for name, a in tensors.items():
        part, _, side = name.rpartition(".")
        if side == "lora_A" and part.startswith(f"{network}."):
            layer: Any = model.get_submodule("transformer." + part.removeprefix(f"{network}."))
            b = tensors[f"{part}.lora_B"].to(layer.weight.device, torch.float32)
            layer.weight += (scale * b @ a.to(b.device, torch.float32)).to(layer.weight.dtype)
