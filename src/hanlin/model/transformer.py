"""The model whole, and its assembly from parts.

Legend: B batch, T tokens, D width, V vocabulary.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from hanlin.base.errors import RequestTooLong
from hanlin.model.alibi import Alibi
from hanlin.model.attention import Attention, attend, attend_capped, sliding, whole
from hanlin.model.block import DeepBlock, ParallelBlock, PostNormBlock, PreNormBlock, SandwichBlock
from hanlin.model.cache import DenseCache, KVCache
from hanlin.model.config import ModelConfig
from hanlin.model.copying import install_copying
from hanlin.model.embeddings import Embedding, Embeddings
from hanlin.model.heads import CappedHead, LmHead, NormalisedHead
from hanlin.model.init import initialise
from hanlin.model.linear import Linear
from hanlin.model.masks import LayoutMaker, causal_layout
from hanlin.model.mlp import ACTIVATIONS, GatedMLP, PlainMLP, RoutedMLP
from hanlin.model.norms import LayerNorm, OffsetRMSNorm, RMSNorm
from hanlin.model.positions import DynamicRotary, LearnedPositions, Rotary, SinusoidalPositions
from hanlin.model.rope import Scaling, Steps, linear, llama3, rope_steps, turning_size, yarn
from hanlin.model.stack import Stack


class Transformer(nn.Module):
    """Embeddings, a stack of blocks, a head. `config` is kept for saving; no layer reads it.

    layout, sliding: work out who sees whom, once per pass (masks.py), for all layers and for those with a window.
    Weights are float32 and cast where they are used. To serve only, `model.to(model.compute_dtype)` stores them cast.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        embeddings: Embeddings,
        stack: Stack,
        head: LmHead,
        rotary: Rotary | DynamicRotary | None,
        layout: LayoutMaker,
        compute_dtype: torch.dtype,
        sliding: LayoutMaker | None = None,
        sliding_rotary: Rotary | None = None,
    ) -> None:
        super().__init__()
        self.sliding_rotary = sliding_rotary
        self.config, self.layout, self.compute_dtype, self.sliding = config, layout, compute_dtype, sliding
        self.embeddings, self.stack, self.head, self.rotary = embeddings, stack, head, rotary

    def hidden(
        self,
        tokens: Tensor,
        *,
        segments: Tensor | None = None,
        positions: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Ids (B, T) -> the stream before the head (B, T, D) in the compute dtype.

        segments (B, T): 0 padding, 1, 2 .. documents of a row (masks.py); positions (B, T): where tokens stand, worked
        out from segments or cache unless given. With a cache T more tokens of each row are read, padding at the right.
        Raises RequestTooLong where a row would pass the model's max_seq_len.
        """
        held = max(cache.lengths) if cache is not None else 0
        self._check_length(held + tokens.shape[1])
        layout = self.layout(tokens, segments=segments, positions=positions, cache=cache)
        if self.rotary is not None:
            turned = self.rotary(layout.positions, self.compute_dtype, segments=segments)
            layout = replace(layout, rotation=turned)
        if self.sliding is not None:
            narrow = self.sliding(tokens, segments=segments, positions=positions, cache=cache)
            near = self.sliding_rotary
            rotation = layout.rotation if near is None else near(layout.positions, self.compute_dtype)
            layout = replace(layout, sliding=replace(narrow, rotation=rotation))
        x = self.embeddings(tokens, layout.positions, self.compute_dtype)
        x = self.stack(x, layout, cache)
        if cache is not None:
            cache.advance(_num_tokens(tokens, segments))
        return x

    def forward(
        self,
        tokens: Tensor,
        *,
        segments: Tensor | None = None,
        positions: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """As `hidden`, then the head: logits (B, T, V) in the compute dtype."""
        logits: Tensor = self.head(self.hidden(tokens, segments=segments, positions=positions, cache=cache))
        return logits

    def new_cache(self, batch_size: int, capacity: int) -> DenseCache:
        """An empty cache for `batch_size` rows of up to `capacity` tokens."""
        config = self.config
        return DenseCache(
            num_layers=config.num_layers,
            batch_size=batch_size,
            capacity=capacity,
            num_kv_heads=config.num_kv_heads,
            head_dim=config.head_dim,
            dtype=self.compute_dtype,
            device=self.head.weight.device,
        )

    def num_parameters(self) -> int:
        """Numbers held; a tied head counts once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def _check_length(self, num_tokens: int) -> None:
        if num_tokens > self.config.max_seq_len:
            raise RequestTooLong("model.too_long", num_tokens=num_tokens, max_seq_len=self.config.max_seq_len)


def build_model(
    config: ModelConfig,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    compute_dtype: torch.dtype = torch.float32,
    copying: bool = False,
) -> Transformer:
    """A model with fresh float32 weights drawn from `seed`, computing in `compute_dtype`.

    `copying` sets some of them so that it can repeat what it reads (copying.py), if the shape has room for that.
    """
    model = assemble(config, compute_dtype=compute_dtype)
    initialise(model, seed=seed, num_layers=config.num_layers, hidden_size=config.hidden_size)
    if copying:
        install_copying(model.embeddings, model.stack, config, seed=seed)
    return model.to(device)


def assemble(config: ModelConfig, *, compute_dtype: torch.dtype = torch.float32) -> Transformer:
    """The parts that `config` asks for, put together, their weights still unset (what a loader fills)."""
    tokens = Embedding(config.vocab_size, config.hidden_size)
    scale = torch.tensor(config.embeddings.scale, dtype=compute_dtype).item()  # as Gemma was trained: 55.4 is 55.5
    return Transformer(
        config,
        embeddings=Embeddings(tokens=tokens, positions=_positions(config), scale=scale, dropout=config.dropout),
        stack=Stack(
            blocks=[_block(config, layer) for layer in range(config.num_layers)],
            final_norm=_norm(config) if config.norm.final else nn.Identity(),
            relative=Alibi(num_heads=config.num_heads) if config.positions.kind == "alibi" else None,
        ),
        head=_head(config, tokens.weight),
        rotary=_rotary(config),
        layout=causal_layout,
        sliding=partial(causal_layout, window=config.attention.window) if any(config.sliding_layers()) else None,
        sliding_rotary=_plain_rotary(config, config.positions.sliding_theta)
        if config.positions.sliding_theta
        else None,
        compute_dtype=compute_dtype,
    )


def _head(config: ModelConfig, tokens: nn.Parameter) -> LmHead:
    weight = tokens if config.embeddings.tied else nn.Parameter(torch.empty_like(tokens))
    if config.head.cap:
        return CappedHead(weight, cap=config.head.cap, bias=config.head.bias)
    kind = NormalisedHead if config.head.normalised else LmHead
    return kind(weight, bias=config.head.bias)


def _block(config: ModelConfig, layer: int) -> nn.Module:
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
    return {"pre": PreNormBlock, "post": PostNormBlock}[config.norm.place](**parts)


def _attention(config: ModelConfig, layer: int) -> Attention:
    width, said = config.hidden_size, config.attention
    q_rows, kv_rows = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    return Attention(
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
        view=sliding if config.sliding_layers()[layer] else whole,
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
        return LearnedPositions(max_seq_len=config.max_seq_len, size=config.hidden_size)
    if config.positions.kind == "sinusoidal":
        return SinusoidalPositions(size=config.hidden_size, theta=config.positions.theta)
    return None


def _rotary(config: ModelConfig) -> Rotary | DynamicRotary | None:
    positions, scaling = config.positions, config.positions.scaling
    if positions.kind != "rope":
        return None
    if scaling.kind == "dynamic":
        return DynamicRotary(
            turning=turning_size(config.head_dim, positions.fraction),
            head_dim=config.head_dim,
            theta=positions.theta,
            factor=scaling.factor,
            original=scaling.original,
        )
    return _plain_rotary(config, positions.theta, _scaling(config))


def _plain_rotary(config: ModelConfig, theta: float, scaling: Scaling = Steps) -> Rotary:
    steps = rope_steps(config.head_dim, theta, fraction=config.positions.fraction, scaling=scaling)
    return Rotary(steps=steps, max_seq_len=config.max_seq_len)


def _scaling(config: ModelConfig) -> Scaling:
    """What stretches the angles, with its settings."""
    said = config.positions.scaling
    if said.kind == "linear":
        return linear(factor=said.factor)
    if said.kind == "llama3":
        return llama3(factor=said.factor, original=said.original, low=said.low, high=said.high)
    if said.kind == "yarn":
        return yarn(
            factor=said.factor,
            original=said.original,
            theta=config.positions.theta,
            fast=said.fast,
            slow=said.slow,
            whole=said.whole,
            amplitude=said.amplitude,
        )
    return Steps


def _num_tokens(tokens: Tensor, segments: Tensor | None) -> list[int]:
    """Real tokens of each row."""
    if segments is None:
        return [tokens.shape[1]] * tokens.shape[0]
    return [int(count) for count in (segments != 0).sum(dim=1).tolist()]
