"""Drawing tokens, against definitions written out in loops, transformers, and frequencies."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hanlin.infer.config import SamplingParams
from hanlin.infer.sampling import Choice, Row, penalise, sample, uniform

GREEDY = SamplingParams(temperature=0)


def row(params: SamplingParams = GREEDY, *, seed: int = 0, ids: tuple[int, ...] = (0,), num_tokens: int = 0) -> Row:
    return Row(params, seed, ids, num_tokens)


def some_logits(rows: int, vocab_size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, vocab_size, generator=torch.Generator().manual_seed(seed)) * 3


def wanted_distribution(logits: list[float], params: SamplingParams) -> list[float]:
    """Temperature, top-k, top-p, min-p as their papers define them, one token at a time."""
    scaled = [x / params.temperature for x in logits]
    order = sorted(range(len(scaled)), key=lambda i: -scaled[i])
    kept = order[: params.top_k] if params.top_k else order
    weights = {i: math.exp(scaled[i] - scaled[order[0]]) for i in kept}
    total, nucleus, mass = sum(weights.values()), [], 0.0
    for i in kept:
        if not nucleus or mass / total < params.top_p:
            nucleus.append(i)
        mass += weights[i]
    nucleus = [i for i in nucleus if weights[i] >= params.min_p * weights[order[0]]]
    total = sum(weights[i] for i in nucleus)
    return [weights[i] / total if i in nucleus else 0.0 for i in range(len(scaled))]


def drawn_distribution(logits: torch.Tensor, params: SamplingParams, points: int = 2000) -> torch.Tensor:
    """How much of [0, 1) leads to each token, found by drawing at evenly spread points: off by one point at most."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hanlin.infer.sampling.uniform", lambda seed, index: (seed + 0.5) / points)
        found = sample(logits.expand(points, -1), [row(params, seed=n) for n in range(points)])
    return torch.bincount(torch.tensor([choice.token_id for choice in found]), minlength=logits.shape[0]) / points


params_of_all_kinds = st.builds(
    SamplingParams,
    temperature=st.floats(0.05, 5),
    top_k=st.sampled_from([0, 1, 2, 7, 40, 1000]),
    top_p=st.sampled_from([0.01, 0.3, 0.9, 0.999, 1.0]),
    min_p=st.sampled_from([0.0, 0.02, 0.5]),
)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.sampled_from([5, 64, 300]), params_of_all_kinds)
def test_tokens_are_drawn_from_the_distribution_defined(seed, vocab_size, params):
    logits = some_logits(1, vocab_size, seed)[0]
    expected = torch.tensor(wanted_distribution(logits.tolist(), params))
    # 1.5 points of rounding; a token on the very edge of the nucleus may fall either way, and is then a tiny one.
    assert (drawn_distribution(logits, params) - expected).abs().max() < 1.5 / 2000 + 1e-5


@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(top_p=0.6),
        SamplingParams(top_p=0.999),
        SamplingParams(top_k=400),
        SamplingParams(top_k=1400),
        SamplingParams(top_k=1400, top_p=0.95, min_p=0.01),
        SamplingParams(temperature=3.0, top_p=0.99),
    ],
)
def test_flat_rows_whose_cut_lies_deep_are_cut_as_exactly(params):
    """What lies above the first floor does not decide here."""
    logits = some_logits(1, 1500)[0] / 10
    expected = torch.tensor(wanted_distribution(logits.tolist(), params))
    assert (expected > 0).sum() > 64
    found = drawn_distribution(logits, params, points=5000)
    assert (found - expected).abs().max() < 1.5 / 5000 + 1e-5


@pytest.mark.peer
@pytest.mark.parametrize("params", [SamplingParams(temperature=0.7, top_k=50, top_p=0.9), SamplingParams(min_p=0.05)])
def test_transformers_draws_from_the_same_distribution(params):
    warpers = pytest.importorskip("transformers.generation.logits_process")
    logits = some_logits(1, 500)
    steps = [warpers.TemperatureLogitsWarper(params.temperature)]
    steps += [warpers.TopKLogitsWarper(params.top_k)] if params.top_k else []
    steps += [warpers.TopPLogitsWarper(params.top_p)] if params.top_p < 1 else []
    steps += [warpers.MinPLogitsWarper(params.min_p)] if params.min_p else []
    scores = logits
    for step in steps:
        scores = step(None, scores)
    assert (drawn_distribution(logits[0], params) - scores[0].softmax(-1)).abs().max() < 1.5 / 2000


@pytest.mark.peer
def test_transformers_penalises_repetition_alike():
    warpers = pytest.importorskip("transformers.generation.logits_process")
    logits, ids = some_logits(2, 50), torch.tensor([[1, 2, 2, 7], [0, 49, 3, 3]])
    wanted = warpers.RepetitionPenaltyLogitsProcessor(1.7)(ids, logits.clone())
    for n, line in enumerate(ids.tolist()):
        found = penalise(logits[n].numpy(), row(SamplingParams(repetition_penalty=1.7), ids=tuple(line)))
        torch.testing.assert_close(torch.from_numpy(found), wanted[n])


def test_penalty_divides_what_is_positive_and_multiplies_what_is_not():
    logits = np.array([2.0, -2.0, 2.0, -2.0], dtype=np.float32)
    found = penalise(logits, row(SamplingParams(repetition_penalty=2), ids=(0, 0, 1)))
    assert found.tolist() == [1.0, -4.0, 2.0, -2.0]
    assert logits.tolist() == [2.0, -2.0, 2.0, -2.0], "the caller's logits stay"


def test_temperature_0_takes_the_most_likely_after_penalties():
    logits = torch.tensor([[1.0, 3.0, 2.0], [1.0, 3.0, 2.0]])
    rows = [row(), row(SamplingParams(temperature=0, repetition_penalty=2), ids=(1,))]
    assert sample(logits, rows) == [Choice(1), Choice(2)]


def test_tokens_come_as_often_as_their_probability_says():
    """Chi-square over 4,000 seeds; 5 degrees of freedom, 20.5 is passed once in a thousand."""
    logits, params = torch.tensor([[0.0, 1.0, 2.0, -1.0, 0.5, 1.5]]), SamplingParams(temperature=1.3)
    expected = 4000 * torch.tensor(wanted_distribution(logits[0].tolist(), params))
    draws = sample(logits.expand(4000, 6), [row(params, seed=seed) for seed in range(4000)])
    counts = torch.bincount(torch.tensor([draw.token_id for draw in draws if draw]), minlength=6)
    assert ((counts - expected) ** 2 / expected).sum() < 20.5


@given(st.integers(0, 50), st.lists(params_of_all_kinds, min_size=2, max_size=6))
def test_a_rows_token_does_not_depend_on_its_neighbours(seed, params):
    logits = some_logits(len(params), 300, seed)
    rows = [row(p, seed=n + seed, num_tokens=n) for n, p in enumerate(params)]
    together = sample(logits, rows)
    assert together == [sample(logits[n : n + 1], rows[n : n + 1])[0] for n in range(len(rows))]
    assert together[::-1] == sample(logits.flip(0), rows[::-1])


def test_points_are_those_of_splitmix64():
    """Outputs for seed 1234567 as published with the reference implementation (Vigna, splitmix64.c)."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert [uniform(1234567, n) for n in range(4)] == [(x >> 11) / 2**53 for x in published]


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**31))
def test_points_lie_in_the_half_open_interval(seed, index):
    assert 0 <= uniform(seed, index) < 1


def test_tokens_of_one_request_use_fresh_points():
    flat = torch.zeros(1, 1000)
    drawn = {sample(flat, [row(SamplingParams(), num_tokens=n)])[0] for n in range(50)}
    assert len(drawn) > 40


@pytest.mark.parametrize("temperature", [5e-324, 1e-30, 1e-6, 100.0])
@pytest.mark.parametrize("cut", [{}, {"top_p": 0.5}])
def test_no_temperature_overflows(temperature, cut):
    logits = torch.tensor([[1e4, -1e4, 9e3]])
    assert sample(logits, [row(SamplingParams(temperature=temperature, **cut))])[0] == Choice(0)


@pytest.mark.parametrize("cut", [{"top_p": 1e-9}, {"top_k": 1}, {"min_p": 1.0}])
def test_the_narrowest_cut_keeps_the_most_likely(cut):
    logits = some_logits(1, 500)
    assert sample(logits, [row(SamplingParams(**cut))])[0] == Choice(int(logits.argmax()))


@pytest.mark.parametrize("point", [0.0, 1 - 2**-53])
@pytest.mark.parametrize("params", [SamplingParams(), SamplingParams(top_k=3), SamplingParams(min_p=1e-9)])
def test_a_point_at_either_end_hits_a_token_with_probability(monkeypatch, point, params):
    monkeypatch.setattr("hanlin.infer.sampling.uniform", lambda seed, index: point)
    logits = torch.full((1, 200), -float("inf"))
    logits[0, [70, 71, 130]] = torch.tensor([1.0, 5.0, 1.0])
    assert sample(logits, [row(params)])[0].token_id in (70, 71, 130)


def test_logprobs_are_the_models_own():
    logits = some_logits(3, 40)
    params = SamplingParams(temperature=0, repetition_penalty=5, logprobs=2)
    rows = [row(params, ids=(int(logits[0].argmax()),)), row(SamplingParams(logprobs=0)), row()]
    found = sample(logits, rows)
    logprobs = logits.log_softmax(-1)
    for n in range(2):
        assert found[n].logprob == pytest.approx(logprobs[n, found[n].token_id].item())
    best = logprobs[0].topk(2)
    assert [i for i, _ in found[0].top] == best.indices.tolist()
    assert [x for _, x in found[0].top] == pytest.approx(best.values.tolist())
    assert found[1].top == ()
    assert (found[2].logprob, found[2].top) == (None, ())


def test_more_alternatives_than_tokens_gives_all_tokens():
    assert len(sample(some_logits(1, 5), [row(SamplingParams(logprobs=20))])[0].top) == 5


@pytest.mark.parametrize("params", [GREEDY, SamplingParams(top_p=0.9, logprobs=1)])
@pytest.mark.parametrize("damage", [float("nan"), float("inf")])
def test_a_row_that_is_not_finite_is_told_and_harms_no_other(params, damage):
    logits = some_logits(3, 30)
    whole = sample(logits, [row(params)] * 3)
    logits[1, 7] = damage
    found = sample(logits, [row(params)] * 3)
    assert found[1] is None
    assert (found[0], found[2]) == (whole[0], whole[2])
