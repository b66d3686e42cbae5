"""How an adapter is learnt, as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from jamd.contract.errors import UsageError
from model.layers.lowrank import COLUMNS

NETWORKS: Final = ("player", "planner")
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "attention": ("qkv", "out"),
    "feed-forward": ("up", "down"),
    "both": ("qkv", "out", "up", "down"),
}
"""Names for sets of matrices. Attention is query, key, value and the way out."""


@dataclass(frozen=True)
class Recipe:
    """LoRA (Hu et al. 2021) or DoRA (Liu et al. 2024) over a base in 4 bits (QLoRA, Dettmers et al. 2023), as PersonalJazz trains it.

    Raises:
        UsageError: a value that cannot be learnt with.
    """

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.1
    dora: bool = False
    """Learn magnitudes of rows as well."""
    targets: str = "attention"
    """One of GROUPS."""
    networks: tuple[str, ...] = NETWORKS
    precision: Literal["nf4", "bf16", "float32"] = "nf4"
    """In which the base is held while its adapter is learnt."""
    full: bool = False
    """Every number trains, not low-rank paths: for comparison, and no adapter comes of it."""
    rate: float = 1e-3
    """Highest learning rate, of the paths; `full` takes a twentieth."""
    weight_decay: float = 0.01
    warm_up: float = 0.05
    """Share of the steps in which the rate rises."""
    batch: int = 4
    """Crops in one step."""
    accumulate: int = 2
    """Parts that a step's batch is cut into, so that less memory is needed."""
    checkpointing: bool = False
    """Compute activations again on the way back instead of keeping them."""
    rounds: float = 64.0
    """Times that all playing is gone through, at most."""
    patience: int = 4
    """Looks at held-out playing without gain after which it ends."""
    replay: float = 0.25
    """Share of the crops that is the base's own playing, against forgetting."""
    minutes: float = 20.0
    """Of training, at most."""
    seed: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.rank <= COLUMNS:
            raise UsageError(f"rank {self.rank}: 1 to {COLUMNS} can be played")
        if self.targets not in GROUPS:
            raise UsageError(f"targets are {', '.join(GROUPS)}, not {self.targets!r}")
        if not self.networks or not set(self.networks) <= set(NETWORKS):
            raise UsageError(f"networks are {', '.join(NETWORKS)}, not {', '.join(self.networks) or 'none'}")
        if self.full and self.dora:
            raise UsageError("a full fine-tuning has no low-rank paths for DoRA")
        if self.batch % self.accumulate:
            raise UsageError(f"a batch of {self.batch} cannot be cut into {self.accumulate} equal parts")

    @property
    def modules(self) -> tuple[str, ...]:
        """Targets as `model.adapters.training` calls them."""
        return GROUPS[self.targets]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        return {**asdict(self), "networks": "+".join(self.networks)}
