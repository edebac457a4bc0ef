"""Blockwise attention against torch's own with an explicit mask: values, gradients, documents, and when it is used."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hanlin.model import blockwise
from hanlin.model.masks import Layout, causal_layout

F32, F64, BF16 = torch.float32, torch.float64, torch.bfloat16
CLOSE = {F64: 1e-12, F32: 2e-6, BF16: 1e-2}


def draw(*shape: int, dtype: torch.dtype = F64, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def packed(rows: int, tokens: int, starts: tuple[int, ...] = (), padding: int = 0) -> Layout:
    segments = torch.ones(rows, tokens, dtype=torch.long)
    for start in starts:
        segments[:, start:] += 1
    segments[:, tokens - padding :] = 0
    return causal_layout(segments, segments=segments, positions=None, cache=None)


def explicit(q: Tensor, k: Tensor, v: Tensor, layout: Layout, scale: float) -> Tensor:
    """torch's attention in float64 under the mask that the layout spells out."""
    q, k, v = (part.double().transpose(1, 2) for part in (q, k, v))
    mask = layout.mask
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=mask is None, scale=scale, enable_gqa=True
    ).transpose(1, 2)


def error(found: Tensor, wanted: Tensor) -> float:
    """RMS error over the larger of the wanted RMS and 0.1: some gradients cancel."""
    found, wanted = found.detach().double(), wanted.detach().double()
    return float((found - wanted).square().mean().sqrt() / wanted.square().mean().sqrt().clamp_min(0.1))


def check(layout: Layout, heads: int, kv_heads: int, width: int, dtype: torch.dtype, rows: int, tokens: int) -> None:
    parts = [draw(rows, tokens, n, width, dtype=dtype, seed=n + i) for i, n in enumerate((heads, kv_heads, kv_heads))]
    d_out = draw(rows, tokens, heads, width, dtype=dtype, seed=9)
    ours = [part.clone().requires_grad_() for part in parts]
    exact = [part.double().requires_grad_() for part in parts]
    out = blockwise.attend(*ours, layout.blocks(dtype), scale=0.3)
    wanted = explicit(*exact, layout, 0.3)
    assert out.dtype == dtype and error(out, wanted) <= CLOSE[dtype]
    out.backward(d_out)
    wanted.backward(d_out.double())
    for mine, theirs in zip(ours, exact, strict=True):
        assert mine.grad is not None and theirs.grad is not None
        assert error(mine.grad, theirs.grad) <= CLOSE[dtype] * 1.5


@pytest.mark.parametrize("dtype", [F64, F32, BF16])
@pytest.mark.parametrize(("heads", "kv_heads"), [(1, 1), (4, 4), (6, 2), (8, 1)])
def test_equals_torch(heads: int, kv_heads: int, dtype: torch.dtype) -> None:
    check(packed(2, 150), heads, kv_heads, 32, dtype, 2, 150)
    check(packed(2, 150, (70, 90), padding=11), heads, kv_heads, 32, dtype, 2, 150)


@given(
    rows=st.integers(1, 3),
    tokens=st.integers(1, 200),
    kv_heads=st.integers(1, 2),
    group=st.integers(1, 3),
    cuts=st.lists(st.integers(1, 199), max_size=5),
    padding=st.integers(0, 40),
)
@settings(max_examples=25, deadline=None)
def test_equals_torch_for_any_shape(
    rows: int, tokens: int, kv_heads: int, group: int, cuts: list[int], padding: int
) -> None:
    starts = tuple(sorted({cut for cut in cuts if cut < tokens}))
    check(packed(rows, tokens, starts, min(padding, tokens - 1)), kv_heads * group, kv_heads, 8, F64, rows, tokens)


def test_no_gradient_crosses_a_document() -> None:
    q, k, v = (draw(1, 150, 2, 8, seed=seed).requires_grad_() for seed in range(3))
    out = blockwise.attend(q, k, v, packed(1, 150, (70,)).blocks(F64), scale=0.2)
    out[:, 70:].sum().backward()
    for part in (q, k, v):
        assert part.grad is not None and part.grad[:, :70].count_nonzero() == 0
        assert part.grad[:, 70:].count_nonzero() > 0


def test_keys_of_earlier_documents_are_not_multiplied() -> None:
    """With every row cut at 64, the second block starts its keys at 64."""
    assert [(block.start, block.stop, block.low) for block in packed(2, 130, (64,)).blocks(F64)] == [
        (0, 64, 0),
        (64, 128, 64),
        (128, 130, 64),
    ]


def test_blocks_are_cut_once_for_all_layers() -> None:
    layout = packed(1, 100)
    assert layout.blocks(F32) is layout.blocks(F32)
    assert layout.blocks(BF16)[0].mask.dtype == BF16


def test_long_rows_and_short_ones_stay_with_torch() -> None:
    assert blockwise.fits(torch.empty(8, 512, 8, 64, dtype=BF16, device="cpu"))
    assert not blockwise.fits(torch.empty(1, 8, 8, 64))
    assert not blockwise.fits(torch.empty(1, 8192, 8, 64))
    assert not blockwise.fits(torch.empty(8, 512, 8, 64, device="meta"))
