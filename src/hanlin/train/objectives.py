"""What is minimised: a model and a batch in, a sum of nats and the number of tokens it is over out.

Sums, not means: the loop divides by the tokens of the whole step, so a step is the same however it is split into
micro-batches (means of micro-batches are wrong where their token counts differ).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from hanlin.data.batches import GuessBatch, PairBatch, PrefixBatch, ReadBatch, TokenBatch
from hanlin.data.sources import IGNORE
from hanlin.model.heads import lm_loss, token_scores
from hanlin.model.transformer import EncoderDecoder, Transformer, TwoStream


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


class TokenPrediction:
    """Cross-entropy of the batch's targets. What the model reads before it predicts is for the heirs to say."""

    def states(self, model: Transformer, batch: Any) -> Tensor:
        """States (B, T, D) that the targets are predicted from."""
        hidden: Tensor = model.hidden(batch.tokens, segments=batch.segments)
        return hidden

    def loss(self, model: Transformer, batch: TokenBatch) -> Loss:
        """See Objective."""
        return Loss(*lm_loss(self.states(model, batch), model.head, batch.targets))

    def correct(self, model: Transformer, batch: TokenBatch) -> int:
        """How many targets were the model's first choice."""
        return int(token_scores(self.states(model, batch), model.head, batch.targets).correct.sum())


class CausalLM(TokenPrediction):
    """Predict every next token. Fill in the middle is the same over text that was turned around."""


class MaskedLM(TokenPrediction):
    """Predict the hidden tokens from both sides; the head reads no others."""


class MaskedNextSentence(TokenPrediction):
    """Predict the hidden tokens, and whether the second text of a pair follows the first (Devlin et al. 2018).

    A pair's answer weighs as much as the tokens hidden in it, so that both losses are means over the same tokens
    however a step is split. The metric `next_accuracy` is the share of pairs that were told right.
    """

    def states(self, model: Transformer, batch: PairBatch) -> Tensor:
        """See TokenPrediction."""
        return model.hidden(batch.tokens, segments=batch.segments, types=batch.types)

    def loss(self, model: Transformer, batch: TokenBatch) -> Loss:
        """See Objective."""
        assert isinstance(batch, PairBatch) and model.pooler is not None and model.next_sentence is not None
        hidden = self.states(model, batch)
        nats, num_tokens = lm_loss(hidden, model.head, batch.targets)
        asked = batch.followed != IGNORE
        scores = model.next_sentence(model.pooler(hidden[asked][:, None])).float()  # (pairs, 2)
        answers = batch.followed[asked]
        pair_nats = F.cross_entropy(scores, answers, reduction="none") * _hidden_with(batch)[asked]
        right = (scores.argmax(dim=-1) == answers).float().sum() / max(1, len(answers))
        return Loss(nats + pair_nats.sum(), num_tokens, {"next_accuracy": float(right)})


def _hidden_with(batch: TokenBatch) -> Tensor:
    """For each place (B, T), how many tokens are hidden in its segment."""
    counts = torch.zeros_like(batch.segments).scatter_add_(1, batch.segments, (batch.targets != IGNORE).long())
    return counts.gather(1, batch.segments)


class PermutationLM(TokenPrediction):
    """Guess tokens one after the other in a random order, each from what is read and those before it (XLNet)."""

    def states(self, model: Transformer, batch: GuessBatch) -> Tensor:
        """See TokenPrediction: states (B, M, D) of the places that are guessed."""
        assert isinstance(model, TwoStream)
        ranks = batch.ranks
        unseen = (ranks[:, None] > 0) & (ranks[:, :, None] <= ranks[:, None])  # (B, T, T): no guess before its turn
        return model.hidden(batch.tokens, segments=batch.segments, targets=batch.places, unseen=unseen)


class SpanCorruptionLM(TokenPrediction):
    """Read text with sentinels, write what they stand for (T5)."""

    def states(self, model: Transformer, batch: ReadBatch) -> Tensor:
        """See TokenPrediction. No piece of a row sees another, in the encoder, in the decoder or across."""
        assert isinstance(model, EncoderDecoder)
        memory = model.encode(batch.read, segments=batch.read_segments)
        memory = memory.seen_by(batch.segments, batch.read_segments)
        return model.hidden(batch.tokens, segments=batch.segments, memory=memory)


class BlankInfillingLM(TokenPrediction):
    """Read text with blanks from both sides, then write what fills them (GLM)."""

    def states(self, model: Transformer, batch: PrefixBatch) -> Tensor:
        """See TokenPrediction."""
        return model.hidden(batch.tokens, segments=batch.segments, positions=batch.positions, prefix=batch.prefix)


class SupervisedFinetune(TokenPrediction):
    """Predict what the assistant says; the batch's targets carry loss nowhere else.

    The metric `answer_share` is the part of the text that carries loss: where it is small, most of a step is reading.
    """

    def loss(self, model: Transformer, batch: TokenBatch) -> Loss:
        """See Objective."""
        loss = super().loss(model, batch)
        return replace(loss, metrics={"answer_share": loss.num_tokens / max(1, batch.num_positions)})
