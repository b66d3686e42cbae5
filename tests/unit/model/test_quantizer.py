"""The residual quantiser learns from data and degrades level by level."""

from __future__ import annotations

import torch

from model.codec.quantizer import Codebook, ResidualQuantizer


def trained() -> tuple[ResidualQuantizer, torch.Tensor]:
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(4, 64, 8).train()
    data = torch.randn(4, 512, 8) * torch.linspace(0.2, 2.0, 8)
    quantizer.start_from(data.flatten(0, 1))
    for _ in range(10):
        quantizer(data, torch.full((4,), 4))
    return quantizer.eval(), data


def test_each_level_brings_the_result_nearer() -> None:
    quantizer, data = trained()
    codes = quantizer.encode(data)
    errors = [float((quantizer.decode(codes[..., :n]) - data).square().mean()) for n in range(1, 5)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.3 * errors[0]


def test_kept_levels_are_what_the_decoder_sees() -> None:
    quantizer, data = trained()
    quantised, _, used = quantizer(data, torch.tensor([0, 1, 2, 4]))
    codes = quantizer.encode(data)
    torch.testing.assert_close(quantised[0], data[0])
    for item, levels in ((1, 1), (2, 2), (3, 4)):
        torch.testing.assert_close(quantised[item], quantizer.decode(codes[item, :, :levels]))
    assert used.min() > 0.5


def test_gradient_passes_straight_through() -> None:
    quantizer, data = trained()
    data = data.clone().requires_grad_()
    quantised, commitment, _ = quantizer(data, torch.full((4,), 4))
    quantised.sum().backward()
    assert data.grad is not None
    torch.testing.assert_close(data.grad, torch.ones_like(data))
    assert float(commitment) >= 0


def test_dead_codes_come_back() -> None:
    torch.manual_seed(1)
    book = Codebook(32, 4)
    data = torch.randn(256, 4)
    book.start_from(data)
    book.codes[5:] = 100.0
    book.sums.copy_(book.codes * book.counts[:, None])
    for _ in range(400):
        book.follow(data, book.nearest(data))
    assert len(torch.unique(book.nearest(data))) > 24
