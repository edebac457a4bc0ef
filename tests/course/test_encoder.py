"""Places, layers and the whole encoder against closed forms, the house's own block and torch's layer."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from tests.course.test_attention import draw, houses
from torch import nn

from hanlin.base.errors import InputError, RequestTooLong
from hanlin.course import PositionalEncoding, TransformerEncoder, TransformerEncoderLayer
from hanlin.model.block import PostNormBlock
from hanlin.model.linear import Linear
from hanlin.model.masks import full_layout
from hanlin.model.mlp import PlainMLP
from hanlin.model.norms import LayerNorm
from hanlin.model.positions import SinusoidalPositions

D, H, F_ = 12, 3, 20


def shaken(module, seed=4):
    """The module with every number drawn, norms and biases too: ones and zeros hide mistakes."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(-0.8, 0.8)
    return module


def copied(target, source):
    target.load_state_dict(source.state_dict())
    return target


def block_of_the_house(layer):
    block = PostNormBlock(
        attention=houses(layer.attention),
        mlp=PlainMLP(up=Linear(D, F_, bias=True), down=Linear(F_, D, bias=True), activation=F.relu),
        attention_norm=copied(LayerNorm(D, eps=1e-5), layer.norm1),
        mlp_norm=copied(LayerNorm(D, eps=1e-5), layer.norm2),
        dropout=0.1,
    )
    copied(block.mlp, layer.feed_forward)
    return block.eval()


def layer_of_torch(layer):
    other = nn.TransformerEncoderLayer(D, H, F_, dropout=0.1, batch_first=True)
    attention = layer.attention
    parts = [attention.W_q, attention.W_k, attention.W_v]
    with torch.no_grad():
        other.self_attn.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        other.self_attn.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        copied(other.self_attn.out_proj, attention.W_o)
        copied(other.linear1, layer.feed_forward.up)
        copied(other.linear2, layer.feed_forward.down)
        copied(other.norm1, layer.norm1)
        copied(other.norm2, layer.norm2)
    return other.eval()


def test_places_are_sines_and_cosines():
    table = PositionalEncoding(6)(torch.zeros(1, 50, 6))[0]
    for place in (0, 1, 7, 49):
        for pair in range(3):
            angle = place / 10000 ** (2 * pair / 6)
            assert table[place, 2 * pair] == pytest.approx(math.sin(angle), abs=2e-6)
            assert table[place, 2 * pair + 1] == pytest.approx(math.cos(angle), abs=2e-6)


def test_places_are_those_of_the_house_and_are_added():
    x = draw(2, 9, 8)
    own = SinusoidalPositions(size=8, theta=10000.0)(torch.arange(9)[None])
    assert torch.equal(PositionalEncoding(8)(x), x + own.to(x.dtype))


def test_there_are_five_thousand_places_and_no_weight_to_save():
    positions = PositionalEncoding(4)
    assert positions(torch.zeros(1, 5000, 4)).shape == (1, 5000, 4)
    assert positions.state_dict() == {}
    with pytest.raises(RequestTooLong, match="5001") as caught:
        positions(torch.zeros(1, 5001, 4))
    assert caught.value.code == "E834"


def test_a_width_that_cannot_hold_places_is_refused(lang):
    for d_model in (7, 0):
        with pytest.raises(InputError) as caught:
            PositionalEncoding(d_model)
        assert caught.value.code == "E833"
    with pytest.raises(InputError, match=r"\(1, 3, 6\)") as caught:
        PositionalEncoding(8)(torch.zeros(1, 3, 6))
    assert caught.value.code == "E835"


def test_a_layer_is_the_houses_block_behind_the_sum():
    layer, x = shaken(TransformerEncoderLayer(D, H, F_)).eval(), draw(2, 5, D)
    layout = full_layout(x[..., 0], segments=None, positions=None, cache=None)
    torch.testing.assert_close(layer(x), block_of_the_house(layer)(x, layout), rtol=0, atol=1e-6)


def test_a_layer_is_torchs_with_and_without_padding():
    layer, x = shaken(TransformerEncoderLayer(D, H, F_)).eval(), draw(2, 5, D)
    real = torch.tensor([[1] * 5, [1] * 3 + [0] * 2])
    theirs = layer_of_torch(layer)
    torch.testing.assert_close(layer(x), theirs(x), rtol=0, atol=2e-6)
    with torch.enable_grad():  # torch's fast path would leave padding out of its output
        expected = theirs(x.clone().requires_grad_(), src_key_padding_mask=real == 0)
    torch.testing.assert_close(layer(x, real[:, None, None, :]), expected, rtol=0, atol=2e-6)


def test_dropout_acts_in_training_only():
    layer, x = TransformerEncoderLayer(D, H, F_, dropout=0.5), draw(1, 4, D)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))
    zero = TransformerEncoderLayer(D, H, F_, dropout=0.0)
    assert torch.equal(zero(x), zero(x))


def encoder(**settings):
    torch.manual_seed(0)
    return TransformerEncoder(vocab_size=30, d_model=D, num_heads=H, d_ff=F_, num_layers=2, **settings).eval()


def test_an_encoder_is_its_parts_in_order():
    model, ids = encoder(), torch.tensor([[3, 7, 1], [4, 4, 2]])
    x = model.positions(model.embedding.weight[ids] * math.sqrt(D))
    for layer in model.layers:
        x = layer(x)
    torch.testing.assert_close(model(ids), x)


def test_padding_changes_nothing_for_the_tokens():
    model, ids = encoder(), torch.tensor([[3, 7, 1, 9]])
    padded = torch.tensor([[3, 7, 1, 9, 0, 0]])
    real = torch.tensor([[1, 1, 1, 1, 0, 0]])
    torch.testing.assert_close(model(padded, real)[:, :4], model(ids), rtol=0, atol=1e-6)
    assert not torch.allclose(model(padded)[:, :4], model(ids))


def test_a_causal_encoder_never_looks_ahead():
    model, ids = encoder(causal=True), torch.tensor([[3, 7, 1, 9]])
    other = torch.tensor([[3, 7, 2, 2]])
    torch.testing.assert_close(model(ids)[:, :2], model(other)[:, :2])
    assert not torch.allclose(encoder()(ids)[:, :2], encoder()(other)[:, :2])
    real = torch.tensor([[1, 1, 1, 0]])
    torch.testing.assert_close(model(ids, real)[:, :3], model(ids)[:, :3])


def test_order_matters_because_of_places_alone():
    model, ids = encoder(), torch.tensor([[3, 7, 1]])
    turned = model(ids.flip(1)).flip(1)
    assert not torch.allclose(model(ids), turned)
    model.positions.table.zero_()
    torch.testing.assert_close(model(ids), model(ids.flip(1)).flip(1), rtol=0, atol=1e-6)
