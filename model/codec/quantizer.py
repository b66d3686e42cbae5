"""Residual vector quantisation with codebooks kept by moving averages.

Codebooks start from data (k-means++ style sampling), follow their members by EMA (van den Oord et al. 2017, appendix A.1) and dead
codes are restarted from the batch (Dhariwal et al. 2020). Gradients pass straight through. Levels beyond a random
number are dropped in training (Zeghidour et al. 2021), so that any prefix of the levels decodes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Codebook(nn.Module):
    """One level. Shape: vectors [n, latent], codes [n]."""

    codes: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self, size: int, latent: int, decay: float = 0.99) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("codes", torch.zeros(size, latent))
        self.register_buffer("counts", torch.zeros(size), persistent=False)
        self.register_buffer("sums", torch.zeros(size, latent), persistent=False)

    def nearest(self, x: Tensor) -> Tensor:
        """Index of the nearest code. Shape: [..., latent] to [...]."""
        score = x @ self.codes.T - 0.5 * self.codes.square().sum(dim=-1)
        return score.argmax(dim=-1)

    @torch.no_grad()
    def start_from(self, x: Tensor, iterations: int = 6) -> None:
        """Lloyd's k-means from randomly drawn members. Shape: x [n, latent]."""
        size = self.codes.shape[0]
        self.codes.copy_(x[torch.randint(len(x), (size,))] + 1e-4 * torch.randn_like(self.codes))
        for _ in range(iterations):
            index = self.nearest(x)
            counts = torch.bincount(index, minlength=size).to(x.dtype)
            sums = torch.zeros_like(self.codes).index_add_(0, index, x)
            alive = counts > 0
            self.codes[alive] = sums[alive] / counts[alive, None]
            dead = int((~alive).sum())
            self.codes[~alive] = x[torch.randint(len(x), (dead,))]
        self.counts.fill_(len(x) / size)
        self.sums.copy_(self.codes * self.counts[:, None])

    @torch.no_grad()
    def follow(self, x: Tensor, index: Tensor, threshold: float = 0.1) -> None:
        """One EMA update, and restart of codes whose share is under `threshold` of the even share."""
        size = self.codes.shape[0]
        if not bool(self.counts.any()):  # codes came from a file
            self.counts.fill_(len(x) / size)
            self.sums.copy_(self.codes * self.counts[:, None])
        counts = torch.bincount(index, minlength=size).to(x.dtype)
        sums = torch.zeros_like(self.codes).index_add_(0, index, x)
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        dead = self.counts < threshold * len(x) / size
        n = int(dead.sum())
        if n:
            fresh = x[torch.randint(len(x), (n,))]
            self.counts[dead] = len(x) / size
            self.sums[dead] = fresh * (len(x) / size)
        self.codes.copy_(self.sums / self.counts[:, None])


class ResidualQuantizer(nn.Module):
    """Levels of `Codebook` on what the levels before left over.

    Shape: latents [batch, steps, latent], codes [batch, steps, levels].
    """

    def __init__(self, levels: int, size: int, latent: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList(Codebook(size, latent) for _ in range(levels))

    def books(self) -> list[Codebook]:
        return list(self.levels)  # type: ignore[arg-type]

    @torch.no_grad()
    def start_from(self, latents: Tensor) -> None:
        """Start every level's codebook from data, many times as many vectors as codes. Shape: [n, latent]."""
        rest = latents
        for book in self.books():
            book.start_from(rest)
            rest = rest - F.embedding(book.nearest(rest), book.codes)

    def encode(self, latents: Tensor, levels: int | None = None) -> Tensor:
        """Codes of the first `levels` levels."""
        residual = latents
        codes = []
        for book in self.books()[:levels]:
            index = book.nearest(residual)
            codes.append(index)
            residual = residual - F.embedding(index, book.codes)
        return torch.stack(codes, dim=-1)

    def decode(self, codes: Tensor) -> Tensor:
        """Sum of the codes' vectors; fewer levels than there are books are fine."""
        total = F.embedding(codes[..., 0], self.books()[0].codes)
        for level in range(1, codes.shape[-1]):
            total = total + F.embedding(codes[..., level], self.books()[level].codes)
        return total

    @torch.no_grad()
    def partial(self, latents: Tensor, keep: Tensor) -> Tensor:
        """Quantised latents with `keep` [batch] levels an item; 0 passes the item. Shape: [batch, steps, latent] to the same."""
        residual, total = latents, torch.zeros_like(latents)
        for level, book in enumerate(self.books()):
            vector = F.embedding(book.nearest(residual), book.codes)
            residual = residual - vector
            total = total + vector * (keep > level)[:, None, None]
        return torch.where((keep == 0)[:, None, None], latents, total)

    def forward(self, latents: Tensor, keep: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Training pass.

        Args:
            latents: [batch, steps, latent].
            keep: [batch] number of levels each item keeps; 0 passes the item unquantised.

        Returns: quantised latents (straight-through), commitment loss, used share of each level's codes [levels].
        """
        flat = latents.reshape(-1, latents.shape[-1])
        keep_flat = keep.repeat_interleave(latents.shape[1])
        with torch.no_grad():
            residual = flat.detach().float()
            total = torch.zeros_like(residual)
            used = []
            for level, book in enumerate(self.books()):
                index = book.nearest(residual)
                vector = F.embedding(index, book.codes)
                if self.training:
                    book.follow(residual, index)
                used.append(torch.bincount(index, minlength=book.codes.shape[0]).gt(0).float().mean())
                residual = residual - vector
                total = total + vector * (keep_flat > level)[:, None]
            total = torch.where((keep_flat == 0)[:, None], flat.detach().float(), total)
        commitment = (flat - total).square().mean()
        quantised = flat + (total - flat).detach()
        return quantised.reshape_as(latents), commitment, torch.stack(used)
