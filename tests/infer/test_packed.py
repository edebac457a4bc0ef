"""Matrices for generating against torch's own product of the same numbers."""

from __future__ import annotations

import pytest
import torch
from tests.infer.conftest import make_model, shape
from torch import Tensor

from hanlin.infer import packed
from hanlin.infer.packed import CastLinear, PackedLinear, make_linear
from hanlin.model.linear import Linear

F32, BF16 = torch.float32, torch.bfloat16
CLOSE = {F32: 2e-6, BF16: 8e-3}  # of the largest result; bfloat16 keeps 8 bits of it


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def linear(out_size: int, in_size: int, *, bias: bool = False) -> Linear:
    part = Linear(in_size, out_size, bias=bias)
    with torch.no_grad():
        for seed, parameter in enumerate(part.parameters()):
            parameter.copy_(draw(*parameter.shape, seed=seed))
    return part


def check(part: Linear, copy: CastLinear | PackedLinear, x: Tensor) -> None:
    """In float64, on the very numbers that were multiplied."""
    found = copy(x)
    wanted = x.double() @ part.weight.detach().to(x.dtype).double().T
    if part.bias is not None:
        wanted += part.bias.detach().to(x.dtype).double()
    assert (found.shape, found.dtype) == (wanted.shape, x.dtype)
    torch.testing.assert_close(found.double(), wanted, rtol=0, atol=CLOSE[x.dtype] * float(wanted.abs().max()))


@pytest.fixture(params=[F32, BF16], ids=["float32", "bfloat16"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    return request.param


@pytest.mark.parametrize("kind", ["as this machine can", "cast only"])
@pytest.mark.parametrize(("out_size", "in_size"), [(128, 64), (261, 64), (5, 3), (1, 1), (1000, 33)])
@torch.no_grad()
def test_every_number_of_rows_and_every_shape(monkeypatch, kind, dtype, out_size, in_size):
    if kind == "cast only":
        monkeypatch.setattr(packed, "_has_operators", lambda: False)
    for bias in (False, True):
        part = linear(out_size, in_size, bias=bias)
        copy = make_linear(part, dtype)(part)
        for rows in (1, 2, 16, 67):
            check(part, copy, draw(rows, in_size).to(dtype))
        check(part, copy, draw(1, 1, in_size).to(dtype))
        check(part, copy, draw(2, 3, in_size).to(dtype))


@torch.no_grad()
def test_a_row_is_the_same_alone_and_among_others():
    part = linear(300, 500)
    copy, x = make_linear(part, F32)(part), draw(16, 500)
    alone = torch.cat([copy(row[None]) for row in x])
    torch.testing.assert_close(alone, copy(x), rtol=0, atol=2e-6 * float(alone.abs().max()))


@torch.no_grad()
def test_a_copy_stays_until_refreshed(dtype):
    part, one, many = linear(40, 24, bias=True), draw(1, 24).to(dtype), draw(3, 24).to(dtype)
    copy = make_linear(part, dtype)(part)
    before = copy(one), copy(many)
    for parameter in part.parameters():
        parameter.mul_(3)
    assert torch.equal(copy(one), before[0]) and torch.equal(copy(many), before[1])
    copy.refresh()
    check(part, copy, one)
    check(part, copy, many)


def test_other_types_are_cast_and_no_more():
    part = linear(8, 8)
    assert isinstance(make_linear(part, torch.float64)(part), CastLinear)


def test_a_model_shares_one_piece_of_memory():
    model = make_model(shape())
    parts = [part for part in model.modules() if isinstance(part, Linear)]
    copy = make_linear(model, F32)
    assert len({type(copy(part)) for part in parts}) == 1
