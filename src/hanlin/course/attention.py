"""Attention as the formulas have it (Vaswani 2017, 3.2), its weights in plain sight.

Legend: B batch, T tokens that ask (query), S tokens that are asked (key, value), H heads, E = D / H head width,
D d_model.

The house's own `hanlin.model.attention` never holds the weights (B, H, T, S): a kernel goes through them piece by
piece. Here they are a tensor, to be looked at. Both give the same output.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from hanlin.base.errors import InputError
from hanlin.model.linear import Linear


def linear(in_size: int, out_size: int) -> Linear:
    """The house's linear layer, filled as textbooks do: Xavier-uniform weights from torch's generator, no bias yet."""
    layer = Linear(in_size, out_size, bias=True)
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """softmax(Q K^T / sqrt(E)) V and the weights before V. query (*, T, E), key and value (*, S, E).

    mask: 0 = hidden, anything else = seen; it broadcasts to the weights (*, T, S). A token that may see nothing gets
    weights of 0, where the softmax of nothing would be NaN.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (*, T, S)
    if mask is None:
        weights = scores.softmax(dim=-1)
    else:
        hidden = mask == 0
        weights = scores.masked_fill(hidden, torch.finfo(scores.dtype).min).softmax(dim=-1).masked_fill(hidden, 0.0)
    return weights @ value, weights


class MultiHeadAttention(nn.Module):
    """Concat(head_1 .. head_H) W_o, where head_i attends with its own part of W_q, W_k and W_v.

    Raises InputError (E830) where num_heads does not divide d_model.
    """

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        if num_heads < 1 or d_model < 1 or d_model % num_heads:
            raise InputError("course.heads", d_model=d_model, num_heads=num_heads)
        self.d_model, self.num_heads = d_model, num_heads
        self.W_q, self.W_k, self.W_v = linear(d_model, d_model), linear(d_model, d_model), linear(d_model, d_model)
        self.W_o = linear(d_model, d_model)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """query (B, T, D), key and value (B, S, D) -> output (B, T, D), attention_weights (B, H, T, S).

        mask: 0 = hidden; (T, S) for all texts alike, (B, T, S), or (B or 1, H or 1, T or 1, S). Self-attention passes
        the same tensor three times. Raises InputError for tensors (E831) or a mask (E832) of another shape.
        """
        self._check(query, key, value)
        if mask is not None:
            mask = _per_head(mask, (query.shape[0], self.num_heads, query.shape[1], key.shape[1]))
        heads, attention_weights = scaled_dot_product_attention(
            self._split(self.W_q(query)), self._split(self.W_k(key)), self._split(self.W_v(value)), mask
        )
        output = self.W_o(heads.transpose(1, 2).flatten(2))  # (B, H, T, E) -> (B, T, H, E) -> (B, T, D)
        return output, attention_weights

    def _split(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, H, T, E): each head gets its own slice of the width."""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        shapes = [tuple(x.shape) for x in (query, key, value)]
        if any(len(shape) != 3 or shape[-1] != self.d_model for shape in shapes):
            raise InputError("course.width", shapes=shapes, d_model=self.d_model)
        if len({shape[0] for shape in shapes}) > 1 or shapes[1] != shapes[2]:
            raise InputError("course.lengths", shapes=shapes)


def causal_mask(num_tokens: int) -> Tensor:
    """(T, T) of 0 and 1: each token sees itself and all before it."""
    return torch.ones(num_tokens, num_tokens, dtype=torch.int64).tril()


def padding_mask(attention_mask: Tensor) -> Tensor:
    """(B, S) of 0 (padding) and 1 (token) -> (B, 1, 1, S): no head of any token sees padding."""
    return attention_mask[:, None, None, :]


def _per_head(mask: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
    """The mask with a dimension for heads, if it fits `shape` (B, H, T, S)."""
    wide = mask[:, None] if mask.dim() == 3 else mask
    sizes = (1,) * (4 - wide.dim()) + tuple(wide.shape)
    if len(sizes) != 4 or any(size not in (1, whole) for size, whole in zip(sizes, shape, strict=True)):
        raise InputError("course.mask", shape=tuple(mask.shape), weights=shape)
    return wide
