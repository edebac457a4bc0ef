"""The language modelling loss against the house's, torch's and a closed form; what is predicted where."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from tests.course.test_attention import draw
from torch import nn

from hanlin.base.errors import InputError
from hanlin.course import LanguageModelingLoss, mask_tokens, next_tokens
from hanlin.model.heads import LmHead, lm_loss

V = 11


def test_it_is_torchs_cross_entropy_and_the_houses_loss():
    hidden, targets = draw(2, 5, 6), torch.tensor([[1, 2, -100, 10, 0], [-100, 3, 3, -100, 9]])
    head = LmHead(nn.Parameter(draw(V, 6)))
    loss = LanguageModelingLoss(V)(head(hidden), targets)
    nats, num_tokens = lm_loss(hidden, head, targets)
    assert num_tokens == 7
    torch.testing.assert_close(loss, nats / num_tokens, rtol=0, atol=1e-6)
    expected = F.cross_entropy(head(hidden).view(-1, V), targets.view(-1), ignore_index=-100)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-6)


def test_knowing_nothing_costs_the_logarithm_of_the_vocabulary():
    loss = LanguageModelingLoss(V)(torch.zeros(1, 4, V), torch.tensor([[0, 5, 10, -100]]))
    assert loss.item() == pytest.approx(math.log(V), abs=1e-6)


def test_nothing_to_predict_costs_nothing():
    """The mean over no targets is NaN in torch, and one such batch would have ended a training."""
    logits = torch.zeros(1, 2, V, requires_grad=True)
    loss = LanguageModelingLoss(V)(logits, torch.full((1, 2), -100))
    loss.backward()
    assert loss.item() == 0.0
    assert not logits.grad.any()


@pytest.mark.parametrize(("logits", "targets"), [((1, 4, V + 1), (1, 4)), ((1, 3, V), (1, 4)), ((4, V), (1, 4))])
def test_logits_and_targets_must_belong_together(lang, logits, targets):
    with pytest.raises(InputError) as caught:
        LanguageModelingLoss(V)(torch.zeros(logits), torch.zeros(targets, dtype=torch.int64))
    assert caught.value.code == "E836"


@pytest.mark.parametrize("target", [V, -1, 400])
def test_a_target_outside_the_vocabulary_is_named(lang, target):
    with pytest.raises(InputError, match=str(target)) as caught:
        LanguageModelingLoss(V)(torch.zeros(1, 2, V), torch.tensor([[1, target]]))
    assert caught.value.code == "E837"


def test_the_causal_objective_wants_the_token_behind():
    ids = torch.tensor([[5, 6, 7, 8], [5, 6, 0, 0]])
    assert next_tokens(ids).tolist() == [[6, 7, 8, -100], [6, 0, 0, -100]]
    real = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    assert next_tokens(ids, real).tolist() == [[6, 7, 8, -100], [6, -100, -100, -100]]


def test_of_fifteen_in_a_hundred_eighty_are_masked_ten_replaced_ten_left():
    ids = torch.randint(5, 1000, (200, 500), generator=torch.Generator().manual_seed(1))
    ids[:, 0], ids[:, -1] = 2, 3
    inputs, targets = mask_tokens(
        ids, mask_id=4, vocab_size=1000, special_ids=(2, 3), generator=torch.Generator().manual_seed(0)
    )
    chosen = targets != -100
    assert not chosen[:, [0, -1]].any()
    assert torch.equal(targets[chosen], ids[chosen])
    assert torch.equal(inputs[~chosen], ids[~chosen])
    num_chosen = int(chosen.sum())
    assert num_chosen / ids.numel() == pytest.approx(0.15, abs=0.005)
    masked, same = int((inputs[chosen] == 4).sum()), int((inputs[chosen] == ids[chosen]).sum())
    assert masked / num_chosen == pytest.approx(0.8, abs=0.01)
    assert same / num_chosen == pytest.approx(0.1, abs=0.01)
