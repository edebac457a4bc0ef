"""The model whole: a decoder, an encoder or a prefix model; an encoder-decoder; a model of two streams.

Legend: B batch, T tokens, D width, V vocabulary, M places to guess.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from hanlin.base.errors import RequestTooLong, UsageError
from hanlin.model.assembly import common_parts, stack_of
from hanlin.model.attention import CrossAttention
from hanlin.model.cache import DenseCache, KVCache
from hanlin.model.config import ModelConfig
from hanlin.model.copying import install_copying
from hanlin.model.embeddings import Embeddings
from hanlin.model.heads import LmHead, Pooler
from hanlin.model.init import initialise
from hanlin.model.linear import Linear
from hanlin.model.masks import LayoutMaker, full_layout, see_prefix
from hanlin.model.memory import Memory
from hanlin.model.positions import AnyRotary, Rotary
from hanlin.model.stack import Stack
from hanlin.model.streams import two_streams
from hanlin.model.tasks import TaskHead


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
        rotary: AnyRotary | None,
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

        segments (B, T): 0 padding, 1, 2 .. documents of a row (masks.py); positions (B, T), or (B, T, 2) where they
        have two dimensions (blanks.py): where tokens stand, worked out from segments or cache unless given. With a
        cache T more tokens of each row are read, padding at the right. types (B, T): kinds of token, 0 unless given.
        prefix (B, T) bool: tokens that all of their document see, read at once. memory: what the encoder of an
        encoder-decoder has read.
        Raises RequestTooLong where a row would pass the model's max_seq_len.
        """
        held = max(cache.lengths) if cache is not None else 0
        self._check_length(held + tokens.shape[1])
        layout = self.layout(tokens, segments=segments, positions=positions, cache=cache)
        if prefix is not None:
            layout = see_prefix(layout, prefix, segments)
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

    def forward(self, tokens: Tensor, **reading: Any) -> Tensor:
        """As `hidden`, then the head: logits (B, T, V) in the compute dtype. Raises UsageError E303 without a head."""
        logits: Tensor = self.head(self.hidden(tokens, **reading))
        return logits

    def guessed(self, tokens: Tensor, places: Tensor) -> Tensor:
        """Ids (B, T) of texts with masks at `places` (B, M) -> the states (B, M, D) that say what stands there."""
        return self.hidden(tokens).take_along_dim(places[:, :, None], dim=1)

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


class TwoStream(Transformer):
    """A model that guesses tokens from any of the others (XLNet, Yang 2019): `model(ids, targets=..., unseen=...)`.

    Without targets it reads as an encoder does. With them a second stream runs beside the first: it knows where the
    targets stand and what they may see, not what they are. All begin as one trained vector, `blank` (D,).
    """

    def __init__(self, config: ModelConfig, **parts: Any) -> None:
        super().__init__(config, **parts)
        self.blank = nn.Parameter(torch.empty(config.hidden_size))

    def hidden(
        self,
        tokens: Tensor,
        *,
        targets: Tensor | None = None,
        unseen: Tensor | None = None,
        segments: Tensor | None = None,
        types: Tensor | None = None,
        **reading: Any,
    ) -> Tensor:
        """Ids (B, T) -> states (B, T, D), or with targets (B, M), places in the row, the states of these (B, M, D).

        unseen (B, T, T) bool, or what broadcasts to it: [i, j] True where token i may not look at j. A token always
        sees itself, a target only if `unseen` lets it (streams.py). segments, types: as in Transformer.
        Raises RequestTooLong.
        """
        assert not any(reading.get(name) is not None for name in ("cache", "prefix", "memory")), "read at once"
        self._check_length(tokens.shape[1])
        layout = replace(self.layout(tokens, segments=segments, positions=None, cache=None), kinds=types)
        x = self.embeddings(tokens, layout.positions, self.compute_dtype)
        if targets is not None or unseen is not None:
            layout = two_streams(layout, unseen, targets)
        if targets is not None:
            blank = self.embeddings.dropout(self.blank.to(x.dtype).expand(*targets.shape, -1))
            x = torch.cat((x, blank), dim=1)
        x = self.stack(x, layout)
        return x if targets is None else x[:, tokens.shape[1] :]

    def asked(self, tokens: Tensor) -> Tensor:
        """Ids (B, T) -> the state (B, D) that says what follows: a place behind the row asks, and nobody sees it."""
        behind = torch.full_like(tokens[:, :1], tokens.shape[1])
        longer = torch.cat((tokens, torch.zeros_like(behind)), dim=1)
        unseen = torch.arange(longer.shape[1], device=tokens.device) == behind[:, :1, None]  # (B, 1, T + 1)
        return self.hidden(longer, targets=behind, unseen=unseen)[:, 0]

    def guessed(self, tokens: Tensor, places: Tensor) -> Tensor:
        """See Transformer: the second stream, which no mask disturbs."""
        masked = torch.zeros_like(tokens, dtype=torch.bool).scatter(1, places, True)
        return self.hidden(tokens, targets=places, unseen=masked[:, None])


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
    parts = common_parts(config, compute_dtype)
    if config.arch == "encoder_decoder":
        encoder = stack_of(config, config.num_encoder_layers, both_ways=True, crossed=False)
        return EncoderDecoder(config, encoder=encoder, **parts)
    return {"distance": TwoStream}.get(config.positions.kind, Transformer)(config, **parts)


def _num_tokens(tokens: Tensor, segments: Tensor | None) -> list[int]:
    """Real tokens of each row."""
    if segments is None:
        return [tokens.shape[1]] * tokens.shape[0]
    return [int(count) for count in (segments != 0).sum(dim=1).tolist()]
