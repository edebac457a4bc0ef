"""One layer of the stack: attention and MLP, each a branch added to the residual stream.

Legend: B batch, T tokens, D width.

    pre-norm (GPT-2 on)                  post-norm (2017)
    x --+-> norm -> attention -> + ->    x --+-> attention -> + -> norm ->
        +------------------------^           +--------------^

    sandwich (Gemma 2)                            deep (ChatGLM-6B)
    x --+-> norm -> attention -> norm -> + ->     x -> norm --+-> attention ----> + ->
        +--------------------------------^                    +-> times a number -^

    parallel (CodeGen)                   beside (GPT-NeoX)
    x --+-> norm -+-> attention -> + ->  x --+-> norm -> attention -> + ->
        |         +-> MLP -------> |         +-> norm -> MLP -------> |
        +--------------------------^         +------------------------^

A decoder under an encoder has a third branch, `cross`, between the two: attention to the encoder's states.
"""

from __future__ import annotations

from typing import Any

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


class SandwichBlock(Block):
    """x + norm(branch(norm(x))) for each branch: what a branch adds is normed as well (Gemma 2, GLM-4-0414)."""

    def __init__(self, *, attention_out_norm: nn.Module, mlp_out_norm: nn.Module, **parts: Any) -> None:
        super().__init__(**parts)
        self.attention_out_norm, self.mlp_out_norm = attention_out_norm, mlp_out_norm

    def forward(self, x: Tensor, layout: Layout, cache: KVCache | None = None, memory: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        x = x + self.dropout(self.attention_out_norm(self.attention(self.attention_norm(x), layout, cache)))
        return x + self.dropout(self.mlp_out_norm(self.mlp(self.mlp_norm(x))))


class DeepBlock(Block):
    """norm(x) * residual_scale + branch(norm(x)) for each branch: the stream is normed and kept loud (ChatGLM-6B).

    With the norm behind the sum instead of before the branch this is DeepNorm (Wang 2022, arXiv:2203.00555).
    """

    def __init__(self, *, residual_scale: float, **parts: Any) -> None:
        super().__init__(**parts)
        self.residual_scale = residual_scale

    def forward(self, x: Tensor, layout: Layout, cache: KVCache | None = None, memory: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        x = self.attention_norm(x)
        x = x * self.residual_scale + self.dropout(self.attention(x, layout, cache))
        x = self.mlp_norm(x)
        return x * self.residual_scale + self.dropout(self.mlp(x))


class ParallelBlock(nn.Module):
    """x + attention(norm(x)) + mlp(norm(x)): both branches read the same (GPT-J, CodeGen)."""

    def __init__(self, *, attention: Attention, mlp: nn.Module, attention_norm: nn.Module, dropout: float) -> None:
        super().__init__()
        self.attention, self.mlp, self.attention_norm = attention, mlp, attention_norm
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, layout: Layout, cache: KVCache | None = None, memory: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        normed = self.attention_norm(x)
        return x + self.dropout(self.attention(normed, layout, cache)) + self.dropout(self.mlp(normed))


class BesideBlock(Block):
    """x + attention(norm(x)) + mlp(norm(x)), each branch behind a norm of its own (GPT-NeoX)."""

    def forward(self, x: Tensor, layout: Layout, cache: KVCache | None = None, memory: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        attended = self.dropout(self.attention(self.attention_norm(x), layout, cache))
        return x + attended + self.dropout(self.mlp(self.mlp_norm(x)))
