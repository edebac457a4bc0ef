"""RMSNorm without kernels against torch's own, and that both paths of a machine agree."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hanlin.model import kernels
from hanlin.model.norms import rms_norm


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without a compiler."""
    monkeypatch.setattr(kernels, "usable", lambda *_: False)


def draw(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def gradients(y: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(y, parts, draw(*y.shape, seed=9, dtype=y.dtype))


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("shape", [(1, 1), (3, 17), (2, 5, 64), (2, 3, 4, 8)])
def test_equals_torch(shape: tuple[int, ...]) -> None:
    x, weight = draw(*shape, seed=1).requires_grad_(), draw(shape[-1], seed=2).requires_grad_()
    ours, theirs = rms_norm(x, weight, 1e-5), F.rms_norm(x, weight.shape, weight, 1e-5)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    for mine, wanted in zip(gradients(ours, x, weight), gradients(theirs, x, weight), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("plain")
def test_gradient_is_the_slope() -> None:
    x, weight = draw(3, 7, seed=1).requires_grad_(), draw(7, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: rms_norm(a, b, 1e-5), (x, weight))


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_keeps_the_dtype_and_leaves_its_input_alone(dtype: torch.dtype) -> None:
    x, weight = draw(4, 64, seed=1, dtype=dtype), draw(64, seed=2, dtype=torch.float32).requires_grad_()
    before = x.clone()
    y = rms_norm(x.requires_grad_(), weight, 1e-5)
    d_x, d_weight = gradients(y, x, weight)
    assert (y.dtype, d_x.dtype, d_weight.dtype) == (dtype, dtype, torch.float32)
    assert torch.equal(x, before)
    wanted = F.rms_norm(before.double(), weight.shape, weight.double(), 1e-5)
    torch.testing.assert_close(y.double(), wanted, rtol=1e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-3)


@pytest.mark.skipif(kernels.library() is None, reason="no native kernels here")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_both_paths_agree(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    x, weight = draw(40, 96, seed=1, dtype=dtype).requires_grad_(), draw(96, seed=2).float().requires_grad_()
    native = rms_norm(x, weight, 1e-5)
    native_gradients = gradients(native, x, weight)
    monkeypatch.setattr(kernels, "usable", lambda *_: False)
    plain = rms_norm(x, weight, 1e-5)
    close = {"rtol": 2e-2, "atol": 2e-2} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(native, plain, **close)
    for one, other in zip(native_gradients, gradients(plain, x, weight), strict=True):
        torch.testing.assert_close(one, other, **close)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_without_a_gradient_the_numbers_are_the_same(dtype: torch.dtype) -> None:
    x, weight = draw(2, 3, 64, seed=1, dtype=dtype), draw(64, seed=2).float()
    with torch.no_grad():
        quick = rms_norm(x, weight, 1e-5)
    kept = rms_norm(x.requires_grad_(), weight, 1e-5)
    assert quick.dtype == kept.dtype == dtype
    torch.testing.assert_close(quick, kept, rtol=1e-2 if dtype == torch.bfloat16 else 1e-6, atol=1e-7)
