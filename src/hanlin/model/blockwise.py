"""Attention from torch's own products, one block of queries after the other: what a CPU without our kernels runs.

torch's fused CPU attention reaches a third of the speed of its matrix products (bfloat16, E = 64). This one multiplies
a block of queries with the keys it may see and no others, and folds the query heads that share a key head into the rows
of one product. It keeps the weights for the backward pass, so it is for rows of moderate length (`fits`).
In bfloat16 the scores are rounded before the softmax, as in every explicit implementation.

Legend: B batch, T tokens, H heads, K kv heads, G = H / K, E head width, Q queries of a block, S keys it sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

BLOCK = 64  # queries: smaller wastes less above the diagonal, larger gives fuller products; 32 to 128 are close
WEIGHT_BYTES = 2**26  # of one layer, kept until backward; longer rows are left to torch's attention, linear in memory


@dataclass(frozen=True)
class Block:
    """Queries start to stop see keys low to stop; mask (B or 1, Q, S): what is added to their scores, 0 or -inf."""

    start: int
    stop: int
    low: int
    mask: Tensor


def fits(q: Tensor) -> bool:
    """Whether q (B, T, H, E) is on the CPU, long enough to be cut, and the weights to keep stay small."""
    rows, tokens, heads, _ = q.shape
    small = rows * heads * tokens * tokens // 2 * q.element_size() <= WEIGHT_BYTES
    return q.device.type == "cpu" and tokens >= BLOCK and small


def cut(first: Tensor, dtype: torch.dtype) -> list[Block]:
    """Blocks of causal attention where query t sees no key before first[t]; first (B or 1, T) with first[t] <= t."""
    tokens = first.shape[1]
    keys = torch.arange(tokens, device=first.device)
    blocks = []
    for start in range(0, tokens, BLOCK):
        stop = min(start + BLOCK, tokens)
        low = int(first[:, start:stop].min())
        seen = keys[low:stop]
        hidden = (seen < first[:, start:stop, None]) | (seen > keys[start:stop, None])
        mask = torch.zeros(hidden.shape, dtype=dtype, device=first.device).masked_fill_(hidden, -torch.inf)
        blocks.append(Block(start, stop, low, mask))
    return blocks


def attend(q: Tensor, k: Tensor, v: Tensor, blocks: Sequence[Block], *, scale: float) -> Tensor:
    """softmax(q k^T * scale + mask) v. q (B, T, H, E), k and v (B, T, K, E) -> (B, T, H, E)."""
    num_kv = k.shape[2]
    queries = q.unflatten(2, (num_kv, -1)).permute(0, 2, 1, 3, 4).flatten(2, 3)  # (B, K, T * G, E)
    out = _Blockwise.apply(
        queries.flatten(0, 1), k.transpose(1, 2).flatten(0, 1), v.transpose(1, 2).flatten(0, 1), blocks, scale
    )
    return out.unflatten(0, (-1, num_kv)).unflatten(2, (q.shape[1], -1)).permute(0, 2, 1, 3, 4).flatten(2, 3)


class _Blockwise(torch.autograd.Function):
    """q (B * K, T * G, E), rows ordered by token, then head; k and v (B * K, T, E)."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, blocks: Sequence[Block], scale: float) -> Tensor:
        out, kept = torch.empty_like(q), []
        group = q.shape[1] // k.shape[1]
        for block in blocks:
            rows, seen = slice(block.start * group, block.stop * group), slice(block.low, block.stop)
            mask = _per_row(block.mask, len(q), group)
            weights = torch.baddbmm(mask, q[:, rows], k[:, seen].mT, alpha=scale).softmax(dim=-1)
            torch.bmm(weights, v[:, seen], out=out[:, rows])
            kept.append(weights)
        ctx.save_for_backward(q, k, v, *kept)
        ctx.blocks, ctx.scale = blocks, scale
        return out

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        """With P the weights: dV = P^T dO, dS = P (dO V^T - row sum), dQ = dS K, dK = dS^T Q."""
        q, k, v, *kept = ctx.saved_tensors
        d_out = upstream[0].contiguous()
        d_q, wide = torch.empty_like(q), torch.promote_types(q.dtype, torch.float32)
        d_k, d_v = torch.zeros_like(k, dtype=wide), torch.zeros_like(v, dtype=wide)
        group = q.shape[1] // k.shape[1]
        for block, weights in zip(ctx.blocks, kept, strict=True):
            rows, seen = slice(block.start * group, block.stop * group), slice(block.low, block.stop)
            d_v[:, seen] += torch.bmm(weights.mT, d_out[:, rows])
            d_weights = torch.bmm(d_out[:, rows], v[:, seen].mT)
            d_scores = torch.ops.aten._softmax_backward_data(d_weights, weights, -1, weights.dtype)
            torch.bmm(d_scores, k[:, seen], out=d_q[:, rows])
            d_k[:, seen] += torch.bmm(d_scores.mT, q[:, rows])
        return d_q.mul_(ctx.scale), d_k.mul_(ctx.scale).to(k.dtype), d_v.to(v.dtype), None, None


def _per_row(mask: Tensor, batch: int, group: int) -> Tensor:
    """(B or 1, Q, S) -> (B * K, Q * G, S): every kv head of a row and every head of a token hide the same."""
    rows, queries, keys = mask.shape
    return mask[:, None, :, None].expand(rows, batch // rows, queries, group, keys).reshape(-1, queries * group, keys)
