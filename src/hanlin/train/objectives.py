"""What is minimised: a model and a batch in, a sum of nats and the number of tokens it is over out.

Sums, not means: the loop divides by the tokens of the whole step, so a step is the same however it is split into
micro-batches (means of micro-batches are wrong where their token counts differ).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from hanlin.data.batches import TokenBatch
from hanlin.model.heads import lm_loss
from hanlin.model.transformer import Transformer


@dataclass(frozen=True)
class Loss:
    """value: scalar, nats summed over `num_tokens` targets; metrics: sums over the same batch, for reports."""

    value: Tensor
    num_tokens: int
    metrics: Mapping[str, float] = field(default_factory=dict)


class Objective(Protocol):
    """Anything the loop can minimise."""

    def loss(self, model: Transformer, batch: TokenBatch) -> Loss:
        """The loss of one micro-batch."""


class CausalLM:
    """Predict every next token (cross-entropy)."""

    def loss(self, model: Transformer, batch: TokenBatch) -> Loss:
        hidden = model.hidden(batch.tokens, segments=batch.segments)  # (B, T, D)
        return Loss(*lm_loss(hidden, model.head, batch.targets))


class SupervisedFinetune:
    """Predict what the assistant says; the batch's targets carry loss nowhere else.

    The metric `answer_share` is the part of the text that carries loss: where it is small, most of a step is reading.
    """

    def loss(self, model: Transformer, batch: TokenBatch) -> Loss:
        hidden = model.hidden(batch.tokens, segments=batch.segments)  # (B, T, D)
        value, num_tokens = lm_loss(hidden, model.head, batch.targets)
        return Loss(value, num_tokens, {"answer_share": num_tokens / max(1, batch.num_positions)})
