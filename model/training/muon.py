"""Muon (Jordan et al. 2024) for the matrices inside a network, AdamW for all else, as one optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

ADAM_SCALE = 1.5
"""Rate of what AdamW moves, as a share of Muon's."""


class MuonAdamW(torch.optim.Optimizer):
    """Both over one state, so that it is saved and resumed as one.

    Muon's steps are as long as AdamW's are (Liu et al. 2025, "Muon is Scalable for LLM Training", section 2.2), so that a rate is right for
    both.

    Args:
        matrices: what Muon moves: matrices between activations, neither tables nor the first and the last layer.
        others: what AdamW moves.
        rate: highest learning rate of Muon.
    """

    def __init__(
        self, matrices: Iterable[nn.Parameter], others: Iterable[nn.Parameter], rate: float, betas: tuple[float, float], weight_decay: float
    ) -> None:
        self.muon = torch.optim.Muon(matrices, lr=rate, momentum=0.95, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
        self.adam = torch.optim.AdamW(others, lr=rate, betas=betas, weight_decay=weight_decay)
        for group in self.adam.param_groups:
            group["scale"] = ADAM_SCALE
        self._first = len(self.muon.param_groups)
        super().__init__([*self.muon.param_groups, *self.adam.param_groups], {})
        self._share()

    @classmethod
    def of(
        cls, network: nn.Module, inside: Callable[[str], bool], rate: float, betas: tuple[float, float], weight_decay: float
    ) -> MuonAdamW:
        """For all that is trained in a network; Muon moves the matrices whose names are `inside`."""
        named = [(name, weight) for name, weight in network.named_parameters() if weight.requires_grad]
        matrices = [weight for name, weight in named if weight.ndim == 2 and inside(name)]
        others = [weight for name, weight in named if weight.ndim != 2 or not inside(name)]
        return cls(matrices, others, rate, betas, weight_decay)

    def _share(self) -> None:
        self.muon.state = self.adam.state = self.state
        self.muon.param_groups, self.adam.param_groups = self.param_groups[: self._first], self.param_groups[self._first :]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See `torch.optim.Optimizer`."""
        super().load_state_dict(state_dict)
        self._share()

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of both."""
        loss = None if closure is None else closure()
        self.muon.step()  # type: ignore[no-untyped-call]
        self.adam.step()
        return loss
