"""Attention that asks how far away a token is, and whether it is of the same kind (Transformer-XL, Dai 2019; XLNet).

A score has three parts, each with a trained bias in place of what a query without content would ask:

    (q + content bias) . k          what stands there
    (q + distance bias) . r(i - j)  how far away it is: a projection of the sines of the distance
    (q + kind bias) . s             whether it is of one kind (s = same) or not (s = other); nothing without kinds

Legend: B batch (1 where rows are alike), T queries, S keys, H heads, E head width, D width, N distances there can be.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from hanlin.model.attention import Attention
from hanlin.model.cache import KVCache
from hanlin.model.linear import Linear
from hanlin.model.masks import Between, Layout
from hanlin.model.rope import plain_radians

HIDDEN = -1e30
"""Added to a score that may not count. Finite, as published: a query that may see nothing sees all keys alike."""


class Distances:
    """Sines and cosines of all distances of a pass, and which of them lies between which tokens.

    Not a module: they are formulas. Worked out in float32, as published models were trained.
    """

    def __init__(self, *, size: int, theta: float) -> None:
        self._radians = plain_radians(size, theta)

    def __call__(self, layout: Layout, dtype: torch.dtype) -> Layout:
        """The layout with what lies between its tokens."""
        keys, queries = layout.positions, _asked(layout.positions, layout.asking)
        away = queries[:, :, None] - keys[:, None, :]  # (B or 1, T, S)
        farthest = int(away.abs().max())
        angles = torch.arange(-farthest, farthest + 1, device=keys.device).float()[:, None] * self._radians.to(
            keys.device
        )
        sines = torch.cat((angles.sin(), angles.cos()), dim=-1)
        return replace(layout, distances=Between(sines.to(dtype), away + farthest, _kinds(layout)))


def _kinds(layout: Layout) -> Tensor | None:
    """(B, T, S) int64: 0 where query and key are of one kind, else 1."""
    if layout.kinds is None:
        return None
    return (_asked(layout.kinds, layout.asking)[:, :, None] != layout.kinds[:, None, :]).long()


def _asked(of_keys: Tensor, asking: Tensor | None) -> Tensor:
    """(B or 1, S) -> (B, T): the same of all queries, those that ask behind the last key taking it from their place."""
    if asking is None:
        return of_keys
    of_keys = of_keys.expand(len(asking), -1)
    return torch.cat((of_keys, of_keys.gather(1, asking)), dim=1)


class DistanceAttention(Attention):
    """Self-attention with scores by content, distance and kind. distance: the projection of the sines.

    Queries may outnumber keys: those behind the last key ask, and nobody sees them (streams.py).
    """

    def __init__(self, *, distance: Linear, **parts: Any) -> None:
        super().__init__(**parts)
        size = self.num_heads * self.head_dim
        self.distance = distance
        self.content_bias, self.distance_bias, self.kind_bias = (nn.Parameter(torch.empty(size)) for _ in range(3))
        self.kinds = nn.Parameter(torch.empty(2 * size))  # flat, as the biases are: no matrix to an optimizer

    def forward(self, x: Tensor, layout: Layout, cache: KVCache | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        between = layout.distances
        assert between is not None and cache is None, "read at once, by a stack that knows distances"
        q, k, v = self._project(x, layout)
        num_keys = between.places.shape[2]
        bias = self._scores(q, between) * self.scale
        if (mask := layout.mask) is not None:
            bias = bias + torch.where(mask, 0.0, HIDDEN).to(bias.dtype)
        asked, dropout = q + self._heads(self.content_bias, q.dtype), self.dropout if self.training else 0.0
        k, v, seen = k[:, :num_keys], v[:, :num_keys], replace(layout, bias=bias)
        return self.out(self.compute(asked, k, v, seen, scale=self.scale, dropout=dropout).flatten(2))

    def _heads(self, weight: Tensor, dtype: torch.dtype) -> Tensor:
        """(.. H E) -> (.., H, E)."""
        return weight.to(dtype).unflatten(-1, (self.num_heads, self.head_dim))

    def _scores(self, q: Tensor, between: Between) -> Tensor:
        """(B, H, T, S), by distance and kind."""
        far = self._heads(self.distance(between.sines), q.dtype)  # (N, H, E)
        by_distance = torch.einsum("bthe,nhe->bhtn", q + self._heads(self.distance_bias, q.dtype), far)
        places = between.places[:, None].expand(len(q), self.num_heads, -1, -1)
        scores = by_distance.gather(3, places)
        if between.kinds is None:
            return scores
        kinds = self._heads(self.kinds.view(2, -1), q.dtype)
        by_kind = torch.einsum("bthe,khe->bhtk", q + self._heads(self.kind_bias, q.dtype), kinds)
        return scores + by_kind.gather(3, between.kinds[:, None].expand_as(scores))
