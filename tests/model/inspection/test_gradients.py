"""Integrated gradients: complete in both precisions, exact where a closed form exists, honest where it cannot be."""

from __future__ import annotations

import pytest
import torch
from tests.bundle.parity import randomise

from hanlin.base.errors import CheckFailed, InputError
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.inspection.gradients import integrated_gradients, token_score
from hanlin.model.inspection.reading import Reading
from hanlin.model.transformer import assemble, build_model

SIZES = {"vocab_size": 30, "hidden_size": 24, "num_layers": 2, "num_heads": 3, "ffn_size": 32, "max_seq_len": 16}
IDS = torch.tensor([[1, 7, 8, 9, 7, 4]])


def built(family="llama", dtype=torch.float32, **fields):
    config = ModelConfig(**{**FAMILIES[family].preset, **SIZES, **fields})
    return randomise(assemble(config, compute_dtype=dtype).to(dtype).eval())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("baseline", [0, None], ids=["pad", "zero"])
@pytest.mark.parametrize("family", ["llama", "gpt2", "bert"])
def test_the_shares_add_up(family, baseline, dtype):
    model = built(family, dtype)
    found = integrated_gradients(
        model, Reading(IDS), token_score(model, 5, 3, "logit"), baseline=baseline, moves=[IDS[0] != 1], tolerance=1e-4
    )
    whole = found.score - found.base
    assert abs(float(found.tokens.sum()) - whole) == pytest.approx(found.error, abs=1e-12)
    assert found.error <= 1e-4 * max(1, abs(whole))
    assert found.tokens[0] == 0  # it stays in the baseline
    with torch.no_grad():
        assert found.score == pytest.approx(float(model(IDS)[0, 5, 3]), abs=1e-5)


def test_both_precisions_agree_and_so_does_a_fine_sum_of_equal_steps():
    """The textbook's sum of 2000 equal steps, by hand, against the panels."""
    model = built("gpt2", torch.float64)
    score = token_score(model, 5, 3, "logprob")
    wide = integrated_gradients(model, Reading(IDS), score, baseline=0, tolerance=1e-9)
    narrow = built("gpt2")
    single = integrated_gradients(
        narrow, Reading(IDS), token_score(narrow, 5, 3, "logprob"), baseline=0, tolerance=1e-4
    )
    assert torch.allclose(single.tokens, wide.tokens, atol=1e-3)
    assert torch.allclose(by_hand(model, score), wide.tokens, atol=1e-4)


def by_hand(model, score, steps=2000):
    table = model.embeddings.tokens.weight.detach()
    start, end, sums = table[0].expand(6, -1), table[IDS[0]], torch.zeros(6, table.shape[1], dtype=table.dtype)
    for alphas in ((torch.arange(steps) + 0.5) / steps).double().split(200):
        point = (start + alphas[:, None, None] * (end - start)).requires_grad_()
        handle = model.embeddings.tokens.register_forward_hook(lambda *_, point=point: point)
        (slope,) = torch.autograd.grad(score(Reading(IDS).repeated(len(alphas))).sum(), point)
        handle.remove()
        sums += slope.sum(dim=0) / steps
    return (sums * (end - start)).sum(dim=1)


def test_a_score_that_is_linear_takes_one_panel_and_has_a_closed_form():
    model = built(dtype=torch.float64)
    weight = torch.linspace(-1, 1, 24).double()

    def score(reading):
        return (model.embeddings.tokens(reading.tokens) @ weight).sum(dim=1)

    found = integrated_gradients(model, Reading(IDS), score, baseline=None)
    table = model.embeddings.tokens.weight.detach()
    assert torch.allclose(found.tokens, table[IDS[0]] @ weight, atol=1e-12)
    assert found.num_steps == 8


def test_an_encoders_tokens_and_a_decoders_share_one_score():
    model = built("t5")
    source = torch.tensor([[5, 6, 7, 1]])
    reading = Reading(torch.tensor([[0, 8, 9]]), source=source)
    moves = [torch.tensor([True, True, True, False]), torch.tensor([False, True, True])]
    found = integrated_gradients(model, reading, token_score(model, 2, 4, "logit"), baseline=0, moves=moves)
    assert found.tokens.shape == (3,)
    assert found.source.shape == (4,)
    assert found.source[3] == 0
    assert found.source[:3].abs().min() > 0
    assert float(found.tokens.sum() + found.source.sum()) == pytest.approx(found.score - found.base, abs=2e-3)


def test_what_comes_later_adds_nothing_to_a_decoder():
    model = built()
    found = integrated_gradients(model, Reading(IDS), token_score(model, 2, 3, "logit"), baseline=0)
    assert found.tokens[3:].abs().max() == 0
    assert found.tokens[:3].abs().min() > 0


def test_a_jump_on_the_way_is_told_not_hidden(lang):
    """Scores that jump have shares that cannot add up: experts are chosen, not mixed."""
    model = built()
    table = model.embeddings.tokens.weight.detach()
    half = (table[9].sum() * 6 + table[IDS[0]].sum()) / 2

    def jumping(reading):
        sums = model.embeddings.tokens(reading.tokens).sum(dim=(1, 2))
        return sums * 0 + (sums > half)

    with pytest.raises(CheckFailed) as error:
        integrated_gradients(model, Reading(IDS), jumping, baseline=9, max_steps=200)
    assert error.value.code == "E342"
    assert error.value.values["steps"] <= 200


def test_a_score_that_is_no_number_is_refused(lang):
    model = built()
    with torch.no_grad():
        model.embeddings.tokens.weight[7, 0] = torch.inf
    with pytest.raises(InputError) as error:
        integrated_gradients(model, Reading(IDS), token_score(model, 5, 3, "logit"), baseline=0)
    assert error.value.code == "E343"


def test_the_model_is_as_it_was():
    model = build_model(ModelConfig(**SIZES, dropout=0.5), seed=1).train()
    integrated_gradients(model, Reading(IDS), token_score(model, 5, 3, "logit"), baseline=0, tolerance=0.1)
    assert model.training
    assert not model.embeddings.tokens._forward_hooks
    assert all(parameter.grad is None for parameter in model.parameters())
