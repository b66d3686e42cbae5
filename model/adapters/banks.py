"""The two banks of low-rank columns of planner and player, behind one interface for compiled kernels and PyTorch.

Everything here is allocated once. A staged adapter has the banks' own layout, so that bringing it in is a copy for each kind of matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.adapters.format import Adapter
from model.codec.tones import widened
from model.generator.models import Models
from model.layers.compiled import BlockWeights
from model.layers.lowrank import LowRank, torch_paths
from model.layers.transformer import Transformer

Floats = NDArray[np.float32]


class Staged(NamedTuple):
    """One kind of matrix of one adapter in a bank's layout; layers that it leaves alone are zeros."""

    down: Any
    """Shape: [layers, rank, inputs]."""
    up: Any
    """Shape: [layers, rank, outputs]."""
    covers: Floats
    """1 where a layer is changed. Shape: [layers, 1]."""
    gain: Floats | None = None
    """What is added to the gains of rows. Shape: [layers, outputs]."""


class Banks:
    """The banks of one network.

    Args:
        transformer: whose matrices they stand beside.
        blocks: of the compiled kernels; None where PyTorch plays, whose layers are hooked here.
    """

    def __init__(self, network: str, transformer: Transformer, blocks: BlockWeights | None) -> None:
        self.network = network
        self.packed = packed = None if blocks is None else blocks.low
        self.paths = torch_paths(transformer) if packed is None else None
        self.kinds: dict[str, LowRank] = packed.views(transformer) if packed is not None else self.paths.low  # type: ignore[union-attr]
        self.kinds = {kind: low for kind, low in self.kinds.items() if len(low.down)}
        self._places = {"blocks": [*range(len(transformer.blocks))], "cross": [int(index) for index in transformer.cross]}
        self._covers = {kind: np.zeros(low.scales.shape, np.float32) for kind, low in self.kinds.items()}
        self._scales = {kind: np.zeros(low.scales.shape, np.float32) for kind, low in self.kinds.items()}
        self._sources = {kind: torch.from_numpy(array) for kind, array in self._scales.items()}
        gains = blocks.gains() if blocks is not None else self.paths.gains  # type: ignore[union-attr]
        self._gains = {kind: gains[kind] for kind in self.kinds}
        self._held: list[dict[int, dict[str, Floats]]] = [{}, {}]
        """What adapters in each bank add to gains, by their first column."""
        self._total, self._part = ({kind: np.zeros_like(gain.rest) for kind, gain in self._gains.items()} for _ in range(2))
        for kind, gain in self._gains.items():
            np.copyto(self._total[kind], gain.rest)
            self._publish(kind)

    def _array(self, like: Any, *shape: int) -> Any:
        return torch.zeros(shape, dtype=like.dtype, device=like.device) if isinstance(like, Tensor) else np.zeros(shape, np.float32)

    def stage(self, adapter: Adapter) -> dict[str, Staged]:
        """What an adapter brings to this network; kinds of matrix that it leaves alone are not there."""
        rank, out = adapter.manifest.rank, {}
        for kind, low in self.kinds.items():
            group, name = ("cross", kind.removeprefix("cross_")) if kind.startswith("cross_") else ("blocks", kind)
            names = [f"{self.network}.{group}.{place}.{name}" for place in self._places[group]]
            covers = np.array([[f"{part}.lora_A" in adapter.tensors] for part in names], np.float32)
            if not covers.any():
                continue
            down = self._array(low.down, len(names), rank, low.down.shape[-1])
            up = self._array(low.up, len(names), rank, low.up.shape[-1])
            for index, part in enumerate(names):
                if covers[index]:
                    a, b = adapter.tensors[f"{part}.lora_A"], adapter.tensors[f"{part}.lora_B"].T
                    down[index] = a if isinstance(down, Tensor) else a.float().numpy()
                    up[index] = b if isinstance(up, Tensor) else b.float().numpy()
            gains = [adapter.tensors.get(f"{part}.gain") for part in names]
            gain = None
            if any(one is not None for one in gains):
                gain = np.stack([np.zeros(up.shape[-1], np.float32) if one is None else one.float().numpy() - 1 for one in gains])
            out[kind] = Staged(down, up, covers, gain)
        return out

    def write(self, bank: int, first: int, rank: int, staged: dict[str, Staged]) -> None:
        """Copy an adapter into columns of a bank that does not sound."""
        last = first + rank
        if first == 0:
            self._held[bank] = {}
        gains = {kind: part.gain for kind, part in staged.items() if part.gain is not None}
        if gains:
            self._held[bank][first] = gains
        for kind, low in self.kinds.items():
            part = staged.get(kind)
            self._covers[kind][:, bank, first:last] = 0.0 if part is None else part.covers
            if part is not None:
                low.down[:, bank, first:last] = part.down
                low.up[:, bank, first:last] = part.up

    def set_scales(self, strengths: Floats, scales: Floats, used: NDArray[np.int64]) -> None:
        """Shapes: strengths and scales (strength * alpha / rank) [BANKS, COLUMNS], used [BANKS]."""
        if any(self._held):
            self._set_gains(strengths)
        for kind, low in self.kinds.items():
            np.multiply(scales, self._covers[kind], out=self._scales[kind])
            if self.packed is None:
                low.scales.copy_(self._sources[kind])
            else:
                low.scales[:] = self._scales[kind]
        if self.packed is not None:
            self.packed.used[:] = used
        else:
            self.paths.on = bool(used.any())  # type: ignore[union-attr]

    def _set_gains(self, strengths: Floats) -> None:
        """Each row's is 1 + sum over adapters of strength * (gain - 1): exactly 1 where nothing sounds."""
        for kind, gain in self._gains.items():
            total, part = self._total[kind], self._part[kind]
            total.fill(1.0)
            for bank, held in enumerate(self._held):
                for first, gains in held.items():
                    if kind in gains and strengths[bank, first]:
                        total += np.multiply(gains[kind], strengths[bank, first], out=part)
            total *= gain.rest
            self._publish(kind)

    def _publish(self, kind: str) -> None:
        live, total = self._gains[kind].live, self._total[kind]
        if isinstance(live, Tensor):
            live.copy_(torch.from_numpy(total))
        else:
            live[:] = total


class Colours:
    """What adapters add to the gains of the tones, behind the same interface: each has one vector, kept at its first column.

    Args:
        places: vectors that the music reads, compiled kernels' or PyTorch's, written in place.
        bands: of the tones.
    """

    def __init__(self, places: list[Any], bands: int) -> None:
        self.places, self.bands = places, bands
        self._held: list[dict[int, Floats]] = [{}, {}]

    def stage(self, adapter: Adapter) -> dict[str, Staged]:
        """An adapter's colour."""
        if adapter.colour is None or not self.places:
            return {}
        return {"colour": Staged(widened(adapter.colour.float(), self.bands).numpy(), np.zeros(0, np.float32), np.ones((1, 1), np.float32))}

    def write(self, bank: int, first: int, rank: int, staged: dict[str, Staged]) -> None:
        """Take an adapter into a bank that does not sound; the first one makes it anew."""
        held = {} if first == 0 else self._held[bank]
        if staged:
            held[first] = staged["colour"].down
        self._held[bank] = held

    def set_scales(self, strengths: Floats, scales: Floats, used: NDArray[np.int64]) -> None:
        """Shapes: strengths and scales [BANKS, COLUMNS], used [BANKS]."""
        for place in self.places:
            total = np.zeros(len(place), np.float32)
            for bank, held in enumerate(self._held):
                for first, vector in held.items():
                    total += strengths[bank, first] * vector
            if isinstance(place, Tensor):
                place.copy_(torch.from_numpy(total))
            else:
                place[:] = total


def banks_of(models: Models) -> list[Banks | Colours]:
    """Of player, planner and tones, as they play. On CUDA idle frames are made ready for them."""
    player = Banks("player", models.player.transformer, None if models.compiled is None else models.compiled[0].blocks)
    planner = Banks("planner", models.planner.transformer, None if models.compiled_planner is None else models.compiled_planner.blocks)
    for frame in models.frames:
        frame.capture_adapted()
    places: list[Any] = [] if models.tones is None else [models.tones.colour]
    places += [] if models.compiled_tones is None else [models.compiled_tones.colour]
    return [player, planner, Colours(places, 0 if models.tones is None else models.tones.config.bands)]


def bytes_of(staged: list[dict[str, Staged]]) -> int:
    """Memory of a staged adapter."""

    def each() -> Iterator[Staged]:
        for kinds in staged:
            yield from kinds.values()

    return sum(part.down.nbytes + part.up.nbytes + (0 if part.gain is None else part.gain.nbytes) for part in each())
