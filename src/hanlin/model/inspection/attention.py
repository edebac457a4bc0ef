"""Attention maps: how much of each token every head takes, in any layer of any shape.

A layer's attention is weights x values. Given unit vectors for values, the layer's own function therefore gives the
weights themselves: rotation, masks, windows, biases, soft caps and grouped heads are those of the layer, because
nothing is worked out a second time. The recording function stands in the layer for one call; `forward` knows nothing
of it.

Legend: B batch, T tokens, S keys, H heads, K kv heads, E head width.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from hanlin.model.attention import Attend
from hanlin.model.inspection.reading import Reading, at_rest, check_finite, chosen_heads, chosen_layers
from hanlin.model.masks import Layout
from hanlin.model.transformer import EncoderDecoder, Transformer

Part = Literal["self", "encoder", "cross"]
"""self: of the only stack, or of the decoder under an encoder; encoder: of that encoder; cross: from one to the
other."""

Keep = Callable[[Tensor], Tensor]
"""What is kept of the weights (B, H, T, S) of a layer."""


@dataclass(frozen=True)
class AttentionMap:
    """weights (B, H, T, S) of the asked heads: what each token t takes of each s, rows summing to 1. layer from 1."""

    part: Part
    layer: int
    heads: tuple[int, ...]
    weights: Tensor


def attention_maps(
    model: Transformer,
    reading: Reading,
    *,
    layers: Sequence[int] = (),
    heads: Sequence[int] = (),
    parts: Sequence[Part] = (),
) -> list[AttentionMap]:
    """Weights of the asked layers (from 1) and heads (from 1) of the asked parts; of all where none are asked for.

    Padding sees padding or nothing, whichever the layer's kernel does. Raises UsageError E340 or E341 for a layer or a
    head that is not there, InputError E343 where weights are not finite, and as Reading.hidden.
    """
    kept_heads = chosen_heads(tuple(heads), model.config.num_heads)
    index = torch.tensor(kept_heads) - 1
    found = record(model, reading, lambda weights: weights[:, index], layers=layers, parts=parts)
    return [AttentionMap(part, layer, kept_heads, weights) for (part, layer), weights in found.items()]


@torch.no_grad()
def record(
    model: Transformer, reading: Reading, keep: Keep, *, layers: Sequence[int] = (), parts: Sequence[Part] = ()
) -> dict[tuple[Part, int], Tensor]:
    """What `keep` keeps of every asked layer during one pass, in the order of the layers. Raises as attention_maps."""
    found: dict[tuple[Part, int], Tensor] = {}
    with contextlib.ExitStack() as stack, at_rest(model):
        for part, layer, attention in _asked(model, layers, parts):
            stack.enter_context(_recording(attention, partial(_store, found, (part, layer), keep)))
        reading.hidden(model)
    return found


def attentions(model: Transformer) -> Iterator[tuple[Part, int, Any]]:
    """Every attention of a model, with its part and the number of its layer."""
    layer: int
    block: Any
    if isinstance(model, EncoderDecoder):
        for layer, block in enumerate(model.encoder.blocks, 1):
            yield "encoder", layer, block.attention
    for layer, block in enumerate(model.stack.blocks, 1):
        yield "self", layer, block.attention
        if getattr(block, "cross", None) is not None:
            yield "cross", layer, block.cross


def parts_of(model: Transformer) -> tuple[Part, ...]:
    """The parts that a model has."""
    return ("encoder", "self", "cross") if isinstance(model, EncoderDecoder) else ("self",)


def num_weights(
    model: Transformer,
    reading: Reading,
    *,
    layers: Sequence[int] = (),
    heads: Sequence[int] = (),
    parts: Sequence[Part] = (),
) -> int:
    """Numbers that attention_maps would hold, four bytes each in float32. Raises UsageError E340, E341."""
    num_tokens, num_source = reading.tokens.shape[1], 0 if reading.source is None else reading.source.shape[1]
    sizes = {"self": num_tokens**2, "encoder": num_source**2, "cross": num_tokens * num_source}
    num_heads = len(chosen_heads(tuple(heads), model.config.num_heads))
    asked = sum(sizes[part] for part, _, _ in _asked(model, layers, parts))
    return asked * num_heads * len(reading.tokens)


def _asked(model: Transformer, layers: Sequence[int], parts: Sequence[Part]) -> Iterator[tuple[Part, int, Any]]:
    deepest = max(len(model.stack.blocks), model.config.num_encoder_layers)
    wanted = chosen_layers(tuple(layers), deepest)
    for part, layer, attention in attentions(model):
        if layer in wanted and part in (parts or parts_of(model)):
            yield part, layer, attention


@contextlib.contextmanager
def _recording(attention: Any, store: Keep) -> Iterator[None]:
    """The attention with a function that also stores its weights, for as long as the context lasts."""
    own = attention.compute
    attention.compute = partial(_compute, own, store)
    try:
        yield
    finally:
        attention.compute = own


def _compute(
    own: Attend, store: Keep, q: Tensor, k: Tensor, v: Tensor, layout: Layout, *, scale: float, dropout: float = 0.0
) -> Tensor:
    store(unit_weights(own, q, k, layout, scale=scale, width=v.shape[-1]))
    return own(q, k, v, layout, scale=scale, dropout=dropout)


def unit_weights(own: Attend, q: Tensor, k: Tensor, layout: Layout, *, scale: float, width: int) -> Tensor:
    """The weights (B, H, T, S) of q (B, T, H, E) and k (B, S, K, E), `width` keys at a time: kernels want values as
    wide as the model's own."""
    rows, num_keys, num_kv = k.shape[:3]
    parts = []
    for start in range(0, num_keys, width):
        some = min(width, num_keys - start)
        units = k.new_zeros(num_keys, width)
        units[start : start + some, :some].fill_diagonal_(1)
        values = units[None, :, None].expand(rows, -1, num_kv, -1).contiguous()
        parts.append(own(q, k, values, layout, scale=scale)[..., :some])
    return torch.cat(parts, dim=-1).transpose(1, 2)


def _store(found: dict[tuple[Part, int], Tensor], place: tuple[Part, int], keep: Keep, weights: Tensor) -> Tensor:
    found[place] = check_finite(keep(weights).float().cpu(), f"attention, layer {place[1]}")
    return weights
