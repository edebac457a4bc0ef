"""Positions as scores: what attention adds for the distance between two tokens (T5, Raffel 2020).

Legend: B batch (1 where rows share positions), T tokens, S keys, H heads, N buckets.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hanlin.model.masks import Layout


class RelativePositions(nn.Module):
    """A trained score per head and bucket of distances, shared by all layers of a stack.

    both_ways: half of the buckets are for what stands behind a token (encoders). distance: from here on all distances
    share the last bucket.
    """

    def __init__(self, *, num_heads: int, num_buckets: int, distance: int, both_ways: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_buckets, num_heads))
        self.distance, self.both_ways = distance, both_ways

    def forward(self, layout: Layout, dtype: torch.dtype) -> Layout:
        """The layout with its bias (B or 1, H, T, S) in `dtype`, -inf where a token may not look."""
        keys = layout.positions if layout.keys is None else layout.keys
        places = bucket(
            keys[:, None, :] - layout.positions[:, :, None],
            num_buckets=len(self.weight),
            distance=self.distance,
            both_ways=self.both_ways,
        )
        bias = F.embedding(places, self.weight.to(dtype)).permute(0, 3, 1, 2)
        mask = layout.whole_mask
        return replace(layout, bias=bias if mask is None else bias.masked_fill(~mask, -math.inf))


def bucket(offsets: Tensor, *, num_buckets: int, distance: int, both_ways: bool) -> Tensor:
    """Bucket of each offset key - query: near ones have their own, farther ones share by logarithm (T5, 2.1).

    Float32, as published weights were trained: in a wider type some offsets fall into the next bucket.
    """
    start = torch.zeros_like(offsets)
    if both_ways:
        num_buckets //= 2
        start = (offsets > 0) * num_buckets
    far = offsets.abs() if both_ways else (-offsets).clamp(min=0)
    exact = num_buckets // 2
    shares = torch.log(far.float() / exact) / math.log(distance / exact) * (num_buckets - exact)
    shared = (exact + shares.clamp(min=0).long()).clamp(max=num_buckets - 1)
    return start + torch.where(far < exact, far, shared)
