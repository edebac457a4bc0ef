"""Attention against a loop over tokens and heads."""

from __future__ import annotations

import math

import pytest
import torch

from hanlin.model.attention import Attention, CrossAttention, attend
from hanlin.model.cache import DenseCache
from hanlin.model.linear import Linear
from hanlin.model.masks import causal_layout, full_layout
from hanlin.model.memory import Memory
from hanlin.model.norms import RMSNorm


def by_hand(q, k, v, allowed):
    """softmax(q k / sqrt(E)) v, one query of one head at a time."""
    num_rows, num_tokens, num_heads, width = q.shape
    group = num_heads // k.shape[2]
    out = torch.zeros_like(q)
    for row in range(num_rows):
        for token in range(num_tokens):
            seen = allowed[row][token]
            for head in range(num_heads):
                scores = k[row, seen, head // group] @ q[row, token, head] / math.sqrt(width)
                out[row, token, head] = scores.softmax(0) @ v[row, seen, head // group]
    return out


def draw(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("num_kv_heads", [1, 2, 4])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_each_group_of_heads_reads_its_own_keys(num_kv_heads, dtype):
    q, k, v = (draw(2, 7, heads, 8, dtype=dtype) for heads in (4, num_kv_heads, num_kv_heads))
    layout = causal_layout(torch.zeros(2, 7), segments=None, positions=None, cache=None)
    allowed = [[list(range(t + 1)) for t in range(7)]] * 2
    torch.testing.assert_close(attend(q, k, v, layout, scale=8**-0.5), by_hand(q, k, v, allowed))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_documents_of_a_row_do_not_meet(dtype):
    q, k, v = (draw(2, 6, heads, 8, dtype=dtype) for heads in (4, 2, 2))
    segments = torch.tensor([[1, 1, 2, 2, 2, 3], [1, 1, 1, 1, 2, 2]])
    layout = causal_layout(segments, segments=segments, positions=None, cache=None)
    allowed = [[[s for s in range(t + 1) if row[s] == row[t]] for t in range(6)] for row in segments.tolist()]
    torch.testing.assert_close(attend(q, k, v, layout, scale=8**-0.5), by_hand(q, k, v, allowed))


def make(**kwargs):
    attention = Attention(
        qkv=Linear(12, 3 * 16, bias=False, parts=(16, 16, 16)),
        out=Linear(16, 12, bias=False),
        num_heads=2,
        num_kv_heads=2,
        head_dim=8,
        layer=0,
        **kwargs,
    )
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.copy_(draw(*parameter.shape, dtype=torch.float32))
    return attention


def layout_of(x, cache=None):
    return causal_layout(x[..., 0], segments=None, positions=None, cache=cache)


def test_a_stand_in_for_the_product_is_used():
    seen = []

    def stand_in(q, k, v, layout, *, scale, dropout=0.0):
        seen.append((q.shape, k.shape, scale, dropout))
        return q

    make(compute=stand_in)(torch.zeros(1, 3, 12), layout_of(torch.zeros(1, 3, 12)))
    assert seen == [((1, 3, 2, 8), (1, 3, 2, 8), 8**-0.5, 0.0)]


def test_normed_queries_and_keys_forget_their_length():
    norms = {name: RMSNorm(8, eps=1e-6) for name in ("q_norm", "k_norm")}
    attention = make(**norms)
    with torch.no_grad():
        for norm in norms.values():
            norm.weight.fill_(1.0)
    x = draw(1, 5, 12, dtype=torch.float32)
    plain = attention(x, layout_of(x))
    with torch.no_grad():
        attention.qkv.weight[:32] *= 100
    torch.testing.assert_close(attention(x, layout_of(x)), plain, rtol=1e-3, atol=1e-4)


def test_a_cache_is_written_where_the_layer_says():
    attention = make()
    cache = DenseCache(num_layers=1, batch_size=1, capacity=5, num_kv_heads=2, head_dim=8)
    x = draw(1, 3, 12, dtype=torch.float32)
    attention(x, layout_of(x, cache), cache)
    keys = attention.qkv(x)[..., 16:32].unflatten(-1, (2, 8))
    assert torch.equal(cache.keys[0, :, :, :3].transpose(1, 2), keys)
    assert not cache.keys[0, :, :, 3:].any()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_cross_attention_sees_all_real_tokens_of_the_memory(dtype):
    cross = CrossAttention(
        q=Linear(12, 32, bias=False),
        kv=Linear(10, 32, bias=False, parts=(16, 16)),
        out=Linear(32, 12, bias=False),
        num_heads=4,
        num_kv_heads=2,
        head_dim=8,
        layer=0,
    )
    with torch.no_grad():
        for parameter in cross.parameters():
            parameter.copy_(draw(*parameter.shape, dtype=torch.float32))
    x, memory = draw(2, 3, 12, dtype=dtype), draw(2, 5, 10, dtype=dtype)
    real = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]).bool()
    padded = Memory(memory, real[:, None, None])
    q = cross.q(x).unflatten(-1, (4, 8))
    k, v = (part.unflatten(-1, (2, 8)) for part in cross.kv(memory).split((16, 16), dim=-1))
    heads = by_hand(q, k, v, [[list(range(5))] * 3, [[0, 1]] * 3])
    torch.testing.assert_close(cross(x, padded, layout_of(x)), cross.out(heads.flatten(2)))
    whole = cross(x, Memory(memory), layout_of(x))
    assert torch.equal(whole[0], cross(x, padded, layout_of(x))[0])
    assert not torch.allclose(whole[1], cross(x, padded, layout_of(x))[1])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_an_encoders_tokens_see_their_whole_document(dtype):
    q, k, v = (draw(2, 6, heads, 8, dtype=dtype) for heads in (4, 2, 2))
    segments = torch.tensor([[1, 1, 2, 2, 2, 0], [1, 1, 1, 1, 1, 1]])
    packed = full_layout(segments, segments=segments, positions=None, cache=None)
    allowed = [[[s for s in range(6) if row[s] == row[t]] for t in range(6)] for row in segments.tolist()]
    real = segments > 0  # a kernel may leave out what padding would see
    found, expected = attend(q, k, v, packed, scale=8**-0.5), by_hand(q, k, v, allowed)
    torch.testing.assert_close(found[real], expected[real])
    whole = full_layout(segments, segments=None, positions=None, cache=None)
    everything = [[list(range(6))] * 6] * 2
    torch.testing.assert_close(attend(q, k, v, whole, scale=8**-0.5), by_hand(q, k, v, everything))
    assert packed.positions.tolist() == [[0, 1, 0, 1, 2, 0], [0, 1, 2, 3, 4, 5]]
