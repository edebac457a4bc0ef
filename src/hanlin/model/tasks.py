"""Heads of tasks: what a model says of a whole text, of each of its tokens, or of where an answer stands.

Each reads and pools as the class of transformers for its shape does, so that files open on both sides:

    shape            labels of a text                        labels of tokens, spans
    encoder          the first state, through the pooler     all states
                     (BERT), else a layer and tanh (RoBERTa)
    decoder, prefix  the last real token's state             all states
    encoder_decoder  the decoder reads the text once more,   labels: the encoder's states
                     one place later; its last state (T5)    spans: the decoder's

or, with `pooling = "mean"`, labels by the mean of all states (of an encoder-decoder those of its encoder), in our own
layout: an encoder that was never taught to gather a text in its first state need not learn that from few labels.

Legend: B rows, T tokens, D width, L labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hanlin.model.config import ModelConfig
from hanlin.model.linear import Linear


class Reading(Protocol):
    """How a model reads for a task: (model, tokens (B, T), segments or None, types or None) -> states (B, T, D)."""

    def __call__(self, model: Any, tokens: Tensor, segments: Tensor | None, types: Tensor | None) -> Tensor: ...


Pooling = Callable[[Any, Tensor, Tensor | None], Tensor]
"""(model, states (B, T, D), segments or None) -> what is scored."""


def read_states(model: Any, tokens: Tensor, segments: Tensor | None, types: Tensor | None) -> Tensor:
    """The states of an encoder or a decoder."""
    states: Tensor = model.hidden(tokens, segments=segments, types=types)
    return states


def read_encoder(model: Any, tokens: Tensor, segments: Tensor | None, types: Tensor | None) -> Tensor:
    """The encoder's states of an encoder-decoder."""
    states: Tensor = model.encode(tokens, segments=segments).states
    return states


@dataclass(frozen=True)
class ReadTwice:
    """An encoder-decoder's encoder reads the text, then its decoder, one place later behind the token `start`."""

    start: int

    def __call__(self, model: Any, tokens: Tensor, segments: Tensor | None, types: Tensor | None) -> Tensor:
        """See Reading. The decoder needs no segments: behind the last real token it is not listened to."""
        shifted = torch.cat((torch.full_like(tokens[:, :1], self.start), tokens[:, :-1]), dim=1)
        states: Tensor = model.hidden(shifted, memory=model.encode(tokens, segments=segments))
        return states


def every_state(model: Any, states: Tensor, segments: Tensor | None) -> Tensor:
    """All of them."""
    return states


def first_state(model: Any, states: Tensor, segments: Tensor | None) -> Tensor:
    """(B, T, D) -> (B, D)."""
    return states[:, 0]


def pooled_state(model: Any, states: Tensor, segments: Tensor | None) -> Tensor:
    """(B, T, D) -> (B, D): what the model's own pooler makes of the first (BERT)."""
    pooled: Tensor = model.pooler(states)
    return pooled


def last_state(model: Any, states: Tensor, segments: Tensor | None) -> Tensor:
    """(B, T, D) -> (B, D): of the last token that is no padding."""
    if segments is None:
        return states[:, -1]
    place = torch.arange(segments.shape[1], device=segments.device)
    last = (place * (segments != 0)).argmax(dim=1)
    return states[torch.arange(len(states), device=states.device), last]


def mean_state(model: Any, states: Tensor, segments: Tensor | None) -> Tensor:
    """(B, T, D) -> (B, D): of all tokens that are no padding."""
    if segments is None:
        return states.mean(dim=1)
    real = (segments != 0)[..., None].to(states.dtype)
    return (states * real).sum(dim=1) / real.sum(dim=1)


class DenseScore(nn.Module):
    """out(dropout(tanh(dense(x))))."""

    def __init__(self, *, dense: Linear, out: Linear, dropout: float) -> None:
        super().__init__()
        self.dense, self.out, self.dropout = dense, out, dropout

    def forward(self, pooled: Tensor) -> Tensor:
        """(*, D) -> (*, L)."""
        bent = torch.tanh(self.dense(pooled))
        scores: Tensor = self.out(F.dropout(bent, self.dropout, self.training))
        return scores


class TaskHead(nn.Module):
    """read, pool, score. `last` is the product that gives the scores: a temperature can be folded into it."""

    def __init__(self, *, read: Reading, pool: Pooling, score: Linear | DenseScore, dropout: float) -> None:
        super().__init__()
        self.read, self.pool, self.score, self.dropout = read, pool, score, dropout

    @property
    def last(self) -> Linear:
        """See above."""
        return self.score.out if isinstance(self.score, DenseScore) else self.score

    def forward(self, model: Any, tokens: Tensor, segments: Tensor | None, types: Tensor | None) -> Tensor:
        """Ids (B, T) -> scores in the compute dtype: (B, L) of texts, (B, T, L) of tokens, (B, T, 2) of begin, end."""
        pooled = self.pool(model, self.read(model, tokens, segments, types), segments)
        scores: Tensor = self.score(F.dropout(pooled, self.dropout, self.training))
        return scores

    @torch.no_grad()
    def soften(self, temperature: float) -> None:
        """Divide all scores by `temperature` from now on, whoever reads the weights."""
        self.last.weight.div_(temperature)
        if self.last.bias is not None:
            self.last.bias.div_(temperature)


def build_task_head(config: ModelConfig) -> TaskHead | None:
    """The head that `config` asks for, its weights unset; None where it asks for none."""
    task, width = config.head.task, config.hidden_size
    dropout = config.dropout if task.dropout < 0 else task.dropout
    if task.kind == "none":
        return None
    if task.kind != "sequence":
        score = Linear(width, len(task.labels) or 2, bias=True)
        return TaskHead(read=_reading(config), pool=every_state, score=score, dropout=dropout)
    if task.pooling == "mean":
        score, read = Linear(width, len(task.labels), bias=True), _own_states(config)
        return TaskHead(read=read, pool=mean_state, score=score, dropout=dropout)
    if config.arch in ("decoder", "prefix"):
        score = Linear(width, len(task.labels), bias=False)
        return TaskHead(read=read_states, pool=last_state, score=score, dropout=dropout)
    if config.head.pooler:
        score = Linear(width, len(task.labels), bias=True)
        return TaskHead(read=read_states, pool=pooled_state, score=score, dropout=dropout)
    dense = Linear(width, width, bias=True)
    deep = DenseScore(dense=dense, out=Linear(width, len(task.labels), bias=True), dropout=dropout)
    pool = last_state if config.arch == "encoder_decoder" else first_state
    return TaskHead(read=_reading(config), pool=pool, score=deep, dropout=dropout)


def row_vectors(model: Any, tokens: Tensor, segments: Tensor) -> Tensor:
    """(B, T) -> (B, D): the mean state of the real tokens, of an encoder-decoder its encoder's."""
    return mean_state(model, _own_states(model.config)(model, tokens, segments, None), segments)


def _own_states(config: ModelConfig) -> Reading:
    """Of what has read the text itself."""
    return read_encoder if config.arch == "encoder_decoder" else read_states


def _reading(config: ModelConfig) -> Reading:
    if config.arch != "encoder_decoder":
        return read_states
    return read_encoder if config.head.task.kind == "tokens" else ReadTwice(config.head.task.start)
