"""Objectives against plain cross-entropy."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from hanlin.data.batches import TokenBatch
from hanlin.data.sources import IGNORE
from hanlin.train.objectives import CausalLM, SupervisedFinetune

from .conftest import tiny_model


def batch(learned: float = 1.0) -> TokenBatch:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(16, (3, 12), generator=generator)
    targets = torch.randint(16, (3, 12), generator=generator)
    targets[torch.rand(targets.shape, generator=generator) > learned] = IGNORE
    segments = torch.ones_like(tokens)
    segments[:, 7:] = 2
    segments[2, 9:] = 0
    targets[segments == 0] = IGNORE
    return TokenBatch(tokens, targets, segments)


def test_the_loss_is_cross_entropy_summed() -> None:
    model, given = tiny_model(), batch()
    loss = CausalLM().loss(model, given)
    logits = model(given.tokens, segments=given.segments).flatten(0, 1)
    expected = F.cross_entropy(logits, given.targets.flatten(), ignore_index=IGNORE, reduction="sum")
    torch.testing.assert_close(loss.value, expected, atol=1e-4, rtol=1e-5)
    assert loss.num_tokens == given.num_targets == 33


def test_an_untrained_model_knows_nothing() -> None:
    loss = CausalLM().loss(tiny_model(), batch())
    assert abs(loss.value.item() / loss.num_tokens - math.log(16)) < 0.05


def test_fine_tuning_learns_only_what_is_marked() -> None:
    model, given = tiny_model(), batch(learned=0.3)
    loss = SupervisedFinetune().loss(model, given)
    assert loss.num_tokens == given.num_targets < given.num_positions
    assert loss.metrics["answer_share"] == loss.num_tokens / 33
    changed = TokenBatch(given.tokens, torch.where(given.targets == IGNORE, IGNORE, given.targets), given.segments)
    assert SupervisedFinetune().loss(model, changed).value.item() == loss.value.item()


def test_a_batch_without_targets_costs_nothing() -> None:
    given = batch()
    silent = TokenBatch(given.tokens, torch.full_like(given.targets, IGNORE), given.segments)
    loss = SupervisedFinetune().loss(tiny_model(), silent)
    assert (loss.value.item(), loss.num_tokens) == (0.0, 0)
