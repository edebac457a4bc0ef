"""What a model reads while somebody looks inside: one pass, in any of the four shapes.

Legend: B batch, T tokens, M tokens of an encoder, D width.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from hanlin.base.errors import InputError, UsageError
from hanlin.model.transformer import EncoderDecoder, Transformer


@dataclass(frozen=True)
class Reading:
    """tokens (B, T); segments (B, T), 0 for padding; prefix (B, T) bool, tokens that all see; source (B, M), what the
    encoder of an encoder-decoder reads, with segments of its own."""

    tokens: Tensor
    segments: Tensor | None = None
    prefix: Tensor | None = None
    source: Tensor | None = None
    source_segments: Tensor | None = None

    def hidden(self, model: Transformer) -> Tensor:
        """The stream before the head (B, T, D). Raises RequestTooLong, UsageError E304 where a source is missing."""
        memory = None
        if self.source is not None and isinstance(model, EncoderDecoder):
            memory = model.encode(self.source, segments=self.source_segments)
        return model.hidden(self.tokens, segments=self.segments, prefix=self.prefix, memory=memory)

    def state(self, model: Transformer, place: int) -> Tensor:
        """What says which token stands at `place` of an encoder, else which follows: (B, D). Raises as `hidden`."""
        if model.config.arch == "encoder":
            return model.guessed(self.tokens, torch.full_like(self.tokens[:, :1], place))[:, 0]
        return self.hidden(model)[:, place]

    def repeated(self, times: int) -> Reading:
        """The same row `times` times; of readings of one row."""
        rows = (self.tokens, self.segments, self.prefix, self.source, self.source_segments)
        return Reading(*(None if row is None else row.expand(times, -1) for row in rows))  # type: ignore[arg-type]


@contextlib.contextmanager
def at_rest(model: Transformer) -> Iterator[None]:
    """The model without dropout, and afterwards as it was."""
    was = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was)


def chosen_layers(asked: tuple[int, ...], num_layers: int, *, first: int = 1) -> tuple[int, ...]:
    """Layers by number, `first` to num_layers; all where none is asked for. Raises UsageError E340."""
    wrong = [layer for layer in asked if not first <= layer <= num_layers]
    if wrong:
        raise UsageError("model.no_such_layer", layer=wrong[0], first=first, last=num_layers)
    return asked or tuple(range(first, num_layers + 1))


def chosen_heads(asked: tuple[int, ...], num_heads: int) -> tuple[int, ...]:
    """Heads by number, from 1; all where none is asked for. Raises UsageError E341."""
    wrong = [head for head in asked if not 1 <= head <= num_heads]
    if wrong:
        raise UsageError("model.no_such_head", head=wrong[0], last=num_heads)
    return asked or tuple(range(1, num_heads + 1))


def check_finite(values: Tensor, what: str) -> Tensor:
    """The values. Raises InputError E343 where one is NaN or infinite: every picture of them would lie."""
    if not bool(torch.isfinite(values).all()):
        raise InputError("model.not_finite", what=what)
    return values
