"""A row of blocks and the norm behind them.

Legend: B batch, T tokens, M tokens of an encoder, D width.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from hanlin.model.alibi import Alibi
from hanlin.model.cache import KVCache
from hanlin.model.masks import Layout


class Stack(nn.Module):
    """Blocks in order, then `final_norm` (an Identity where the last block ends in a norm).

    relative: scores by distance, worked out once for all blocks; None where order is known otherwise.
    """

    def __init__(self, *, blocks: Sequence[nn.Module], final_norm: nn.Module, relative: Alibi | None = None) -> None:
        super().__init__()
        self.blocks, self.final_norm, self.relative = nn.ModuleList(blocks), final_norm, relative

    def forward(self, x: Tensor, layout: Layout, cache: KVCache | None = None, memory: Tensor | None = None) -> Tensor:
        """(B, T, D), and the states of an encoder (B, M, D) for blocks that look at one -> (B, T, D)."""
        if self.relative is not None:
            layout = self.relative(layout, x.dtype)
        for block in self.blocks:
            x = block(x, layout, cache, memory)
        return self.final_norm(x)
