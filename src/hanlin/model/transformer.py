"""The model whole, and its assembly from parts.

Legend: B batch, T tokens, D width, V vocabulary.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from hanlin.base.errors import RequestTooLong, UsageError
from hanlin.model.alibi import Alibi
from hanlin.model.angles import near_rotary, rotary
from hanlin.model.attention import Attention, CrossAttention, attend, attend_capped, sliding, whole
from hanlin.model.block import DeepBlock, ParallelBlock, PostNormBlock, PreNormBlock, SandwichBlock
from hanlin.model.cache import DenseCache, KVCache
from hanlin.model.config import ModelConfig
from hanlin.model.copying import install_copying
from hanlin.model.embeddings import Embedding, Embeddings
from hanlin.model.heads import CappedHead, LmHead, NoHead, NormalisedHead, Pooler, Transform
from hanlin.model.init import initialise
from hanlin.model.linear import Linear
from hanlin.model.masks import LayoutMaker, causal_layout, full_layout, see_prefix
from hanlin.model.memory import Memory
from hanlin.model.mlp import ACTIVATIONS, GatedMLP, PlainMLP, RoutedMLP
from hanlin.model.norms import LayerNorm, OffsetRMSNorm, RMSNorm
from hanlin.model.positions import DynamicRotary, LearnedPositions, Rotary, SinusoidalPositions
from hanlin.model.relative import RelativePositions
from hanlin.model.stack import Stack
from hanlin.model.tasks import TaskHead, build_task_head


class Transformer(nn.Module):
    """Embeddings, a stack of blocks, a head. `config` is kept for saving; no layer reads it.

    layout, sliding: work out who sees whom, once per pass (masks.py), for all layers and for those with a window.
    pooler, next_sentence: None but for BERT. task: what a fine-tuned model says instead of tokens (tasks.py), or None.
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
        pooler: Pooler | None = None,
        next_sentence: Linear | None = None,
        task: TaskHead | None = None,
    ) -> None:
        super().__init__()
        self.sliding_rotary = sliding_rotary
        self.config, self.layout, self.compute_dtype, self.sliding = config, layout, compute_dtype, sliding
        self.embeddings, self.stack, self.head, self.rotary = embeddings, stack, head, rotary
        self.pooler, self.next_sentence, self.task = pooler, next_sentence, task

    def hidden(
        self,
        tokens: Tensor,
        *,
        segments: Tensor | None = None,
        positions: Tensor | None = None,
        cache: KVCache | None = None,
        types: Tensor | None = None,
        prefix: Tensor | None = None,
        memory: Memory | None = None,
    ) -> Tensor:
        """Ids (B, T) -> the stream before the head (B, T, D) in the compute dtype.

        segments (B, T): 0 padding, 1, 2 .. documents of a row (masks.py); positions (B, T): where tokens stand, worked
        out from segments or cache unless given. With a cache T more tokens of each row are read, padding at the right.
        types (B, T): kinds of token, 0 unless given. prefix (B, T) bool: tokens that all of their document see, read at
        once. memory: what the encoder of an encoder-decoder has read.
        Raises RequestTooLong where a row would pass the model's max_seq_len.
        """
        held = max(cache.lengths) if cache is not None else 0
        self._check_length(held + tokens.shape[1])
        layout = self.layout(tokens, segments=segments, positions=positions, cache=cache)
        if prefix is not None:
            layout = see_prefix(layout, prefix)
        if self.rotary is not None:
            turned = self.rotary(layout.positions, self.compute_dtype, segments=segments)
            layout = replace(layout, rotation=turned)
        if self.sliding is not None:
            narrow = self.sliding(tokens, segments=segments, positions=positions, cache=cache)
            near = self.sliding_rotary
            rotation = layout.rotation if near is None else near(layout.positions, self.compute_dtype)
            layout = replace(layout, sliding=replace(narrow, rotation=rotation))
        x = self.embeddings(tokens, layout.positions, self.compute_dtype, types=types)
        x = self.stack(x, layout, cache, memory)
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
        types: Tensor | None = None,
        prefix: Tensor | None = None,
        memory: Memory | None = None,
    ) -> Tensor:
        """As `hidden`, then the head: logits (B, T, V) in the compute dtype. Raises UsageError E303 without a head."""
        hidden = self.hidden(
            tokens, segments=segments, positions=positions, cache=cache, types=types, prefix=prefix, memory=memory
        )
        logits: Tensor = self.head(hidden)
        return logits

    def judge(self, tokens: Tensor, *, segments: Tensor | None = None, types: Tensor | None = None) -> Tensor:
        """Scores of the task that the model was fine-tuned for: (B, L) of texts, (B, T, L) of tokens, (B, T, 2) of
        where an answer begins and ends. Raises UsageError E305 where it was not."""
        if self.task is None:
            raise UsageError("model.no_task", model="…")
        scores: Tensor = self.task(self, tokens, segments, types)
        return scores

    def new_cache(self, batch_size: int, capacity: int) -> DenseCache:
        """An empty cache for `batch_size` rows of up to `capacity` tokens."""
        config = self.config
        return DenseCache(
            num_layers=len(self.stack.blocks),
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


class EncoderDecoder(Transformer):
    """A decoder that reads what an encoder has read: `memory = model.encode(ids)`, then `model(ids, memory=memory)`.

    All of Transformer is the decoder; `encoder` is the second stack, over the same embeddings.
    """

    def __init__(self, config: ModelConfig, *, encoder: Stack, **parts: Any) -> None:
        super().__init__(config, **parts)
        self.encoder = encoder

    def encode(self, tokens: Tensor, *, segments: Tensor | None = None) -> Memory:
        """Ids (B, M), segments 0 for padding and 1 elsewhere -> what the decoder sees. Raises RequestTooLong."""
        self._check_length(tokens.shape[1])
        layout = full_layout(tokens, segments=segments, positions=None, cache=None)
        if self.rotary is not None:
            layout = replace(layout, rotation=self.rotary(layout.positions, self.compute_dtype))
        states = self.encoder(self.embeddings(tokens, layout.positions, self.compute_dtype), layout)
        return Memory(states, None if segments is None else (segments != 0)[:, None, None])

    def remember(self, memory: Memory) -> None:
        """Work out what every layer of the decoder will want of a memory, before the first of them looks."""
        for part in self.stack.modules():
            if isinstance(part, CrossAttention):
                part.remember(memory)

    def hidden(self, tokens: Tensor, *, memory: Memory | None = None, **reading: Any) -> Tensor:
        """See Transformer. Raises UsageError E304 without a memory: the decoder would look at nothing."""
        if memory is None:
            raise UsageError("model.no_memory")
        return super().hidden(tokens, memory=memory, **reading)


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
    embeddings, sees_all, crossed = (
        _embeddings(config, compute_dtype),
        config.arch == "encoder",
        config.arch == "encoder_decoder",
    )
    width, head = config.hidden_size, config.head
    parts: dict[str, Any] = {
        "embeddings": embeddings,
        "stack": _stack(config, config.num_layers, both_ways=sees_all, crossed=crossed),
        "head": _head(config, embeddings.tokens.weight),
        "rotary": rotary(config),
        "layout": full_layout if sees_all else causal_layout,
        "compute_dtype": compute_dtype,
        "sliding": partial(causal_layout, window=config.attention.window) if any(config.sliding_layers()) else None,
        "sliding_rotary": near_rotary(config),
        "pooler": Pooler(dense=Linear(width, width, bias=True)) if head.pooler else None,
        "task": build_task_head(config),
        "next_sentence": Linear(width, 2, bias=True) if head.next_sentence else None,
    }
    if crossed:
        encoder = _stack(config, config.num_encoder_layers, both_ways=True, crossed=False)
        return EncoderDecoder(config, encoder=encoder, **parts)
    return Transformer(config, **parts)


def _embeddings(config: ModelConfig, dtype: torch.dtype) -> Embeddings:
    types = config.embeddings.types
    return Embeddings(
        tokens=Embedding(config.vocab_size, config.hidden_size),
        positions=_positions(config),
        scale=torch.tensor(config.embeddings.scale, dtype=dtype).item(),  # as Gemma was trained: 55.4 is 55.5
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
        transform = Transform(dense=dense, activation=ACTIVATIONS[config.mlp.activation], norm=_norm(config))
    weight = tokens if config.embeddings.tied else nn.Parameter(torch.empty_like(tokens))
    parts: dict[str, Any] = {"bias": said.bias, "transform": transform, "scale": said.scale}
    if said.cap:
        return CappedHead(weight, cap=said.cap, **parts)
    return NormalisedHead(weight, **parts) if said.normalised else LmHead(weight, **parts)


def _stack(config: ModelConfig, num_layers: int, *, both_ways: bool, crossed: bool) -> Stack:
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
    if crossed:
        parts |= {"cross": _cross(config, layer), "cross_norm": _norm(config)}
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


def _relative(config: ModelConfig, *, both_ways: bool) -> RelativePositions | Alibi | None:
    if config.positions.kind == "alibi":
        return Alibi(num_heads=config.num_heads)
    if config.positions.kind != "relative":
        return None
    return RelativePositions(
        num_heads=config.num_heads,
        num_buckets=config.positions.buckets,
        distance=config.positions.distance,
        both_ways=both_ways,
    )


def _num_tokens(tokens: Tensor, segments: Tensor | None) -> list[int]:
    """Real tokens of each row."""
    if segments is None:
        return [tokens.shape[1]] * tokens.shape[0]
    return [int(count) for count in (segments != 0).sum(dim=1).tolist()]
