"""The course's attention against a loop by hand, the house's own attention and torch's, with equal weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from hanlin.base.errors import InputError
from hanlin.course import MultiHeadAttention, causal_mask, padding_mask, scaled_dot_product_attention
from hanlin.model.attention import Attention
from hanlin.model.linear import Linear
from hanlin.model.masks import causal_layout, full_layout

D, H = 12, 3


def draw(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape)), dtype=dtype)


def made(seed=5):
    """A layer whose biases are not zero either."""
    torch.manual_seed(seed)
    layer = MultiHeadAttention(D, H)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if name.endswith("bias"):
                parameter.uniform_(-1, 1)
    return layer


def projections(layer):
    return [layer.W_q, layer.W_k, layer.W_v]


def houses(layer):
    """The house's attention with the same weights, its three projections fused."""
    own = Attention(
        qkv=Linear(D, 3 * D, bias=True, parts=(D, D, D)),
        out=Linear(D, D, bias=True),
        num_heads=H,
        num_kv_heads=H,
        head_dim=D // H,
        layer=0,
    )
    with torch.no_grad():
        own.qkv.weight.copy_(torch.cat([part.weight for part in projections(layer)]))
        own.qkv.bias.copy_(torch.cat([part.bias for part in projections(layer)]))
        own.out.load_state_dict(layer.W_o.state_dict())
    return own


def torchs(layer):
    """torch.nn.MultiheadAttention with the same weights."""
    other = nn.MultiheadAttention(D, H, batch_first=True)
    with torch.no_grad():
        other.in_proj_weight.copy_(torch.cat([part.weight for part in projections(layer)]))
        other.in_proj_bias.copy_(torch.cat([part.bias for part in projections(layer)]))
        other.out_proj.load_state_dict(layer.W_o.state_dict())
    return other


def test_the_product_is_its_formula_token_by_token():
    query, key, value = draw(2, 3, 4), draw(2, 5, 4, seed=1), draw(2, 5, 6, seed=2)
    output, weights = scaled_dot_product_attention(query, key, value)
    for row in range(2):
        for token in range(3):
            powers = [math.exp(float(query[row, token] @ key[row, s]) / math.sqrt(4)) for s in range(5)]
            shares = torch.tensor([power / sum(powers) for power in powers])
            torch.testing.assert_close(weights[row, token], shares)
            torch.testing.assert_close(output[row, token], shares @ value[row])


@pytest.mark.parametrize("kind", ["none", "causal", "padding"])
def test_it_is_the_houses_own_attention(kind):
    layer, x = made(), draw(2, 7, D)
    real = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    layouts = {
        "none": lambda: full_layout(real, segments=None, positions=None, cache=None),
        "causal": lambda: causal_layout(real, segments=None, positions=None, cache=None),
        "padding": lambda: full_layout(real, segments=real, positions=None, cache=None),
    }
    masks = {"none": None, "causal": causal_mask(7), "padding": padding_mask(real)}
    output, weights = layer(x, x, x, masks[kind])
    expected = houses(layer)(x, layouts[kind]())
    kept = real.bool() if kind == "padding" else slice(None)  # the house lets padding see padding, which nobody uses
    torch.testing.assert_close(output[kept], expected[kept], rtol=0, atol=1e-6)
    assert weights.shape == (2, H, 7, 7)


@pytest.mark.parametrize("kind", ["none", "causal", "padding"])
def test_it_is_torchs_multihead_attention(kind):
    layer, query, memory = made(), draw(2, 6, D), draw(2, 6, D, seed=9)
    real = torch.tensor([[1] * 6, [1] * 4 + [0] * 2])
    masks = {"none": None, "causal": causal_mask(6), "padding": padding_mask(real)}
    theirs = {
        "none": {},
        "causal": {"attn_mask": causal_mask(6) == 0},
        "padding": {"key_padding_mask": real == 0},
    }
    output, weights = layer(query, memory, memory, masks[kind])
    expected, expected_weights = torchs(layer)(query, memory, memory, average_attn_weights=False, **theirs[kind])
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(weights, expected_weights, rtol=0, atol=1e-6)


def test_queries_may_be_fewer_than_keys():
    query, memory = draw(2, 3, D), draw(2, 5, D)
    output, weights = made()(query, memory, memory)
    assert output.shape == (2, 3, D)
    assert weights.shape == (2, H, 3, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, H, 3))


def test_zero_hides_and_anything_else_shows():
    layer, x = made(), draw(1, 4, D)
    mask = torch.tensor([[1, 1, 0, 1]] * 4)
    _, weights = layer(x, x, x, mask)
    assert (weights[..., 2] == 0).all()
    assert (weights[..., [0, 1, 3]] > 0).all()
    for same in (mask.bool(), mask.float(), mask * 7, mask[None], mask[None, None]):
        assert torch.equal(layer(x, x, x, same)[1], weights)


def test_a_mask_of_three_dimensions_is_one_for_each_text():
    """It once would have been taken for one a head where there are as many texts as heads."""
    layer, x = made(), draw(H, 4, D)
    mask = torch.ones(H, 4, 4)
    mask[1, :, 0] = 0
    _, weights = layer(x, x, x, mask)
    assert (weights[1, :, :, 0] == 0).all()
    assert (weights[0] > 0).all()


def test_a_token_that_sees_nothing_gets_nothing_and_harms_nobody():
    layer, x = made(), draw(1, 3, D).requires_grad_()
    mask = torch.tensor([[0, 0, 0], [1, 1, 0], [1, 1, 1]])
    output, weights = layer(x, x, x, mask)
    assert (weights[0, :, 0] == 0).all()
    torch.testing.assert_close(output[0, 0], layer.W_o.bias)
    output.sum().backward()
    assert x.grad.isfinite().all()


def test_half_the_numbers_are_enough():
    x = draw(1, 3, D)
    wide, _ = made()(x, x, x, causal_mask(3))
    narrow, weights = made()(*[x.bfloat16()] * 3, causal_mask(3))
    assert narrow.dtype == weights.dtype == torch.bfloat16
    torch.testing.assert_close(narrow.float(), wide, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(("d_model", "num_heads"), [(10, 3), (8, 0), (0, 1), (8, -2)])
def test_heads_must_share_the_width_evenly(lang, d_model, num_heads):
    with pytest.raises(InputError, match=f"d_model = {d_model} ") as caught:
        MultiHeadAttention(d_model, num_heads)
    assert caught.value.code == "E830"


def test_tensors_of_other_shapes_are_named(lang):
    layer = made()
    with pytest.raises(InputError, match=r"\(2, 3, 7\)") as caught:
        layer(draw(2, 3, 7), draw(2, 3, D), draw(2, 3, D))
    assert caught.value.code == "E831"
    for key, value in ((draw(2, 4, D), draw(2, 5, D)), (draw(1, 4, D), draw(1, 4, D))):
        with pytest.raises(InputError) as caught:
            layer(draw(2, 3, D), key, value)
        assert caught.value.code == "E838"


@pytest.mark.parametrize("shape", [(2, 4), (3, 4, 4), (2, 2, 4, 4), (1, 2, 1, 4, 4), (5,)])
def test_a_mask_that_does_not_fit_is_named_with_what_would(lang, shape):
    layer, x = made(), draw(2, 4, D)
    with pytest.raises(InputError, match=r"padding_mask\(attention_mask\)") as caught:
        layer(x, x, x, torch.ones(shape))
    assert caught.value.code == "E832"
