"""Training in its shortest form: an epoch of pre-training, fine-tuning with its validation, and the scores.

The house trains by `hanlin.train.loop`, which survives crashes, counts tokens and schedules rates; what happens
between two steps is the same.

A batch is a dict of input_ids (B, T), attention_mask (B, T) and labels: (B, T) for a language model, (B,) for a
classifier. Legend: B batch, T tokens, L labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hanlin.base.errors import InputError
from hanlin.base.messages import say
from hanlin.course.objectives import IGNORED

Batch = Mapping[str, Tensor]
LossFunction = Callable[[Tensor, Tensor], Tensor]

CLIP_NORM = 1.0
"""Longer gradients are shortened to this: one strange batch must not undo a hundred good ones."""


def pretrain_epoch(
    model: nn.Module, batches: Iterable[Batch], optimizer: torch.optim.Optimizer, loss_function: LossFunction
) -> float:
    """One pass over the batches, a step for each; the mean loss in nats per predicted token, as it was on the way.

    loss_function(logits, labels) gives the mean over a batch, as LanguageModelingLoss does. Raises InputError without
    batches (E845) and where a loss is not a number (E846).
    """
    model.train()
    nats, num_tokens = 0.0, 0
    for batch in batches:
        loss = loss_function(model(batch["input_ids"], batch["attention_mask"]), batch["labels"])
        _step(model, optimizer, loss)
        counted = int((batch["labels"] != IGNORED).sum())
        nats, num_tokens = nats + loss.item() * counted, num_tokens + counted
    if num_tokens == 0:
        raise InputError("course.no_batches")
    return nats / num_tokens


@dataclass(frozen=True)
class Epoch:
    """What an epoch of fine-tuning came to: mean losses in nats per text, and the share of validation texts right."""

    train_loss: float
    validation_loss: float
    validation_accuracy: float


def finetune_model(
    model: nn.Module,
    train_batches: Sequence[Batch],
    validation_batches: Sequence[Batch],
    epochs: int = 3,
    *,
    learning_rate: float = 1e-3,
    report: Callable[[str], None] | None = None,
) -> list[Epoch]:
    """Train every weight of a classifier by AdamW; train and validation loss of each epoch, which `report` gets too.

    The validation texts are looked at, never learned from. 1e-3 suits models of this course; BERT wants 2e-5 to 5e-5
    (Devlin 2019, A.3). Raises InputError without batches (E845), where a loss is not a number (E846),
    and for a label that the model has no output for (E847).
    """
    optimizer, done = torch.optim.AdamW(model.parameters(), lr=learning_rate), []
    for number in range(1, epochs + 1):
        train_loss = pretrain_epoch(model, train_batches, optimizer, label_loss)
        scores = evaluate_model(model, validation_batches)
        done.append(Epoch(train_loss, scores.loss, scores.accuracy))
        if report is not None:
            report(say("course.epoch", number=number, **vars(done[-1])))
    return done


def label_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """-mean of ln p(label). Logits (B, L), labels (B,) -> a scalar. Raises InputError (E847) for an unknown label."""
    strange = labels[(labels < 0) | (labels >= logits.shape[1])]
    if len(strange):
        raise InputError("course.label", label=int(strange[0]), num_labels=logits.shape[1])
    return F.cross_entropy(logits, labels)


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Forget the gradients of the batch before, find those of this loss, walk against them."""
    if not math.isfinite(loss.item()):
        raise InputError("course.not_finite", loss=loss.item())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
    optimizer.step()


@dataclass(frozen=True)
class Scores:
    """loss: nats per text; accuracy: share right; macro_f1: mean over labels of 2 P R / (P + R);
    confusion: rows are true labels, columns predicted ones, (L, L)."""

    loss: float
    accuracy: float
    macro_f1: float
    confusion: Tensor


@torch.no_grad()
def evaluate_model(model: nn.Module, batches: Iterable[Batch]) -> Scores:
    """Scores of a classifier in evaluation mode: no dropout, no gradients. Raises InputError without batches (E845)."""
    model.eval()
    pairs = [(model(batch["input_ids"], batch["attention_mask"]), batch["labels"]) for batch in batches]
    if not pairs:
        raise InputError("course.no_batches")
    logits, labels = (torch.cat(parts) for parts in zip(*pairs, strict=True))  # (N, L), (N,)
    num_labels, loss = logits.shape[1], label_loss(logits, labels).item()
    confusion = torch.zeros(num_labels, num_labels, dtype=torch.int64)
    confusion.index_put_((labels, logits.argmax(dim=1)), torch.tensor(1), accumulate=True)
    right, true, predicted = confusion.diagonal(), confusion.sum(dim=1), confusion.sum(dim=0)
    met = true + predicted > 0  # a label that neither occurs nor is predicted has no F1
    f1 = 2 * right[met] / (true + predicted)[met]
    return Scores(
        loss=loss,
        accuracy=(right.sum() / confusion.sum()).item(),
        macro_f1=f1.mean().item(),
        confusion=confusion,
    )
