"""One layer of the stack: attention and MLP, each a branch added to the residual stream.

Legend: B batch, T tokens, D width.

    pre-norm (GPT-2 on)                  post-norm (2017)
    x --+-> norm -> attention -> + ->    x --+-> attention -> + -> norm ->
        +------------------------^           +--------------^

A decoder under an encoder has a third branch, `cross`, between the two: attention to the encoder's states.
"""

from __future__ import annotations

from torch import Tensor, nn

from hanlin.model.attention import Attention, CrossAttention
from hanlin.model.cache import KVCache
from hanlin.model.masks import Layout
from hanlin.model.memory import Memory


class Block(nn.Module):
    """The parts of a layer; the subclasses say where the norms stand."""

    def __init__(
        self,
        *,
        attention: Attention,
        mlp: nn.Module,
        attention_norm: nn.Module,
        mlp_norm: nn.Module,
        dropout: float,
        cross: CrossAttention | None = None,
        cross_norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.attention, self.mlp, self.attention_norm, self.mlp_norm = attention, mlp, attention_norm, mlp_norm
        self.cross, self.cross_norm = cross, cross_norm
        self.dropout = nn.Dropout(dropout)


class PreNormBlock(Block):
    """x + branch(norm(x)) for each branch: the stream itself is never normed, so deep stacks stay stable."""

    def forward(self, x: Tensor, layout: Layout, cache: KVCache | None = None, memory: Memory | None = None) -> Tensor:
        """(B, T, D), and what an encoder has read where there is a `cross` -> (B, T, D)."""
        x = x + self.dropout(self.attention(self.attention_norm(x), layout, cache))
        if self.cross is not None and self.cross_norm is not None and memory is not None:
            x = x + self.dropout(self.cross(self.cross_norm(x), memory, layout))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class PostNormBlock(Block):
    """norm(x + branch(x)) for each branch: the order of the first Transformer."""

    def forward(self, x: Tensor, layout: Layout, cache: KVCache | None = None, memory: Memory | None = None) -> Tensor:
        """(B, T, D), and what an encoder has read where there is a `cross` -> (B, T, D)."""
        x = self.attention_norm(x + self.dropout(self.attention(x, layout, cache)))
        if self.cross is not None and self.cross_norm is not None and memory is not None:
            x = self.cross_norm(x + self.dropout(self.cross(x, memory, layout)))
        return self.mlp_norm(x + self.dropout(self.mlp(x)))
