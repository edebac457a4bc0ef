"""Normalisation of the last dimension.

Legend: * any leading dimensions, D width of what is normalised.
"""

from __future__ import annotations

from collections.abc import Callable

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
    return F.rms_norm(x, weight.shape, weight.to(x.dtype), eps)


class RMSNorm(nn.Module):
    """Root-mean-square norm with a trained weight; `compute` is the function that does it."""

    def __init__(self, size: int, *, eps: float, compute: RmsNorm = rms_norm) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size))
        self.eps, self.compute = eps, compute

    def forward(self, x: Tensor) -> Tensor:
        """(*, D) -> (*, D)."""
        return self.compute(x, self.weight, self.eps)


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
