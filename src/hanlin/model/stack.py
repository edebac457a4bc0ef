"""A row of blocks and the norm behind them.

Legend: B batch, T tokens, M tokens of an encoder, D width.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from hanlin.model.cache import KVCache
from hanlin.model.masks import Layout


class Stack(nn.Module):
    """Blocks in order, then `final_norm` (an Identity where the last block ends in a norm)."""

    def __init__(self, *, blocks: Sequence[nn.Module], final_norm: nn.Module) -> None:
        super().__init__()
        self.blocks, self.final_norm = nn.ModuleList(blocks), final_norm

    def forward(self, x: Tensor, layout: Layout, cache: KVCache | None = None, memory: Tensor | None = None) -> Tensor:
        """(B, T, D), and the states of an encoder (B, M, D) for blocks that look at one -> (B, T, D)."""
        for block in self.blocks:
            x = block(x, layout, cache, memory)
        return self.final_norm(x)
