"""The kernels against float64 formulas: values, gradients, determinism, refusals, and that NaN comes through."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hanlin.model import kernels
from hanlin.model.masks import causal_layout

pytestmark = pytest.mark.skipif(
    kernels.library() is None, reason=f"no native kernels here: {kernels.native_state().detail}"
)

BF16, F32 = torch.bfloat16, torch.float32
# Relative error of a whole tensor: float32 rounds at 6e-8, bfloat16 at 2e-3, and sums of a few hundred add up.
CLOSE = {F32: 2e-6, BF16: 6e-3}


def error(found: Tensor, wanted: Tensor) -> float:
    """RMS error over the larger of the wanted RMS and 0.1: inputs are near 1, and some gradients cancel."""
    found, wanted = found.detach().double(), wanted.detach().double()
    return float((found - wanted).square().mean().sqrt() / wanted.square().mean().sqrt().clamp_min(0.1))


def assert_close(found: Tensor, wanted: Tensor, dtype: torch.dtype, factor: float = 1) -> None:
    assert found.shape == wanted.shape
    assert error(found, wanted) <= CLOSE[dtype] * factor


def draw(*shape: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def leaves(*tensors: Tensor) -> list[Tensor]:
    return [tensor.detach().double().requires_grad_() for tensor in tensors]


# ---- attention ----


def formula(q: Tensor, k: Tensor, v: Tensor, first: Tensor, last: Tensor, scale: float) -> Tensor:
    """softmax(q k^T scale) v with an explicit mask; a query that sees nothing gives 0."""
    group = q.shape[2] // k.shape[2]
    k, v = k.repeat_interleave(group, dim=2), v.repeat_interleave(group, dim=2)
    keys = torch.arange(k.shape[1])
    seen = (keys >= first[..., None]) & (keys < last[..., None])
    scores = torch.einsum("bthe,bshe->bhts", q, k) * scale
    weights = scores.masked_fill(~seen[:, None], -1e300).softmax(-1) * seen[:, None]
    return torch.einsum("bhts,bshe->bthe", weights, v)


def edges(rows: int, tokens: int, starts: tuple[int, ...] = (), padding: int = 0) -> tuple[Tensor, Tensor]:
    """Causal ranges of rows with documents that begin at `starts` and `padding` empty queries at the end."""
    segments = torch.ones(rows, tokens, dtype=torch.long)
    for start in starts:
        segments[:, start:] += 1
    segments[:, tokens - padding :] = 0
    layout = causal_layout(segments, segments=segments, positions=None, cache=None)
    if layout.segments is None:  # one document: right padding needs no mask, and keeps its plain ranges
        first, last = layout.reach
        return first.expand(rows, -1), last.expand(rows, -1)
    return layout.reach


def check_attention(
    shape: tuple[int, int, int, int, int], dtype: torch.dtype, first: Tensor, last: Tensor, num_keys: int | None = None
) -> None:
    rows, tokens, heads, kv_heads, width = shape
    q = draw(rows, tokens, heads, width, dtype=dtype, seed=1)
    k, v = (draw(rows, num_keys or tokens, kv_heads, width, dtype=dtype, seed=seed) for seed in (2, 3))
    d_out = draw(rows, tokens, heads, width, dtype=dtype, seed=4)
    ours = [tensor.clone().requires_grad_() for tensor in (q, k, v)]
    out = kernels.attend(*ours, first, last, scale=width**-0.5)
    out.backward(d_out)
    exact = leaves(q, k, v)
    wanted = formula(*exact, first, last, width**-0.5)
    wanted.backward(d_out.double())
    assert out.dtype == dtype
    assert_close(out, wanted, dtype)
    for name, mine, theirs in zip("qkv", ours, exact, strict=True):
        assert mine.grad is not None and theirs.grad is not None
        assert error(mine.grad, theirs.grad) <= CLOSE[dtype] * 1.5, name


@pytest.mark.parametrize("dtype", [F32, BF16])
@pytest.mark.parametrize("width", [16, 32, 48, 64, 80, 96, 128])
def test_attention_of_every_head_width(width: int, dtype: torch.dtype) -> None:
    check_attention((2, 70, 4, 2, width), dtype, *edges(2, 70, (20, 33), padding=5))


@pytest.mark.parametrize("dtype", [F32, BF16])
@pytest.mark.parametrize(("heads", "kv_heads"), [(1, 1), (4, 4), (6, 2), (8, 1), (3, 1)])
def test_attention_shares_key_heads(heads: int, kv_heads: int, dtype: torch.dtype) -> None:
    check_attention((1, 130, heads, kv_heads, 32), dtype, *edges(1, 130))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_attention_gives_the_same_bits_however_work_is_shared(threads: int) -> None:
    before = torch.get_num_threads()
    q, k, v = (draw(1, 200, heads, 64, dtype=BF16, seed=heads) for heads in (8, 2, 2))
    try:
        torch.set_num_threads(threads)
        runs = [_attention_and_gradients(q, k, v) for _ in range(3)]
    finally:
        torch.set_num_threads(before)
    for run in runs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(run, runs[0], strict=True))


def _attention_and_gradients(q: Tensor, k: Tensor, v: Tensor) -> list[Tensor]:
    parts = [tensor.clone().requires_grad_() for tensor in (q, k, v)]
    out = kernels.attend(*parts, *edges(q.shape[0], q.shape[1], (77,)), scale=0.125)
    out.square().sum().backward()
    return [out.detach(), *(part.grad for part in parts if part.grad is not None)]


def test_attention_of_other_ranges() -> None:
    """A window, two-sided attention, and more keys than queries: every mask is a range per query."""
    at = torch.arange(100, dtype=torch.int32)[None]
    check_attention((1, 100, 2, 1, 32), F32, (at - 9).clamp_min(0), at + 1)
    check_attention((1, 100, 2, 1, 32), BF16, torch.zeros_like(at), torch.full_like(at, 100))
    check_attention((1, 100, 2, 1, 32), F32, torch.zeros_like(at), at + 51, num_keys=150)


@given(
    tokens=st.integers(1, 200),
    rows=st.integers(1, 3),
    kv_heads=st.integers(1, 2),
    group=st.integers(1, 3),
    width=st.sampled_from([8, 24, 32, 64]),
    cuts=st.lists(st.integers(1, 199), max_size=5),
    padding=st.integers(0, 40),
    dtype=st.sampled_from([F32, BF16]),
)
@settings(max_examples=30, deadline=None)
def test_attention_of_any_shape(
    tokens: int,
    rows: int,
    kv_heads: int,
    group: int,
    width: int,
    cuts: list[int],
    padding: int,
    dtype: torch.dtype,
) -> None:
    starts = tuple(sorted({cut for cut in cuts if cut < tokens}))
    ranges = edges(rows, tokens, starts, min(padding, tokens - 1))
    check_attention((rows, tokens, kv_heads * group, kv_heads, width), dtype, *ranges)


def test_no_gradient_crosses_a_document() -> None:
    q, k, v = (draw(1, 150, 2, 32, dtype=F32, seed=seed).requires_grad_() for seed in range(3))
    out = kernels.attend(q, k, v, *edges(1, 150, (70,), padding=10), scale=0.2)
    out[:, 70:140].sum().backward()
    for part in (q, k, v):
        assert part.grad is not None
        assert part.grad[:, :70].count_nonzero() == 0 and part.grad[:, 140:].count_nonzero() == 0
        assert part.grad[:, 70:140].count_nonzero() > 0
    assert out[:, 140:].count_nonzero() == 0, "a query that sees nothing gives zeros"


def test_attention_reads_any_strides() -> None:
    fused = draw(2, 40, 6, 32, dtype=BF16)
    q, k, v = fused.split((4, 1, 1), dim=2)
    ranges = edges(2, 40)
    plain = kernels.attend(q.contiguous(), k.contiguous(), v.contiguous(), *ranges, scale=0.2)
    assert torch.equal(kernels.attend(q, k, v, *ranges, scale=0.2), plain)
    by_head = [part.transpose(1, 2).contiguous().transpose(1, 2) for part in (q, k, v)]
    assert torch.equal(kernels.attend(*by_head, *ranges, scale=0.2), plain)
    by_width = [part.transpose(1, 3).contiguous().transpose(1, 3) for part in (q, k, v)]
    assert torch.equal(kernels.attend(*by_width, *ranges, scale=0.2), plain)


def test_attention_survives_large_scores() -> None:
    q = torch.full((1, 70, 1, 32), 300.0)
    k = torch.where(torch.arange(70)[None, :, None, None] % 2 == 0, 300.0, -300.0).expand(1, 70, 1, 32).contiguous()
    out = kernels.attend(q, k, draw(1, 70, 1, 32, dtype=F32), *edges(1, 70), scale=1.0)
    assert out.isfinite().all()


# ---- rows ----


@pytest.mark.parametrize("dtype", [F32, BF16])
@pytest.mark.parametrize("shape", [(1, 1), (3, 17), (5, 4, 64), (2, 513), (1, 8, 3, 100)])
def test_rms_norm(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    x, d_y = draw(*shape, dtype=dtype, seed=1), draw(*shape, dtype=dtype, seed=2)
    weight = draw(shape[-1], dtype=F32, seed=3)
    ours, our_weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    y = kernels.rms_norm(ours, our_weight, 1e-5)
    y.backward(d_y)
    exact, exact_weight = leaves(x, weight)
    wanted = exact * (exact.square().mean(-1, keepdim=True) + 1e-5).rsqrt() * exact_weight
    wanted.backward(d_y.double())
    assert y.dtype == dtype and our_weight.grad is not None and our_weight.grad.dtype == F32
    assert_close(y, wanted, dtype)
    assert ours.grad is not None and exact.grad is not None and exact_weight.grad is not None
    assert_close(ours.grad, exact.grad, dtype, factor=2)
    assert_close(our_weight.grad, exact_weight.grad, dtype)


@pytest.mark.parametrize("dtype", [F32, BF16])
@pytest.mark.parametrize("shape", [(1, 2), (3, 34), (2, 5, 128), (7, 1408 * 2)])
def test_swiglu(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    halves = draw(*shape, dtype=dtype, seed=1) * 3
    d_y = draw(*shape[:-1], shape[-1] // 2, dtype=dtype, seed=2)
    ours = halves.clone().requires_grad_()
    y = kernels.swiglu(ours)
    y.backward(d_y)
    (exact,) = leaves(halves)
    first, second = exact.chunk(2, dim=-1)
    wanted = first * torch.sigmoid(first) * second
    wanted.backward(d_y.double())
    assert ours.grad is not None and exact.grad is not None
    assert_close(y, wanted, dtype)
    assert_close(ours.grad, exact.grad, dtype)


def test_swiglu_far_out() -> None:
    first = torch.tensor([[-1e4, -200.0, -88.0, 88.0, 200.0, 1e4]])
    halves = torch.cat((first, torch.ones_like(first)), dim=-1).requires_grad_()
    y = kernels.swiglu(halves)
    y.sum().backward()
    assert torch.allclose(y, torch.nn.functional.silu(first), atol=1e-30, rtol=1e-6)
    assert halves.grad is not None and halves.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [F32, BF16])
@pytest.mark.parametrize(("shape", "shared"), [((2, 5, 3, 64), False), ((3, 7, 1, 36), True), ((1, 2, 4, 128), False)])
def test_rotate(shape: tuple[int, int, int, int], shared: bool, dtype: torch.dtype) -> None:
    rows, tokens, heads, width = shape
    angles = draw(1 if shared else rows, tokens, 1, width // 2, dtype=F32, seed=5)
    fused = draw(rows, tokens, heads + 2, width, dtype=dtype, seed=1).requires_grad_()
    d_y = draw(*shape, dtype=dtype, seed=2)
    y = kernels.rotate(fused[:, :, :heads], angles.cos(), angles.sin())
    y.backward(d_y)
    (exact,) = leaves(fused)
    first, second = exact[:, :, :heads].chunk(2, dim=-1)
    cos, sin = angles.cos().double(), angles.sin().double()
    wanted = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
    wanted.backward(d_y.double())
    assert fused.grad is not None and exact.grad is not None
    assert_close(y, wanted, dtype)
    assert_close(fused.grad, exact.grad, dtype)


@pytest.mark.parametrize("dtype", [F32, BF16])
@pytest.mark.parametrize(("rows", "classes"), [(1, 2), (5, 17), (4, 6400), (9, 33)])
def test_cross_entropy(rows: int, classes: int, dtype: torch.dtype) -> None:
    logits = draw(rows, classes, dtype=dtype, seed=1) * 4
    targets = torch.randint(0, classes, (rows,), generator=torch.Generator().manual_seed(2))
    (exact,) = leaves(logits)
    wanted = torch.nn.functional.cross_entropy(exact, targets, reduction="none")
    wanted.sum().backward()
    untouched = logits.clone()
    assert_close(kernels.cross_entropy(untouched, targets, gradient=False), wanted, F32)
    assert torch.equal(untouched, logits), "without a gradient the logits stay"
    assert_close(kernels.cross_entropy(logits, targets, gradient=True), wanted, F32)
    assert exact.grad is not None
    assert_close(logits, exact.grad, dtype)


def test_cross_entropy_leaves_out_negative_targets() -> None:
    logits = draw(3, 40, dtype=F32)
    nats = kernels.cross_entropy(logits, torch.tensor([4, -100, 7]), gradient=True)
    assert nats[1] == 0 and nats[0] > 0 and nats[2] > 0
    assert logits[1].count_nonzero() == 0 and logits[0].count_nonzero() == 40


def test_cross_entropy_refuses_a_class_that_is_not_there() -> None:
    with pytest.raises(IndexError, match="target 40 of 40"):
        kernels.cross_entropy(draw(2, 40, dtype=F32), torch.tensor([1, 40]), gradient=False)


# ---- what must not be lost ----


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("dtype", [F32, BF16])
@pytest.mark.parametrize("at", [0, 20])
def test_what_is_not_finite_stays_visible(bad: float, dtype: torch.dtype, at: int) -> None:
    row = draw(1, 24, dtype=dtype)
    row[0, at] = bad
    assert not kernels.rms_norm(row, torch.ones(24), 1e-5).isfinite().all()
    assert not kernels.swiglu(row).isfinite().all()
    assert not kernels.rotate(row[None, None], torch.ones(1, 1, 1, 12), torch.ones(1, 1, 1, 12)).isfinite().all()
    assert not kernels.cross_entropy(row.clone(), torch.tensor([3]), gradient=False).isfinite().all()
    q, k, v = (draw(1, 80, 1, 32, dtype=dtype, seed=seed) for seed in range(3))
    for part in (q, k, v):
        broken = part.clone()
        broken[0, at + 3, 0, 5] = bad
        parts = [broken if other is part else other for other in (q, k, v)]
        assert not kernels.attend(*parts, *edges(1, 80), scale=0.2).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_other_dtypes_stay_with_torch(dtype: torch.dtype) -> None:
    assert not kernels.usable(torch.zeros(2, dtype=dtype))


def test_mixed_dtypes_stay_with_torch() -> None:
    assert not kernels.usable(torch.zeros(2), torch.zeros(2, dtype=BF16))
    assert kernels.usable(torch.zeros(2), torch.zeros(2))


def test_meta_tensors_stay_with_torch() -> None:
    assert not kernels.usable(torch.zeros(2, device="meta"))


@pytest.mark.parametrize("dtype", [F32, BF16])
def test_operators_keep_their_promises(dtype: torch.dtype) -> None:
    """Schema, fake tensors and autograd registration, as torch itself checks them: what torch.compile relies on."""
    checks = ("test_schema", "test_autograd_registration", "test_faketensor")
    x = draw(2, 9, 4, 32, dtype=dtype).requires_grad_()
    first, last = (edge.contiguous() for edge in edges(2, 9))
    angles = torch.rand(1, 9, 1, 16)
    ops = torch.ops.hanlin
    for op, arguments in (
        (ops.attend, (x, x, x, first, last, 0.2)),
        (ops.rms_norm, (x, torch.ones(32, requires_grad=True), 1e-5)),
        (ops.swiglu, (x,)),
        (ops.rotate, (x, angles, angles, 1.0)),
        (ops.cross_entropy, (x.detach().reshape(-1, 32), torch.zeros(72, dtype=torch.long), False)),
    ):
        torch.library.opcheck(op.default, arguments, test_utils=checks)


def test_torch_compile_sees_one_graph() -> None:
    """Kernels are operators: tracing passes through them without a break, forward and backward."""
    first, last = edges(2, 70, (30,))
    angles = torch.rand(1, 70, 1, 16)

    def layer(x: Tensor, weight: Tensor) -> Tensor:
        normed = kernels.rotate(kernels.rms_norm(x, weight, 1e-5), angles.cos(), angles.sin())
        return kernels.swiglu(kernels.attend(normed, normed, x, first, last, scale=0.2))

    def run(function: Callable[[Tensor, Tensor], Tensor]) -> list[Tensor]:
        x, weight = draw(2, 70, 2, 32, dtype=F32).requires_grad_(), torch.ones(32, requires_grad=True)
        y = function(x, weight)
        return [y.detach(), *torch.autograd.grad(y.square().sum(), (x, weight))]

    traced = torch.compile(layer, fullgraph=True, backend="aot_eager")
    for mine, wanted in zip(run(traced), run(layer), strict=True):
        assert torch.equal(mine, wanted)


# ---- cost ----


def test_the_first_call_does_not_import_the_compiler():
    """torch.compile takes a second to import, and the first answer would wait for it."""
    code = """
import sys, torch
from hanlin.model import kernels
kernels.rms_norm(torch.ones(2, 16), torch.ones(16), 1e-6)
kernels.swiglu(torch.ones(2, 16))
sys.exit("torch._dynamo" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
