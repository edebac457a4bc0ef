"""Token ids to the residual stream.

Legend: B batch, T tokens, V vocabulary, D width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Embedding(nn.Module):
    """A trained vector per token."""

    def __init__(self, vocab_size: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, size))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T) -> (B, T, D) in the weight's dtype, float32 at least: what is added to it is rounded once, later."""
        rows = F.embedding(tokens, self.weight)
        return rows.to(torch.promote_types(rows.dtype, torch.float32))


class Embeddings(nn.Module):
    """tokens * scale (+ types) (+ positions), norm, dropout, then the compute dtype, which all layers follow.

    `positions` is None where attention itself knows the order (rope, relative); `types` and `norm` are BERT's.
    """

    def __init__(
        self,
        *,
        tokens: Embedding,
        positions: nn.Module | None,
        scale: float,
        dropout: float,
        types: Embedding | None = None,
        norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.tokens, self.positions, self.types, self.norm = tokens, positions, types, norm
        self.scale, self.dropout = scale, nn.Dropout(dropout)

    def forward(self, tokens: Tensor, positions: Tensor, dtype: torch.dtype, *, types: Tensor | None = None) -> Tensor:
        """Ids (B, T), their positions (B or 1, T) and types (B, T; all 0 unless given) -> (B, T, D) in `dtype`."""
        x = self.tokens(tokens)
        if self.scale != 1:
            x = x * self.scale
        if self.types is not None:
            x = x + (self.types.weight[0] if types is None else self.types(types))
        if self.positions is not None:
            x = x + self.positions(positions).to(x.dtype)
        if self.norm is not None:
            x = self.norm(x)
        return self.dropout(x.to(dtype))
