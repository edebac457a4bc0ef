"""One new token per row, by torch alone and in as few operators as we found: writing answers without a compiler.

At 26M parameters a token's matrices take 2 to 4 ms, and an operator with its Python about 5 us, more than in a tight
loop, because the matrices have swept the caches meanwhile. The model's own modules call some 90 per layer, this 30.
As in the compiled decoder the residual stream is float32 whatever the matrices compute in.

Legend: B rows, D width, H heads, K kv heads, G = H / K, E head width, F ffn width, V vocabulary, S slots of the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hanlin.infer.blocks import TokenCache
from hanlin.model.attention import Attention, attend
from hanlin.model.block import PreNormBlock
from hanlin.model.mlp import GatedMLP, PlainMLP
from hanlin.model.norms import LayerNorm, RMSNorm
from hanlin.model.transformer import Transformer

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class _Layer:
    """What is done to rows, in this order; norm_heads: (B, H + 2K, E), queries and keys normed, None without."""

    attention_norm: Map
    qkv: Map
    norm_heads: Map | None
    out: Map
    mlp_norm: Map
    up: Map
    activate: Map
    down: Map


def reads_tokenwise(model: Transformer) -> bool:
    """Whether the model is made of the parts that are known here: pre-norm blocks of a decoder, none replaced."""
    return type(model) is Transformer and all(_known(model))


def _known(model: Transformer) -> Iterator[bool]:
    norms = (RMSNorm, LayerNorm)
    yield model.sliding is None and model.stack.relative is None
    yield type(model.stack.final_norm) in norms
    for block in model.stack.blocks:
        yield type(block) is PreNormBlock and type(block.attention) is Attention and block.cross is None
        yield getattr(block.attention, "compute", None) is attend
        yield type(block.mlp) in (GatedMLP, PlainMLP)
        yield type(block.attention_norm) in norms and type(block.mlp_norm) in norms


class TokenDecoder:
    """Reads a token of each row. The matrices are the model's modules, whatever stands in their place."""

    def __init__(self, model: Transformer) -> None:
        assert reads_tokenwise(model), "ask first"
        config = model.config
        self._num_heads, self._num_kv, self._head_dim = config.num_heads, config.num_kv_heads, config.head_dim
        self._scale = config.attention.scale or config.head_dim**-0.5
        self._embeddings, self._rotary, self._dtype = model.embeddings, model.rotary, model.compute_dtype
        self._stream_dtype = torch.promote_types(self._dtype, torch.float32)
        self._layers = [self._layer(block) for block in model.stack.blocks]
        self._final_norm = _norm(model.stack.final_norm, self._dtype)

    @torch.inference_mode()
    def hidden(self, tokens: Tensor, places: Tensor, cache: TokenCache) -> Tensor:
        """Ids (B) and their places in their rows (B) -> the stream before the head (B, D) in the compute dtype."""
        x = self._embeddings(tokens[:, None], places[:, None], self._stream_dtype)[:, 0]  # (B, D)
        turn = self._turn(places)
        for number, layer in enumerate(self._layers):
            heads = layer.qkv(layer.attention_norm(x)).view(len(x), -1, self._head_dim)  # (B, H + 2K, E)
            if layer.norm_heads is not None:
                heads = layer.norm_heads(heads)
            x = x + layer.out(self._attend(turn(heads), number, cache))
            x += layer.down(layer.activate(layer.up(layer.mlp_norm(x))))
        return self._final_norm(x)

    def _attend(self, heads: Tensor, layer: int, cache: TokenCache) -> Tensor:
        """(B, H + 2K, E) -> (B, H E). The heads of a group stand where tokens would: G queries over one kv head."""
        keys, values = cache.append(layer, heads[:, self._num_heads :])
        rows = heads.shape[0]
        q = heads[:, : self._num_heads].view(rows, self._num_kv, -1, self._head_dim)  # (B, K, G, E)
        return F.scaled_dot_product_attention(q, keys, values, attn_mask=cache.mask, scale=self._scale).reshape(
            rows, -1
        )

    def _turn(self, places: Tensor) -> Map:
        """What rotates queries and keys by their places; values ride along, turned by nothing."""
        if self._rotary is None:
            return lambda heads: heads
        whole = self._rotary(places[:, None], self._dtype).whole
        straight, crossed = (one.expand(-1, -1, self._num_heads + self._num_kv, -1)[:, 0] for one in whole)
        pad = (0, 0, 0, self._num_kv)
        straight, crossed = F.pad(straight, pad, value=1.0), F.pad(crossed, pad)
        half = self._head_dim // 2
        return lambda heads: torch.addcmul(heads * straight, heads.roll(half, -1), crossed)

    def _layer(self, block: Any) -> _Layer:
        attention, mlp, dtype = block.attention, block.mlp, self._dtype
        gated = type(mlp) is GatedMLP
        # `forward`, not the module: being called as one costs 6 us of each 30, and nobody hooks into this copy.
        return _Layer(
            attention_norm=_norm(block.attention_norm, dtype),
            qkv=attention.qkv.forward,
            norm_heads=None if attention.q_norm is None else self._head_norm(attention),
            out=attention.out.forward,
            mlp_norm=_norm(block.mlp_norm, dtype),
            up=mlp.gate_up.forward if gated else mlp.up.forward,
            activate=_gate(mlp.activation) if gated else mlp.activation,
            down=mlp.down.forward,
        )

    def _head_norm(self, attention: Attention) -> Map:
        q_norm, k_norm = _norm(attention.q_norm, self._dtype), _norm(attention.k_norm, self._dtype)
        sizes = (self._num_heads, self._num_kv, self._num_kv)

        def norm_heads(heads: Tensor) -> Tensor:
            q, k, v = heads.split(sizes, dim=1)
            return torch.cat((q_norm(q), k_norm(k), v), dim=1)

        return norm_heads


def _norm(part: Any, dtype: torch.dtype) -> Map:
    """The norm of rows (*, D), worked out in float32 at least, cast to `dtype`."""
    wide = torch.promote_types(dtype, torch.float32)
    if type(part) is LayerNorm:
        return lambda x: F.layer_norm(x, part.weight.shape, part.weight.to(wide), part.bias.to(wide), part.eps).to(
            dtype
        )
    share, eps = 1 / len(part.weight), torch.tensor(part.eps, dtype=wide, device=part.weight.device)

    def rms_norm(x: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)
        inverse = torch.addcmul(eps, length, length, value=share).rsqrt_()
        y = (x * inverse).mul_(part.weight)
        return y if dtype == wide else y.to(dtype)

    return rms_norm


def _gate(activation: Map) -> Map:
    """activation(first half) * second half of the last dimension. (B, 2F) -> (B, F)."""

    def gate(halves: Tensor) -> Tensor:
        first, second = halves.chunk(2, dim=-1)
        return activation(first).mul_(second)

    return gate
