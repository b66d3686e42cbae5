"""Drawing from logits: temperature, nucleus (Holtzman et al. 2020), and seeded Gumbel noise."""

from __future__ import annotations

import torch
from torch import Tensor


def sample(logits: Tensor, generator: torch.Generator, temperature: float = 1.0, top_p: float = 1.0, top_k: int = 0) -> Tensor:
    """Draw one index a row. Shape: [..., classes] to [...].

    Args:
        logits: unnormalised; rows may hold -inf, but not everywhere.
        temperature: 0 takes the most likely.
        top_p: smallest set of classes whose probability reaches this; at least one class stays.
        top_k: keep only this many classes first (0: all).
    """
    if temperature <= 0:
        return logits.argmax(dim=-1)
    logits = logits / temperature
    if 0 < top_k < logits.shape[-1]:
        values, index = torch.topk(logits, top_k, dim=-1)
    elif top_p < 1.0:
        values, index = torch.sort(logits, dim=-1, descending=True)
    else:
        values, index = logits, None
    if top_p < 1.0:
        ordered = values if index is not None else torch.sort(values, dim=-1, descending=True).values
        probability = torch.softmax(ordered, dim=-1)
        before = probability.cumsum(dim=-1) - probability
        values = ordered.masked_fill(before >= top_p, float("-inf"))
    noise = torch.empty_like(values).exponential_(generator=generator)
    choice = (torch.softmax(values, dim=-1) / noise).argmax(dim=-1)
    if index is None:
        return choice
    return index.gather(-1, choice.unsqueeze(-1)).squeeze(-1)
