"""Muon in stacks moves every matrix exactly as torch's, which takes one after the other."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hanlin.train import muon
from hanlin.train.muon import Muon, orthogonal

SHAPES = [(24, 24), (24, 24), (64, 24), (24, 64), (24, 24), (16, 80)]


def matrices(seed: int) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def with_gradients(ours: list[nn.Parameter], theirs: list[nn.Parameter], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for mine, other in zip(ours, theirs, strict=True):
        mine.grad = torch.randn(mine.shape, generator=generator)
        other.grad = mine.grad.clone()


@pytest.mark.parametrize("large", [muon.LARGE, 1], ids=["stacked", "alone"])
def test_every_step_is_torchs_to_the_bit(monkeypatch: pytest.MonkeyPatch, large: int) -> None:
    monkeypatch.setattr(muon, "LARGE", large)
    ours, theirs = matrices(1), matrices(1)
    mine = Muon(ours, lr=0.01, weight_decay=0.1, momentum=0.9)
    other = torch.optim.Muon(theirs, lr=0.01, weight_decay=0.1, momentum=0.9, adjust_lr_fn="match_rms_adamw")
    for step in range(4):
        with_gradients(ours, theirs, step)
        mine.step()
        other.step()
    for one, reference, before in zip(ours, theirs, matrices(1), strict=True):
        torch.testing.assert_close(one, reference, rtol=0, atol=0)
        assert not torch.equal(one, before)


def test_singular_values_are_near_one_however_the_matrix_lies() -> None:
    generator = torch.Generator().manual_seed(3)
    made = orthogonal([torch.randn(40, 16, generator=generator), torch.randn(16, 40, generator=generator)])
    assert [tuple(matrix.shape) for matrix in made] == [(40, 16), (16, 40)]
    for matrix in made:
        values = torch.linalg.svdvals(matrix.float())
        assert float(values.min()) > 0.6 and float(values.max()) < 1.3


def test_a_matrix_without_a_gradient_stays_and_a_gradient_of_zeros_only_decays() -> None:
    still, decayed = nn.Parameter(torch.ones(4, 4)), nn.Parameter(torch.ones(4, 4))
    decayed.grad = torch.zeros(4, 4)
    Muon([still, decayed], lr=0.5, weight_decay=0.1, momentum=0.9).step()
    assert torch.equal(still, torch.ones(4, 4))
    torch.testing.assert_close(decayed, torch.full((4, 4), 0.95))
