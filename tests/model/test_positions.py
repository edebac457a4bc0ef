"""Rotary, learned and sinusoidal positions against their formulas."""

from __future__ import annotations

import cmath
import math

import pytest
import torch

from hanlin.model.positions import LearnedPositions, Rotary, SinusoidalPositions, rotate
from hanlin.model.rope import rope_steps

PLACES = torch.tensor([[0, 1, 2, 7], [3, 3, 60, 63]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_each_pair_turns_as_a_complex_number(dtype):
    rotary = Rotary(steps=rope_steps(8, 100.0), max_seq_len=64)
    x = torch.randn(2, 4, 3, 8, dtype=dtype)
    turned = rotate(x, rotary(PLACES, dtype))
    for row, token, head, i in ((0, 1, 0, 0), (0, 3, 2, 1), (1, 2, 1, 3), (1, 3, 0, 2)):
        pair = complex(x[row, token, head, i], x[row, token, head, i + 4])
        expected = pair * cmath.exp(1j * int(PLACES[row, token]) * 100.0 ** (-2 * i / 8))
        found = complex(turned[row, token, head, i], turned[row, token, head, i + 4])
        assert abs(found - expected) < 2e-5


def test_scores_depend_on_distance_alone():
    rotary = Rotary(steps=rope_steps(16, 10000.0), max_seq_len=512)
    q, k = torch.randn(1, 1, 1, 16), torch.randn(1, 1, 1, 16)

    def score(place_q, place_k):
        turned = [rotate(x, rotary(torch.tensor([[p]]), torch.float32)) for x, p in ((q, place_q), (k, place_k))]
        return float((turned[0] * turned[1]).sum())

    assert score(5, 2) == pytest.approx(score(405, 402), abs=1e-3)
    assert score(5, 2) != pytest.approx(score(5, 4), abs=1e-3)


def test_the_table_is_float32_and_made_once():
    rotary = Rotary(steps=rope_steps(8, 100.0), max_seq_len=64)
    table = rotary.table(torch.device("cpu"))
    assert table.cos.shape == (64, 4)
    assert table.cos.dtype == torch.float32
    assert rotary.table(torch.device("cpu")) is table


def test_angles_are_those_of_published_models():
    # The table of transformers' LlamaRotaryEmbedding, bit for bit: another order of operations moves the last bit.
    modeling = pytest.importorskip("transformers.models.llama.modeling_llama")
    transformers = pytest.importorskip("transformers")
    theirs = modeling.LlamaRotaryEmbedding(transformers.LlamaConfig(head_dim=64, rope_theta=500000.0))
    cos, sin = theirs(torch.zeros(1), torch.arange(2000)[None])
    ours = Rotary(steps=rope_steps(64, 500000.0), max_seq_len=2000).table(torch.device("cpu"))
    assert torch.equal(cos[0, :, :32], ours.cos)
    assert torch.equal(sin[0, :, 32:], ours.sin)


def test_sinusoids_are_those_of_the_paper():
    found = SinusoidalPositions(size=6, theta=10000.0)(PLACES)
    for row, token, i in ((0, 1, 0), (0, 3, 1), (1, 2, 2)):
        angle = int(PLACES[row, token]) / 10000 ** (2 * i / 6)
        assert found[row, token, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-5)
        assert found[row, token, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-5)


def test_learned_positions_are_rows_of_a_table():
    positions = LearnedPositions(max_seq_len=64, size=3)
    with torch.no_grad():
        positions.weight.copy_(torch.arange(192.0).view(64, 3))
    assert torch.equal(positions(PLACES)[1, 2], positions.weight[60])
