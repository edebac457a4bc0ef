"""Positions as a penalty: scores fall with distance, in each head at its own rate (ALiBi, Press 2022).

Legend: B batch (1 where rows share positions), T tokens, S keys, H heads.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from hanlin.model.masks import Layout


class Alibi:
    """score + slope x (key - query). Not a module: slopes are a formula and no weight to save."""

    def __init__(self, *, num_heads: int) -> None:
        self.slopes = torch.tensor(slopes(num_heads))

    def __call__(self, layout: Layout, dtype: torch.dtype) -> Layout:
        """The layout with its bias (B or 1, H, T, S) in `dtype`, -inf where a token may not look."""
        keys = layout.positions if layout.keys is None else layout.keys
        offsets = keys[:, None, :] - layout.positions[:, :, None]  # (B or 1, T, S)
        bias = (self.slopes.to(offsets.device)[:, None, None] * offsets[:, None]).to(dtype)
        mask = layout.whole_mask
        near = None if layout.sliding is None else self(layout.sliding, dtype)
        return replace(layout, bias=bias if mask is None else _hide(bias, mask), sliding=near)


def _hide(bias: Tensor, mask: Tensor) -> Tensor:
    return bias.masked_fill(~mask, -math.inf)


def slopes(num_heads: int) -> list[float]:
    """2^(-8 h / n) for h = 1 .. n where n is a power of two; else those of the power below, then every second one of
    the power above, as published models of 40 or 112 heads were trained."""
    power = 2 ** math.floor(math.log2(num_heads))
    first = [2 ** (-8 * head / power) for head in range(1, power + 1)]
    between = [2 ** (-8 * head / (2 * power)) for head in range(1, 2 * power + 1, 2)]
    return first + between[: num_heads - power]
