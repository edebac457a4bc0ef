"""The small parts: linear, norms, feed-forward layers, embeddings, blocks."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hanlin.model.block import PostNormBlock, PreNormBlock
from hanlin.model.embeddings import Embedding, Embeddings
from hanlin.model.linear import Linear
from hanlin.model.mlp import ACTIVATIONS, GatedMLP, PlainMLP, RoutedMLP, gate
from hanlin.model.norms import LayerNorm, RMSNorm
from hanlin.model.stack import Stack


def filled(module, seed=3):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return module


@pytest.mark.parametrize("bias", [False, True])
def test_linear_computes_in_what_it_is_given_and_keeps_its_own(bias):
    linear, x = filled(Linear(5, 3, bias=bias)), torch.randn(2, 5)
    torch.testing.assert_close(linear(x), F.linear(x, linear.weight, linear.bias))
    assert linear(x.double()).dtype == torch.float64
    out = linear(x.bfloat16())
    assert out.dtype == torch.bfloat16
    out.sum().backward()
    assert linear.weight.dtype == linear.weight.grad.dtype == torch.float32


def test_parts_of_a_fused_weight_are_its_rows():
    assert Linear(4, 6, bias=False).parts == (6,)
    assert "3 + 3" in repr(Linear(4, 6, bias=False, parts=(3, 3)))
    with pytest.raises(AssertionError):
        Linear(4, 6, bias=False, parts=(3, 4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_rms_norm_is_its_formula(dtype):
    norm, x = filled(RMSNorm(16, eps=1e-5)), (torch.randn(3, 16) * 4).to(dtype)
    wide = x.double()
    expected = wide / (wide.square().mean(-1, keepdim=True) + 1e-5).sqrt() * norm.weight.double()
    assert norm(x).dtype == dtype
    tolerance = {"rtol": 2e-2, "atol": 2e-2} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-6}
    torch.testing.assert_close(norm(x).double(), expected, **tolerance)


def test_the_epsilon_of_a_norm_counts():
    norm = RMSNorm(4, eps=1.0)
    nn.init.ones_(norm.weight)
    assert norm(torch.ones(4))[0].item() == pytest.approx(1 / math.sqrt(2))


def test_layer_norm_is_its_formula():
    norm, x = filled(LayerNorm(16, eps=1e-3)), torch.randn(3, 16) * 4 + 2
    centred = x - x.mean(-1, keepdim=True)
    expected = centred / (centred.square().mean(-1, keepdim=True) + 1e-3).sqrt() * norm.weight + norm.bias
    torch.testing.assert_close(norm(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("silu", lambda x: x / (1 + math.exp(-x))),
        ("gelu", lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2)))),
        ("gelu_tanh", lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
        ("relu", lambda x: max(x, 0)),
        ("relu2", lambda x: max(x, 0) ** 2),
    ],
)
def test_activations_are_their_formulas(name, formula):
    x = torch.linspace(-4, 4, 33, dtype=torch.float64)
    expected = torch.tensor([formula(value) for value in x.tolist()], dtype=torch.float64)
    torch.testing.assert_close(ACTIVATIONS[name](x), expected)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_a_gated_layer_multiplies_two_projections(name):
    activation = ACTIVATIONS[name]
    mlp = filled(
        GatedMLP(gate_up=Linear(6, 16, bias=True, parts=(8, 8)), down=Linear(8, 6, bias=False), activation=activation)
    )
    x = torch.randn(2, 6)
    gate, up = mlp.gate_up(x)[:, :8], mlp.gate_up(x)[:, 8:]
    torch.testing.assert_close(mlp(x), F.linear(activation(gate) * up, mlp.down.weight), rtol=1e-4, atol=1e-5)


def test_a_plain_layer_does_not():
    mlp = filled(PlainMLP(up=Linear(6, 8, bias=True), down=Linear(8, 6, bias=True), activation=F.relu))
    x = torch.randn(2, 6)
    hidden = F.relu(F.linear(x, mlp.up.weight, mlp.up.bias))
    torch.testing.assert_close(mlp(x), F.linear(hidden, mlp.down.weight, mlp.down.bias))


def test_embeddings_are_scaled_placed_and_cast():
    class Places(nn.Module):
        def forward(self, positions):
            return positions[..., None].float() * 100

    parts = {"tokens": filled(Embedding(9, 4)), "positions": Places(), "scale": 2.0, "dropout": 0.0}
    embeddings = Embeddings(**parts)
    found = embeddings(torch.tensor([[8, 1]]), torch.tensor([[0, 3]]), torch.bfloat16)
    assert found.dtype == torch.bfloat16
    expected = parts["tokens"].weight[[8, 1]] * 2 + torch.tensor([[0.0], [300.0]])
    torch.testing.assert_close(found[0].float(), expected, rtol=1e-2, atol=1e-2)


class Plus(nn.Module):
    """A branch that shows when it ran: adds a constant to what it got."""

    def __init__(self, amount):
        super().__init__()
        self.amount = amount

    def forward(self, x, *_):
        return x + self.amount


class Double(nn.Module):
    def forward(self, x):
        return x * 2


def parts():
    return {"attention": Plus(1), "mlp": Plus(10), "attention_norm": Double(), "mlp_norm": Double(), "dropout": 0.0}


def test_a_pre_norm_block_norms_what_enters_each_branch():
    x = torch.tensor(3.0)
    after_attention = 3 + (2 * 3 + 1)
    assert PreNormBlock(**parts())(x, None).item() == after_attention + (2 * after_attention + 10)


def test_a_post_norm_block_norms_each_sum():
    x = torch.tensor(3.0)
    after_attention = 2 * (3 + (3 + 1))
    assert PostNormBlock(**parts())(x, None).item() == 2 * (after_attention + (after_attention + 10))


class Look(nn.Module):
    """A cross-attention that shows what it was given."""

    def forward(self, x, memory, layout):
        return x + memory


def crossed():
    return {**parts(), "cross": Look(), "cross_norm": Double()}


def test_a_decoder_under_an_encoder_looks_at_it_between_the_two_branches():
    x, memory = torch.tensor(3.0), torch.tensor(100.0)
    after_attention = 3 + (2 * 3 + 1)
    looked = after_attention + (2 * after_attention + 100)
    assert PreNormBlock(**crossed())(x, None, None, memory).item() == looked + (2 * looked + 10)
    after_attention = 2 * (3 + (3 + 1))
    looked = 2 * (after_attention + (after_attention + 100))
    assert PostNormBlock(**crossed())(x, None, None, memory).item() == 2 * (looked + (looked + 10))


def test_a_stack_hands_the_memory_to_every_block():
    stack = Stack(blocks=[PreNormBlock(**crossed()) for _ in range(2)], final_norm=nn.Identity())
    with_memory = stack(torch.tensor(3.0), None, None, torch.tensor(100.0))
    assert with_memory != stack(torch.tensor(3.0), None, None, torch.tensor(0.0))


@pytest.mark.parametrize("shape", [(3, 8), (2, 5, 14)])
def test_the_gradient_of_swiglu_without_kernels_is_that_of_its_formula(monkeypatch, shape):
    monkeypatch.setattr("hanlin.model.kernels.usable", lambda *tensors: False)
    halves = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    before = halves.detach().clone()
    first, second = halves.chunk(2, dim=-1)
    written, wanted = gate(halves, ACTIVATIONS["silu"]), first * torch.sigmoid(first) * second
    torch.testing.assert_close(written, wanted)
    upstream = torch.randn_like(wanted)
    found, expected = (torch.autograd.grad(y, halves, upstream)[0] for y in (written, wanted))
    torch.testing.assert_close(found, expected)
    assert torch.equal(halves, before)


@pytest.mark.parametrize("renormalised", [False, True])
def test_a_token_goes_through_the_experts_its_router_scores_highest(renormalised):
    generator = torch.Generator().manual_seed(5)
    experts = [
        PlainMLP(up=Linear(6, 8, bias=False), down=Linear(8, 6, bias=False), activation=F.relu) for _ in range(4)
    ]
    routed = RoutedMLP(router=Linear(6, 4, bias=False), experts=experts, num_chosen=2, renormalised=renormalised)
    with torch.no_grad():
        for parameter in routed.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    x = torch.randn(3, 5, 6, generator=generator)
    shares = routed.router(x).softmax(dim=-1)
    for place in ((0, 0), (1, 4), (2, 2)):
        best = sorted(range(4), key=lambda number, place=place: -shares[place][number])[:2]
        total = sum(shares[place][number] for number in best) if renormalised else 1.0
        expected = sum(shares[place][number] / total * experts[number](x[place]) for number in best)
        torch.testing.assert_close(routed(x)[place], expected)
