"""One layer of the stack: attention and MLP, each a branch added to the residual stream.

Legend: B batch, T tokens, D width.

    pre-norm (GPT-2 on)                  post-norm (2017)
    x --+-> norm -> attention -> + ->    x --+-> attention -> + -> norm ->
        +------------------------^           +--------------^
"""

from __future__ import annotations

from torch import Tensor, nn

from hanlin.model.attention import Attention
from hanlin.model.cache import KVCache
from hanlin.model.masks import Layout


class PreNormBlock(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)): the stream itself is never normed, so deep stacks stay stable."""

    def __init__(
        self, *, attention: Attention, mlp: nn.Module, attention_norm: nn.Module, mlp_norm: nn.Module, dropout: float
    ) -> None:
        super().__init__()
        self.attention, self.mlp, self.attention_norm, self.mlp_norm = attention, mlp, attention_norm, mlp_norm
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, layout: Layout, cache: KVCache | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        x = x + self.dropout(self.attention(self.attention_norm(x), layout, cache))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class PostNormBlock(nn.Module):
    """norm(x + attention(x)), then norm(x + mlp(x)): the order of the first Transformer."""

    def __init__(
        self, *, attention: Attention, mlp: nn.Module, attention_norm: nn.Module, mlp_norm: nn.Module, dropout: float
    ) -> None:
        super().__init__()
        self.attention, self.mlp, self.attention_norm, self.mlp_norm = attention, mlp, attention_norm, mlp_norm
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, layout: Layout, cache: KVCache | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        x = self.attention_norm(x + self.dropout(self.attention(x, layout, cache)))
        return self.mlp_norm(x + self.dropout(self.mlp(x)))
