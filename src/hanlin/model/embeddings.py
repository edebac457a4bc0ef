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
        """(B, T) -> (B, T, D) in the weight's dtype."""
        return F.embedding(tokens, self.weight)


class Embeddings(nn.Module):
    """tokens * scale (+ positions), dropout, then the compute dtype: from here on every layer follows what it is given.

    `positions` is None where attention itself knows the order (rope).
    """

    def __init__(self, *, tokens: Embedding, positions: nn.Module | None, scale: float, dropout: float) -> None:
        super().__init__()
        self.tokens, self.positions = tokens, positions
        self.scale, self.dropout = scale, nn.Dropout(dropout)

    def forward(self, tokens: Tensor, positions: Tensor, dtype: torch.dtype) -> Tensor:
        """Ids (B, T) and their positions (B or 1, T) -> (B, T, D) in `dtype`."""
        x = self.tokens(tokens)
        if self.scale != 1:
            x = x * self.scale
        if self.positions is not None:
            x = x + self.positions(positions)
        return self.dropout(x.to(dtype))
