"""The parts that a config asks for: which class and which sizes, from embeddings to head.

All choices of a ModelConfig are made here, so that no forward pass has one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from hanlin.model.alibi import Alibi
from hanlin.model.angles import near_rotary, rotary
from hanlin.model.attention import Attention, CrossAttention, attend, attend_capped, sliding, whole
from hanlin.model.blanks import blank_layout
from hanlin.model.block import BesideBlock, DeepBlock, ParallelBlock, PostNormBlock, PreNormBlock, SandwichBlock
from hanlin.model.config import ModelConfig
from hanlin.model.distances import DistanceAttention, Distances
from hanlin.model.embeddings import Embedding, Embeddings
from hanlin.model.heads import CappedHead, LmHead, NoHead, NormalisedHead, Pooler, Transform
from hanlin.model.linear import Linear
from hanlin.model.masks import LayoutMaker, causal_layout, full_layout
from hanlin.model.mlp import ACTIVATIONS, GatedMLP, PlainMLP, RoutedMLP
from hanlin.model.norms import LayerNorm, OffsetRMSNorm, RMSNorm
from hanlin.model.positions import LearnedPositions, SinusoidalPositions
from hanlin.model.relative import RelativePositions
from hanlin.model.stack import Relative, Stack
from hanlin.model.tasks import build_task_head


def common_parts(config: ModelConfig, compute_dtype: torch.dtype) -> dict[str, Any]:
    """What every shape of model has, by the names of Transformer's parameters."""
    embeddings, both_ways = _embeddings(config, compute_dtype), config.arch == "encoder"
    width, head = config.hidden_size, config.head
    return {
        "embeddings": embeddings,
        "stack": stack_of(config, config.num_layers, both_ways=both_ways, crossed=config.arch == "encoder_decoder"),
        "head": _head(config, embeddings.tokens.weight),
        "rotary": rotary(config),
        "layout": _layout(config),
        "compute_dtype": compute_dtype,
        "sliding": partial(causal_layout, window=config.attention.window) if any(config.sliding_layers()) else None,
        "sliding_rotary": near_rotary(config),
        "pooler": Pooler(dense=Linear(width, width, bias=True)) if head.pooler else None,
        "task": build_task_head(config),
        "next_sentence": Linear(width, 2, bias=True) if head.next_sentence else None,
    }


def _layout(config: ModelConfig) -> LayoutMaker:
    positions = config.positions
    if config.arch == "encoder":
        return full_layout
    if positions.tell_prefix:
        blanks = (positions.blank_token, positions.short_blank_token)
        return partial(blank_layout, start=positions.start_token, blanks=blanks)
    return causal_layout


def _embeddings(config: ModelConfig, dtype: torch.dtype) -> Embeddings:
    types = config.embeddings.types
    return Embeddings(
        tokens=Embedding(config.vocab_size, config.hidden_size),
        positions=_positions(config),
        scale=torch.tensor(config.embeddings.scale, dtype=dtype, device="cpu").item(),  # Gemma: 55.4 is 55.5
        dropout=config.dropout,
        types=Embedding(types, config.hidden_size) if types else None,
        norm=_norm(config) if config.norm.embeddings else None,
    )


def _head(config: ModelConfig, tokens: nn.Parameter) -> LmHead:
    said = config.head
    if said.kind == "none":
        return NoHead(tokens)
    transform = None
    if said.transform:
        dense = Linear(config.hidden_size, config.hidden_size, bias=True)
        named = config.mlp.activation if said.activation == "mlp" else said.activation
        transform = Transform(dense=dense, activation=ACTIVATIONS[named], norm=_norm(config))
    weight = tokens if config.embeddings.tied else nn.Parameter(torch.empty_like(tokens))
    parts: dict[str, Any] = {"bias": said.bias, "transform": transform, "scale": said.scale}
    if said.cap:
        return CappedHead(weight, cap=said.cap, **parts)
    return NormalisedHead(weight, **parts) if said.normalised else LmHead(weight, **parts)


def stack_of(config: ModelConfig, num_layers: int, *, both_ways: bool, crossed: bool) -> Stack:
    """Blocks, the norm behind them, and the scores of distances; `crossed`: they look at an encoder."""
    return Stack(
        blocks=[_block(config, layer, crossed=crossed) for layer in range(num_layers)],
        final_norm=_norm(config) if config.norm.final else nn.Identity(),
        relative=_relative(config, both_ways=both_ways),
    )


def _block(config: ModelConfig, layer: int, *, crossed: bool) -> nn.Module:
    parts: dict[str, Any] = {
        "attention": _attention(config, layer),
        "mlp": _mlp(config),
        "attention_norm": _norm(config),
        "dropout": config.dropout,
    }
    if config.norm.place == "parallel":
        return ParallelBlock(**parts)
    parts["mlp_norm"] = _norm(config)
    if config.norm.place == "sandwich":
        return SandwichBlock(**parts, attention_out_norm=_norm(config), mlp_out_norm=_norm(config))
    if config.norm.place == "deep":
        return DeepBlock(**parts, residual_scale=(2 * config.num_layers) ** 0.5)
    if config.norm.place == "beside":
        return BesideBlock(**parts)
    if crossed:
        parts |= {"cross": _cross(config, layer), "cross_norm": _norm(config)}
    return {"pre": PreNormBlock, "post": PostNormBlock}[config.norm.place](**parts)


def _attention(config: ModelConfig, layer: int) -> Attention:
    width, said = config.hidden_size, config.attention
    kind: Callable[..., Attention] = Attention
    q_rows, kv_rows = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    if config.positions.kind == "distance":
        kind = partial(DistanceAttention, distance=Linear(width, q_rows, bias=False))
    return kind(
        qkv=Linear(width, q_rows + 2 * kv_rows, bias=said.qkv_bias, parts=(q_rows, kv_rows, kv_rows)),
        out=Linear(q_rows, width, bias=said.out_bias),
        num_heads=config.num_heads,
        num_kv_heads=config.num_kv_heads,
        head_dim=config.head_dim,
        layer=layer,
        q_norm=_head_norm(config) if said.qk_norm else None,
        k_norm=_head_norm(config) if said.qk_norm else None,
        scale=said.scale or None,
        dropout=config.dropout,
        compute=partial(attend_capped, cap=said.cap) if said.cap else attend,
        view=sliding if config.slides(layer) else whole,
    )


def _cross(config: ModelConfig, layer: int) -> CrossAttention:
    width, bias = config.hidden_size, config.attention.qkv_bias
    q_rows, kv_rows = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    return CrossAttention(
        q=Linear(width, q_rows, bias=bias),
        kv=Linear(width, 2 * kv_rows, bias=bias, parts=(kv_rows, kv_rows)),
        out=Linear(q_rows, width, bias=config.attention.out_bias),
        num_heads=config.num_heads,
        num_kv_heads=config.num_kv_heads,
        head_dim=config.head_dim,
        layer=layer,
        scale=config.attention.scale or None,
        dropout=config.dropout,
    )


def _head_norm(config: ModelConfig) -> RMSNorm:
    kind = OffsetRMSNorm if config.norm.unit_offset else RMSNorm
    return kind(config.head_dim, eps=config.norm.eps)


def _mlp(config: ModelConfig) -> nn.Module:
    experts = config.mlp.experts
    if not experts.number:
        return _one_mlp(config)
    return RoutedMLP(
        router=Linear(config.hidden_size, experts.number, bias=False),
        experts=[_one_mlp(config) for _ in range(experts.number)],
        num_chosen=experts.chosen,
        renormalised=experts.renormalised,
    )


def _one_mlp(config: ModelConfig) -> nn.Module:
    width, ffn, bias = config.hidden_size, config.ffn_size, config.mlp.bias
    activation, down = ACTIVATIONS[config.mlp.activation], Linear(ffn, width, bias=bias)
    if config.mlp.gated:
        return GatedMLP(gate_up=Linear(width, 2 * ffn, bias=bias, parts=(ffn, ffn)), down=down, activation=activation)
    return PlainMLP(up=Linear(width, ffn, bias=bias), down=down, activation=activation)


def _norm(config: ModelConfig) -> nn.Module:
    rms = OffsetRMSNorm if config.norm.unit_offset else RMSNorm
    kind = {"rms": rms, "layer": LayerNorm}[config.norm.kind]
    return kind(config.hidden_size, eps=config.norm.eps)


def _positions(config: ModelConfig) -> nn.Module | None:
    if config.positions.kind == "learned":
        offset = config.positions.offset
        return LearnedPositions(max_seq_len=config.max_seq_len, size=config.hidden_size, offset=offset)
    if config.positions.kind == "sinusoidal":
        return SinusoidalPositions(size=config.hidden_size, theta=config.positions.theta)
    return None


def _relative(config: ModelConfig, *, both_ways: bool) -> Relative | None:
    positions = config.positions
    if positions.kind == "alibi":
        return Alibi(num_heads=config.num_heads)
    if positions.kind == "distance":
        return Distances(size=config.hidden_size, theta=positions.theta)
    if positions.kind != "relative":
        return None
    return RelativePositions(
        num_heads=config.num_heads, num_buckets=positions.buckets, distance=positions.distance, both_ways=both_ways
    )
