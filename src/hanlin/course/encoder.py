"""The encoder of 2017: tokens and places in, states out.

Legend: B batch, T tokens, V vocabulary, D d_model, F d_ff.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hanlin.base.errors import InputError, RequestTooLong
from hanlin.course.attention import MultiHeadAttention, causal_mask, linear, padding_mask
from hanlin.model.embeddings import Embedding
from hanlin.model.mlp import PlainMLP
from hanlin.model.norms import LayerNorm
from hanlin.model.positions import SinusoidalPositions


class PositionalEncoding(nn.Module):
    """x + PE: PE(pos, 2i) = sin(pos / 10000^(2i/D)), PE(pos, 2i+1) = cos of the same (Vaswani 2017, 3.5).

    Raises InputError (E833) for an odd d_model: sines and cosines come in pairs.
    """

    table: Tensor

    def __init__(self, d_model: int, max_seq_length: int = 5000) -> None:
        super().__init__()
        if d_model < 2 or d_model % 2:
            raise InputError("course.odd_width", d_model=d_model)
        places = torch.arange(max_seq_length)
        self.register_buffer("table", SinusoidalPositions(size=d_model, theta=10000.0)(places), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D). Raises RequestTooLong (E834) past max_seq_length, InputError (E835) for another D."""
        num_tokens, (longest, width) = x.shape[-2], self.table.shape
        if num_tokens > longest:
            raise RequestTooLong("course.too_long", num_tokens=num_tokens, max_seq_len=longest)
        if x.shape[-1] != width:
            raise InputError("course.table_width", shape=tuple(x.shape), d_model=width)
        return x + self.table[:num_tokens].to(x.dtype)


class TransformerEncoderLayer(nn.Module):
    """Attention, then a feed-forward layer; around each a residual sum, and a norm behind the sum (post-norm).

    x = LayerNorm(x + Dropout(MultiHead(x, x, x)))
    x = LayerNorm(x + Dropout(max(0, x W_1 + b_1) W_2 + b_2))
    """

    def __init__(self, d_model: int, num_heads: int, d_ff: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = PlainMLP(up=linear(d_model, d_ff), down=linear(d_ff, d_model), activation=F.relu)
        self.norm1, self.norm2 = layer_norm(d_model), layer_norm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, D), and a mask as MultiHeadAttention takes it -> (B, T, D)."""
        attended, _ = self.attention(x, x, x, mask)
        x = self.norm1(x + self.dropout(attended))
        return self.norm2(x + self.dropout(self.feed_forward(x)))


def layer_norm(d_model: int) -> LayerNorm:
    """(x - mean) / sqrt(variance + 1e-5) * weight + bias, the house's own; weight 1 and bias 0 to begin with."""
    norm = LayerNorm(d_model, eps=1e-5)
    nn.init.ones_(norm.weight)
    nn.init.zeros_(norm.bias)
    return norm


class TransformerEncoder(nn.Module):
    """Embedding * sqrt(D) + places, dropout, then `num_layers` layers: ids to states.

    With `causal=True` no token sees a later one: the same layers are then a decoder, as GPT is.
    """

    def __init__(
        self,
        vocab_size: int,
        d_model: int,
        num_heads: int,
        d_ff: int,
        num_layers: int,
        dropout: float = 0.1,
        max_seq_length: int = 5000,
        *,
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.vocab_size, self.d_model, self.causal = vocab_size, d_model, causal
        self.embedding = Embedding(vocab_size, d_model)
        nn.init.normal_(self.embedding.weight, std=d_model**-0.5)
        self.positions = PositionalEncoding(d_model, max_seq_length)
        self.layers = nn.ModuleList(
            TransformerEncoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Ids (B, T) and which of them are tokens (1) or padding (0), (B, T) -> states (B, T, D)."""
        mask = None if attention_mask is None else padding_mask(attention_mask)
        if self.causal:
            before = causal_mask(input_ids.shape[1]).to(input_ids.device)
            mask = before if mask is None else mask * before  # (B, 1, T, T)
        x = self.dropout(self.positions(self.embedding(input_ids) * math.sqrt(self.d_model)))
        for layer in self.layers:
            x = layer(x, mask)
        return x
