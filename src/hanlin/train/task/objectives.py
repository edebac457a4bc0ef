"""What is minimised on a task: each a sum over a batch and how many it is over, as the one loop wants it.

Legend: B rows, T tokens, L labels, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hanlin.data.sources import IGNORE
from hanlin.model.tasks import row_vectors
from hanlin.train.objectives import Loss
from hanlin.train.task.examples import ExampleBatch


def _scores(model: Any, batch: ExampleBatch) -> Tensor:
    """In float32, whatever the model computes in."""
    types = batch.types if model.config.embeddings.types > 1 else None
    scores: Tensor = model.judge(batch.tokens, segments=batch.segments, types=types).float()
    return scores


@dataclass(frozen=True)
class OneLabel:
    """Cross-entropy of the right label. weights (L,): of each label, 1 on average over the rows; None: all the same."""

    weights: Tensor | None = None

    def loss(self, model: Any, batch: ExampleBatch) -> Loss:
        scores = _scores(model, batch)
        weights = None if self.weights is None else self.weights.to(scores.device)
        value = F.cross_entropy(scores, batch.targets, weight=weights, reduction="sum")
        return Loss(value, batch.num_targets)


@dataclass(frozen=True)
class SeveralLabels:
    """Binary cross-entropy of every label, averaged over labels. weights (L,): of rows that have the label."""

    weights: Tensor | None = None

    def loss(self, model: Any, batch: ExampleBatch) -> Loss:
        scores = _scores(model, batch)
        weights = None if self.weights is None else self.weights.to(scores.device)
        each = F.binary_cross_entropy_with_logits(scores, batch.targets, pos_weight=weights, reduction="none")
        return Loss(each.mean(dim=1).sum(), batch.num_targets)


class Numbers:
    """Squared error, averaged over the numbers of a row."""

    def loss(self, model: Any, batch: ExampleBatch) -> Loss:
        value = (_scores(model, batch) - batch.targets).square().mean(dim=1).sum()
        return Loss(value, batch.num_targets)


@dataclass(frozen=True)
class Tags:
    """Cross-entropy of every token's tag."""

    weights: Tensor | None = None

    def loss(self, model: Any, batch: ExampleBatch) -> Loss:
        scores = _scores(model, batch).flatten(0, 1)
        weights = None if self.weights is None else self.weights.to(scores.device)
        value = F.cross_entropy(scores, batch.targets.flatten(), weight=weights, ignore_index=IGNORE, reduction="sum")
        return Loss(value, batch.num_targets)


class Spans:
    """Mean of the cross-entropies of where an answer begins and of where it ends, over the tokens of the row."""

    def loss(self, model: Any, batch: ExampleBatch) -> Loss:
        scores = _scores(model, batch).masked_fill((batch.segments == 0)[..., None], -torch.inf)  # (B, T, 2)
        each = F.cross_entropy(scores, batch.targets, reduction="sum")
        return Loss(each / 2, batch.num_targets)


@dataclass(frozen=True)
class InBatch:
    """Each left text is to find its own right text among all of the batch: cross-entropy over cosines / temperature
    (InfoNCE; MultipleNegativesRankingLoss of sentence-transformers, whose scale is 1 / temperature)."""

    temperature: float

    def loss(self, model: Any, batch: ExampleBatch) -> Loss:
        left, right = _units(model, batch)
        similar = left @ right.T / self.temperature  # (B, B)
        value = F.cross_entropy(similar, torch.arange(len(left), device=left.device), reduction="sum")
        return Loss(value, batch.num_targets)


@dataclass(frozen=True)
class Cosent:
    """Pairs that people find more alike are to have the larger cosine: log(1 + sum exp((c_j - c_i) / temperature)) over
    all i, j whose scores say s_i > s_j (CoSENT, Su 2022; CoSENTLoss of sentence-transformers)."""

    temperature: float

    def loss(self, model: Any, batch: ExampleBatch) -> Loss:
        left, right = _units(model, batch)
        cosines = (left * right).sum(dim=1) / self.temperature
        wrong = (cosines[None] - cosines[:, None])[batch.targets[:, None] > batch.targets[None]]
        value = torch.logsumexp(torch.cat((wrong.new_zeros(1), wrong)), dim=0)
        return Loss(value * len(left), batch.num_targets)


def _units(model: Any, batch: ExampleBatch) -> tuple[Tensor, Tensor]:
    """Vectors of length 1 of left and right texts (B, D) each."""
    vectors = F.normalize(row_vectors(model, batch.tokens, batch.segments).float(), dim=1)
    left, right = vectors.chunk(2)
    return left, right
