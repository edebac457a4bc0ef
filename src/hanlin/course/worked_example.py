"""Self-attention of 大/模/型 in numbers that can be checked with a pencil.

The embeddings and weights are made up, small and whole, so that every product can be done in the head; what they do to
each other is what happens in every layer. V has a 1 at the end of each row: so has the output, because the weights of
a row sum to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, tensor

TOKENS = ("大", "模", "型")

X = tensor([[1.0, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]])
W_Q = tensor([[1.0, 0, 0, 0], [0, 0, 1, 0], [1, 1, 0, 1], [1, 0, 1, 1]])
W_K = tensor([[0.0, 0, 0, 1], [1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 0, 0]])
W_V = tensor([[1.0, 0, -1, 1], [0, 0, 2, 1], [0, 2, -2, 0], [0, 0, 1, 0]])


@dataclass(frozen=True)
class Attention:
    """Every step of one head: q, k, v and output (3, 4); scores = q k^T, scaled, weights (3, 3)."""

    q: Tensor
    k: Tensor
    v: Tensor
    scores: Tensor
    scaled: Tensor
    weights: Tensor
    output: Tensor


def worked_example() -> Attention:
    """The steps in order, as docs/course/example.md tells them."""
    q, k, v = X @ W_Q, X @ W_K, X @ W_V
    scores = q @ k.T
    scaled = scores / math.sqrt(k.shape[1])
    weights = scaled.softmax(dim=1)
    return Attention(q, k, v, scores, scaled, weights, weights @ v)
