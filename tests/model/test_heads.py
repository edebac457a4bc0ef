"""The chunked loss against cross_entropy, value and gradient."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from hanlin.model.heads import CappedHead, LmHead, NormalisedHead, lm_loss, token_scores


def make(rows=2, length=9, width=8, vocab=23, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(rows, length, width, dtype=dtype, generator=generator).requires_grad_()
    head = LmHead(nn.Parameter(torch.randn(vocab, width, dtype=dtype, generator=generator)))
    targets = torch.randint(0, vocab, (rows, length), generator=generator)
    targets[0, ::3] = -100
    return hidden, head, targets


def reference(hidden, head, targets):
    return F.cross_entropy(head(hidden).flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="sum")


@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 1000))
def test_value_and_gradients_equal_cross_entropy_for_any_chunk(chunk, length, seed):
    hidden, head, targets = make(length=length, seed=seed)
    nats, count = lm_loss(hidden, head, targets, chunk=chunk)
    found = torch.autograd.grad(nats * 0.7, (hidden, head.weight))
    expected = reference(hidden, head, targets)
    wanted = torch.autograd.grad(expected * 0.7, (hidden, head.weight))
    assert count == int((targets != -100).sum())
    torch.testing.assert_close(nats, expected)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", [LmHead, NormalisedHead, partial(CappedHead, cap=1.5)])
def test_every_kind_of_head_has_its_loss_and_gradients(kind, bias):
    hidden, plain, targets = make()
    head = kind(plain.weight, bias=bias)
    parameters = [hidden, head.weight]
    if bias:
        head.bias = nn.Parameter(torch.randn(23, dtype=torch.float64))
        parameters.append(head.bias)
    nats, _ = lm_loss(hidden, head, targets, chunk=4)
    expected = reference(hidden, head, targets)
    torch.testing.assert_close(nats, expected)
    for one, other in zip(
        torch.autograd.grad(nats, parameters), torch.autograd.grad(expected, parameters), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_a_capped_score_stays_below_its_cap_and_a_normalised_one_forgets_lengths():
    hidden, plain, _ = make()
    assert CappedHead(plain.weight, cap=0.5)(hidden).abs().max() <= 0.5
    louder = NormalisedHead(nn.Parameter(plain.weight.detach() * 7))
    torch.testing.assert_close(louder(hidden), NormalisedHead(plain.weight)(hidden))


def test_gradients_pass_gradcheck():
    hidden, head, targets = make(length=4, width=3, vocab=5)
    assert torch.autograd.gradcheck(
        lambda h, w: lm_loss(
            h, SimpleNamespace(prepare=lambda x: x, table=lambda: w, bias=None, cap=0.0), targets, chunk=3
        )[0],
        (hidden, head.weight),
    )


def test_no_target_at_all_is_zero_nats_and_zero_tokens():
    hidden, head, targets = make()
    nats, count = lm_loss(hidden, head, torch.full_like(targets, -100))
    nats.backward()
    assert (nats.item(), count) == (0.0, 0)
    assert hidden.grad is not None
    assert not hidden.grad.any()


def test_another_ignored_id_can_be_named():
    hidden, head, targets = make()
    targets = torch.where(targets == -100, 7, targets)
    nats, count = lm_loss(hidden, head, targets, ignore=7)
    expected = F.cross_entropy(head(hidden).flatten(0, 1), targets.flatten(), ignore_index=7, reduction="sum")
    assert count == int((targets != 7).sum())
    torch.testing.assert_close(nats, expected)


def test_nothing_is_prepared_for_a_backward_pass_that_cannot_come():
    hidden, head, targets = make()
    with torch.no_grad():
        nats, _ = lm_loss(hidden, head, targets)
    assert not nats.requires_grad
    torch.testing.assert_close(nats, reference(hidden, head, targets).detach())


def test_a_frozen_head_still_passes_gradients_to_the_stream():
    hidden, head, targets = make()
    head.weight.requires_grad_(False)
    lm_loss(hidden, head, targets)[0].backward()
    assert head.weight.grad is None
    torch.testing.assert_close(hidden.grad, torch.autograd.grad(reference(hidden, head, targets), hidden)[0])


def test_bfloat16_logits_are_summed_in_float32():
    hidden, head, targets = make(rows=4, length=64, width=32, vocab=200, dtype=torch.float32)
    exact = reference(hidden, head, targets).item()
    nats, _ = lm_loss(hidden.bfloat16(), head, targets)
    assert nats.dtype == torch.float32
    assert nats.item() == pytest.approx(exact, rel=5e-3)


@pytest.mark.parametrize("shift", [0.0, 80.0, -80.0])
def test_large_logits_neither_overflow_nor_vanish(shift):
    hidden, head, targets = make(dtype=torch.float32)
    hidden = (hidden * 50 + shift).detach().requires_grad_()
    nats, _ = lm_loss(hidden, head, targets)
    assert torch.isfinite(nats)
    torch.testing.assert_close(nats, reference(hidden, head, targets), rtol=1e-4, atol=1e-2)


def test_scores_of_tokens_equal_log_softmax():
    hidden, head, targets = make(dtype=torch.float32)
    scores = token_scores(hidden, head, targets, chunk=4)
    logprobs = head(hidden).log_softmax(dim=-1)
    kept = targets != -100
    expected = logprobs.gather(2, targets.clamp(min=0)[..., None]).squeeze(2)
    torch.testing.assert_close(scores.logprobs[kept], expected[kept].detach())
    assert torch.equal(scores.correct, (logprobs.argmax(dim=-1) == targets) & kept)
    assert torch.equal(scores.scored, kept)
    assert not scores.logprobs[~kept].any()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_logits_widened_a_few_rows_at_a_time_cost_the_same(monkeypatch, dtype):
    monkeypatch.setattr("hanlin.model.kernels.usable", lambda *tensors: False)
    hidden, head, targets = make(dtype=dtype)
    found = []
    for widened in (1, 46, 2**19):  # one row of 23, two, all
        monkeypatch.setattr("hanlin.model.heads.WIDE_LOGITS", widened)
        nats, _ = lm_loss(hidden, head, targets)
        found.append((nats, *torch.autograd.grad(nats, (hidden, head.weight))))
    for few in found[:2]:
        for one, other in zip(few, found[2], strict=True):
            torch.testing.assert_close(one, other, rtol=1e-6, atol=0)
