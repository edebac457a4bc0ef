"""Grouped-query attention.

Legend: B batch, T new tokens, S cached + new tokens, H heads, K kv heads, G = H / K heads that share one kv head,
E head width, D width,
M tokens of an encoder.

    heads    0 1 2 3 | 4 5 6 7      H = 8
    kv heads    0    |    1         K = 2: four heads read the same keys and values (GQA, Ainslie 2023)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hanlin.model import blockwise, kernels
from hanlin.model.cache import KVCache
from hanlin.model.linear import Linear
from hanlin.model.masks import Layout
from hanlin.model.memory import Memory
from hanlin.model.norms import RMSNorm
from hanlin.model.positions import rotate


class Attend(Protocol):
    """The inner product of attention, behind one door so that a faster one can take its place."""

    def __call__(
        self, q: Tensor, k: Tensor, v: Tensor, layout: Layout, *, scale: float, dropout: float = 0.0
    ) -> Tensor: ...


View = Callable[[Layout], Layout]

SHORT = 64
"""Tokens of a text up to which attention written out beats the fused product on a CPU."""
LEARNED = 128 * 384
"""Queries times keys of a row up to which it does where gradients are asked for (2 to 7 x as fast to 128 x 128)."""


def whole(layout: Layout) -> Layout:
    """The view of a layer that sees all there is to see."""
    return layout


def sliding(layout: Layout) -> Layout:
    """The view of a layer that sees no further back than the model's window."""
    assert layout.sliding is not None, "the model lays out windows where a layer has one"
    return layout.sliding


def attend(q: Tensor, k: Tensor, v: Tensor, layout: Layout, *, scale: float, dropout: float = 0.0) -> Tensor:
    """softmax(q k^T * scale) v where the layout allows. q (B, T, H, E), k and v (B, S, K, E) -> (B, T, H, E)."""
    if layout.bias is not None:
        return _attend_biased(q, k, v, layout.bias, scale=scale, dropout=dropout)
    if layout.runs:
        return _attend_runs(q, k, v, layout.runs, scale)
    ranged = dropout == 0 and (layout.causal or layout.both_ways or layout.segments is not None)
    if ranged and kernels.usable(q, k, v):
        return kernels.attend(q, k, v, *layout.reach, scale=scale)
    if ranged and not layout.both_ways and blockwise.fits(q):
        return blockwise.attend(q, k, v, layout.blocks(q.dtype), scale=scale)
    if q.shape[1] == 1 and dropout == 0:
        return _attend_one(q, k, v, layout.mask, scale)
    learned = q.requires_grad and q.shape[1] * k.shape[1] <= LEARNED and q.device.type == "cpu"
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    grouped = q.shape[1] != k.shape[1]
    if learned and dropout == 0 and not grouped and not layout.causal:
        return _attend_short(q, k, v, scale, layout.mask).transpose(1, 2)
    out = F.scaled_dot_product_attention(
        q, k, v, attn_mask=layout.mask, dropout_p=dropout, is_causal=layout.causal, scale=scale, enable_gqa=grouped
    )
    return out.transpose(1, 2)


def _attend_one(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """Attention of one new token per row: the heads of a group stand where tokens would, G queries over one kv head.

    torch's own way with groups reads the keys once per head and is several times as slow on a CPU (bfloat16, H = 8,
    K = 2, S = 128: 69 us for one row, 1150 us for 16; so 13 and 101 us).
    """
    queries = q.view(q.shape[0], k.shape[2], -1, q.shape[3])  # (B, K, G, E)
    out = F.scaled_dot_product_attention(queries, k.transpose(1, 2), v.transpose(1, 2), attn_mask=mask, scale=scale)
    return out.reshape(q.shape)


def _attend_runs(q: Tensor, k: Tensor, v: Tensor, runs: Sequence[tuple[int, int]], scale: float) -> Tensor:
    """Attention inside each of many texts that stand in one row: no padding, no mask. All (1, T, H, E)."""
    parts, start = [], 0
    for number, length in runs:
        here = slice(start, start := start + number * length)
        a, b, c = (part[0, here].unflatten(0, (number, length)).transpose(1, 2) for part in (q, k, v))  # (n, H, L, E)
        short = length <= SHORT
        found = _attend_short(a, b, c, scale) if short else F.scaled_dot_product_attention(a, b, c, scale=scale)
        parts.append(found.transpose(1, 2).flatten(0, 1))
    return torch.cat(parts)[None]


def _attend_short(q: Tensor, k: Tensor, v: Tensor, scale: float, mask: Tensor | None = None) -> Tensor:
    """softmax(q k^T * scale) v written out: the fused product takes three times as long over 16 tokens (a CPU)."""
    scores = (q * scale) @ k.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(dim=-1) @ v


def _attend_biased(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, *, scale: float, dropout: float) -> Tensor:
    """As `attend`, scores plus `bias` (B or 1, H, T, S), which holds the mask too."""
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    grouped = q.shape[1] != k.shape[1]
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout, scale=scale, enable_gqa=grouped)
    return out.transpose(1, 2)


def attend_capped(
    q: Tensor, k: Tensor, v: Tensor, layout: Layout, *, cap: float, scale: float, dropout: float = 0.0
) -> Tensor:
    """As `attend`, but every score s is cap x tanh(s / cap) before the mask (Gemma 2). No fused product knows that.

    The softmax is that of float32, as published models were trained.
    """
    num_kv, mask = k.shape[2], layout.whole_mask
    q = q.transpose(1, 2).unflatten(1, (num_kv, -1))  # (B, K, G, T, E)
    k, v = k.transpose(1, 2)[:, :, None], v.transpose(1, 2)[:, :, None]  # (B, K, 1, S, E)
    scores = cap * torch.tanh(q @ k.mT * (scale / cap))
    if layout.bias is not None:
        scores = scores + layout.bias.unflatten(1, (num_kv, -1))
    elif mask is not None:
        scores = scores.masked_fill(~mask[:, :, None], -math.inf)
    weights = scores.softmax(dim=-1, dtype=torch.promote_types(q.dtype, torch.float32)).to(q.dtype)
    return (F.dropout(weights, dropout) @ v).flatten(1, 2).transpose(1, 2)


class Attention(nn.Module):
    """Self-attention of one layer.

    qkv: one projection to queries, keys and values, in this order. q_norm, k_norm: per-head norms before rotation.
    scale: of the scores, 1 / root of head_dim unless given. view: which of a pass's layouts this layer follows.
    """

    def __init__(
        self,
        *,
        qkv: Linear,
        out: Linear,
        num_heads: int,
        num_kv_heads: int,
        head_dim: int,
        layer: int,
        q_norm: RMSNorm | None = None,
        k_norm: RMSNorm | None = None,
        scale: float | None = None,
        dropout: float = 0.0,
        compute: Attend = attend,
        view: View = whole,
    ) -> None:
        super().__init__()
        self.qkv, self.out, self.q_norm, self.k_norm = qkv, out, q_norm, k_norm
        self.num_heads, self.num_kv_heads, self.head_dim, self.layer = num_heads, num_kv_heads, head_dim, layer
        self.scale, self.dropout, self.compute, self.view = scale or head_dim**-0.5, dropout, compute, view

    def forward(self, x: Tensor, layout: Layout, cache: KVCache | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        layout = self.view(layout)
        q, k, v = self._project(x, layout)
        if cache is not None:
            k, v = cache.append(self.layer, k, v)
        dropout = self.dropout if self.training else 0.0
        heads = self.compute(q, k, v, layout, scale=self.scale, dropout=dropout)
        return self.out(heads.flatten(2))

    def _project(self, x: Tensor, layout: Layout) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, T, H, E), keys and values (B, T, K, E), normed and rotated."""
        num_q, num_kv = self.num_heads, self.num_kv_heads
        heads = self.qkv(x).unflatten(-1, (num_q + 2 * num_kv, self.head_dim))
        qk, v = heads.split((num_q + num_kv, num_kv), dim=2)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = qk.split((num_q, num_kv), dim=2)
            q, k = self.q_norm(q), self.k_norm(k)
            if layout.rotation is not None:
                q, k = rotate(q, layout.rotation), rotate(k, layout.rotation)
            return q, k, v
        if layout.rotation is not None:
            qk = rotate(qk, layout.rotation)  # queries and keys turn alike: one pass over both
        q, k = qk.split((num_q, num_kv), dim=2)
        return q, k, v


class CrossAttention(nn.Module):
    """Attention of a decoder's tokens to the states of an encoder.

    kv: one projection of the memory to keys and values, in this order. scale: as in Attention.
    """

    def __init__(
        self,
        *,
        q: Linear,
        kv: Linear,
        out: Linear,
        num_heads: int,
        num_kv_heads: int,
        head_dim: int,
        layer: int,
        scale: float | None = None,
        dropout: float = 0.0,
        compute: Attend = attend,
    ) -> None:
        super().__init__()
        self.q, self.kv, self.out = q, kv, out
        self.num_heads, self.num_kv_heads, self.head_dim, self.layer = num_heads, num_kv_heads, head_dim, layer
        self.scale, self.dropout, self.compute = scale or head_dim**-0.5, dropout, compute

    def forward(self, x: Tensor, memory: Memory, layout: Layout) -> Tensor:
        """(B, T, D) and the encoder's states -> (B, T, D); every token sees all of the encoder's real tokens."""
        q = self.q(x).unflatten(-1, (self.num_heads, self.head_dim))
        self.remember(memory)
        k, v = memory.kept[self.layer]
        dropout = self.dropout if self.training else 0.0
        seen = Layout(layout.positions, causal=False, slots=memory.real)
        heads = self.compute(q, k, v, seen, scale=self.scale, dropout=dropout)
        return self.out(heads.flatten(2))

    def remember(self, memory: Memory) -> None:
        """Put this layer's keys and values (B, M, K, E) of the states (B, M, D) into the memory, once."""
        if self.layer not in memory.kept:
            k, v = self.kv(memory.states).unflatten(-1, (2 * self.num_kv_heads, self.head_dim)).chunk(2, dim=2)
            memory.kept[self.layer] = k, v
