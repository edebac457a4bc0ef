"""Normalisation of the last dimension.

Legend: * any leading dimensions, D width of what is normalised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hanlin.model import kernels

RmsNorm = Callable[[Tensor, Tensor, float], Tensor]


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight (Zhang & Sennrich 2019). (*, D), (D,) -> (*, D) in the dtype of x.

    The mean is taken in float32 at least: bfloat16 keeps 8 bits and a sum of 512 squares would lose most of them.
    """
    if kernels.usable(x) and weight.dtype == torch.float32:
        return kernels.rms_norm(x, weight, eps)
    if x.device.type == "cpu" and torch.is_grad_enabled():
        return _PlainRmsNorm.apply(x, weight, eps)
    if x.device.type == "cpu":
        wide = torch.promote_types(x.dtype, torch.float32)
        return F.rms_norm(x.to(wide), weight.shape, weight.to(wide), eps).to(x.dtype)
    return F.rms_norm(x, weight.shape, weight.to(x.dtype), eps)


class _PlainRmsNorm(torch.autograd.Function):
    """RMSNorm in half the passes over memory that torch's composition takes on a CPU, and no graph of ten nodes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        inverse = torch.rsqrt(torch.linalg.vecdot(wide, wide).div_(x.shape[-1]).add_(eps)).unsqueeze(-1)
        ctx.save_for_backward(x, weight, inverse)
        return (wide * inverse).mul_(weight).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        """With n = x / rms and g the gradient of y: dw = sum of g n, dx = (g w - n mean(g w n)) / rms."""
        x, weight, inverse = ctx.saved_tensors
        normed = (x.to(inverse.dtype) * inverse).flatten(0, -2)
        slope = upstream[0].to(inverse.dtype).flatten(0, -2)
        product = slope * normed
        d_weight = product.new_ones(len(product)) @ product
        pull = torch.mv(product, weight.to(product.dtype)).div_(-x.shape[-1]).unsqueeze(1)
        d_x = normed.mul_(pull).addcmul_(slope, weight.to(slope.dtype)).mul_(inverse.flatten(0, -2))
        return d_x.to(x.dtype).view_as(x), d_weight.to(weight.dtype), None


class RMSNorm(nn.Module):
    """Root-mean-square norm with a trained weight; `compute` is the function that does it."""

    def __init__(self, size: int, *, eps: float, compute: RmsNorm = rms_norm) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size))
        self.eps, self.compute = eps, compute

    def forward(self, x: Tensor) -> Tensor:
        """(*, D) -> (*, D)."""
        return self.compute(x, self.weight, self.eps)


class OffsetRMSNorm(RMSNorm):
    """RMS norm whose trained weight is its distance from 1 (Gemma)."""

    def forward(self, x: Tensor) -> Tensor:
        """(*, D) -> (*, D)."""
        return self.compute(x, self.weight + 1, self.eps)


class LayerNorm(nn.Module):
    """Mean and variance norm with a trained weight and bias (Ba 2016)."""

    def __init__(self, size: int, *, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size))
        self.bias = nn.Parameter(torch.empty(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """(*, D) -> (*, D)."""
        return F.layer_norm(x, self.weight.shape, self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps)
