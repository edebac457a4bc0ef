"""A row of blocks and the norm behind them.

Legend: B batch, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from hanlin.model.cache import KVCache
from hanlin.model.masks import Layout
from hanlin.model.memory import Memory

Relative = Callable[[Layout, torch.dtype], Layout]
"""Scores by distance: a layout, and the same with what attention adds for them."""


class Stack(nn.Module):
    """Blocks in order, then `final_norm` (an Identity where the last block ends in a norm).

    relative: scores by distance, worked out once for all blocks; None where order is known otherwise.
    """

    def __init__(self, *, blocks: Sequence[nn.Module], final_norm: nn.Module, relative: Relative | None = None) -> None:
        super().__init__()
        self.blocks, self.final_norm, self.relative = nn.ModuleList(blocks), final_norm, relative

    def forward(self, x: Tensor, layout: Layout, cache: KVCache | None = None, memory: Memory | None = None) -> Tensor:
        """(B, T, D), and what an encoder has read for blocks that look at one -> (B, T, D)."""
        if self.relative is not None:
            layout = self.relative(layout, x.dtype)
        for block in self.blocks:
            x = block(x, layout, cache, memory)
        return self.final_norm(x)
