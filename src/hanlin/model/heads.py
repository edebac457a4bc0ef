"""From the residual stream to tokens, and the loss, never holding the logits of a whole batch.

Legend: N tokens, C tokens of a chunk, D width, V vocabulary, * any leading dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hanlin.base.errors import UsageError
from hanlin.model import kernels
from hanlin.model.linear import Linear

# Logits held at once by the loss, which overwrites them: large products win (32 MB in bfloat16); and by whoever keeps
# float32 copies of them.
CHUNK_LOGITS, CHUNK_COPIED_LOGITS = 2**24, 2**22
# Logits that torch widens at once on the way to their gradient: three float32 copies should stay in the caches.
WIDE_LOGITS = 2**19


class LmHead(nn.Module):
    """Scores of every token. Tied models pass the embedding's own weight.

    transform: what states go through first (BERT); scale: what they are multiplied by (T5); bias: one per token; cap:
    see CappedHead.
    """

    cap = 0.0

    def __init__(
        self, weight: nn.Parameter, *, bias: bool = False, transform: nn.Module | None = None, scale: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = weight  # (V, D)
        self.bias = nn.Parameter(weight.new_empty(len(weight))) if bias else None
        self.transform, self.scale = transform, scale

    def prepare(self, hidden: Tensor) -> Tensor:
        """(*, D) -> (*, D): what is multiplied with the weight."""
        if self.transform is not None:
            hidden = self.transform(hidden)
        return hidden if self.scale == 1 else hidden * self.scale

    def table(self) -> Tensor:
        """What states are multiplied with (V, D)."""
        return self.weight

    def forward(self, hidden: Tensor) -> Tensor:
        """(*, D) -> (*, V) in the dtype of hidden."""
        bias = None if self.bias is None else self.bias.to(hidden.dtype)
        return F.linear(self.prepare(hidden), self.table().to(hidden.dtype), bias)


class NoHead(LmHead):
    """Of a model that gives states and no scores. It holds the embedding's weight only to say where it lives."""

    def prepare(self, hidden: Tensor) -> Tensor:
        """Raises UsageError E303."""
        raise UsageError("model.no_head")


class Transform(nn.Module):
    """norm(activation(dense(x))): BERT's layer before its scores."""

    def __init__(self, *, dense: Linear, activation: Callable[[Tensor], Tensor], norm: nn.Module) -> None:
        super().__init__()
        self.dense, self.activation, self.norm = dense, activation, norm

    def forward(self, hidden: Tensor) -> Tensor:
        """(*, D) -> (*, D)."""
        return self.norm(self.activation(self.dense(hidden)))


class Pooler(nn.Module):
    """A row's first state as the state of the whole row (BERT)."""

    def __init__(self, *, dense: Linear) -> None:
        super().__init__()
        self.dense = dense

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, T, D) -> (B, D)."""
        return torch.tanh(self.dense(hidden[:, 0]))


class NormalisedHead(LmHead):
    """Scores by the direction of each token's row, whatever its length (Baichuan 2)."""

    def table(self) -> Tensor:
        """See LmHead."""
        return F.normalize(self.weight)


class CappedHead(LmHead):
    """Scores s as cap x tanh(s / cap): none is larger than `cap` (Gemma 2)."""

    def __init__(self, weight: nn.Parameter, *, cap: float, **parts: Any) -> None:
        super().__init__(weight, **parts)
        self.cap = cap

    def forward(self, hidden: Tensor) -> Tensor:
        """(*, D) -> (*, V) in the dtype of hidden."""
        return self.cap * torch.tanh(super().forward(hidden) / self.cap)


def lm_loss(
    hidden: Tensor, head: LmHead, targets: Tensor, *, ignore: int = -100, chunk: int | None = None
) -> tuple[Tensor, int]:
    """Cross-entropy summed over the tokens whose target is not `ignore`: (nats, number of tokens).

    hidden (B, T, D), targets (B, T); nats is a scalar, float32 or wider. Softmax runs in float32, `chunk` tokens at a
    time (default: by CHUNK_LOGITS), and the gradients of hidden and weight are worked out on the way: the backward
    pass only scales them, so no logits outlive their chunk.
    """
    hidden, targets = hidden.flatten(0, -2), targets.flatten()
    kept = (targets != ignore).nonzero().squeeze(1)
    if len(kept) < len(targets):
        hidden, targets = hidden[kept], targets[kept]
    hidden, weight = _with_bias(head.prepare(hidden), head)
    size = chunk or _chunk_size(hidden, weight.shape[0])
    return _ChunkedLoss.apply(hidden, weight, targets, size, head.cap, torch.is_grad_enabled()), len(kept)


def _with_bias(hidden: Tensor, head: LmHead) -> tuple[Tensor, Tensor]:
    """A bias is one more column of the weight (V, D + 1), whose input is always 1."""
    if head.bias is None:
        return hidden, head.table()
    ones = hidden.new_ones(len(hidden), 1)
    return torch.cat((hidden, ones), dim=1), torch.cat((head.table(), head.bias[:, None]), dim=1)


def _chunk_size(hidden: Tensor, num_classes: int) -> int:
    """Tokens of a chunk: as many as CHUNK_LOGITS allows, all chunks of one length."""
    most = max(1, CHUNK_LOGITS // num_classes)
    return math.ceil(len(hidden) / math.ceil(len(hidden) / most)) if len(hidden) else 1


class _ChunkedLoss(torch.autograd.Function):
    """Sum of nats of hidden (N, D) under weight (V, D), its gradients ready when the forward pass ends."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, size: int, cap: float, wanted: bool
    ) -> Tensor:
        """Softmax chunk by chunk; d nats / d logits = softmax - one-hot."""
        cast = weight.to(hidden.dtype)
        wide = torch.promote_types(hidden.dtype, torch.float32)
        nats = torch.zeros((), dtype=wide, device=hidden.device)
        hidden_grad = torch.empty_like(hidden) if wanted and ctx.needs_input_grad[0] else None
        weight_grad = torch.zeros_like(weight) if wanted and ctx.needs_input_grad[1] else None
        for start in range(0, len(targets), size):
            part = slice(start, start + size)
            logits = F.linear(hidden[part], cast)  # (C, V)
            wants = hidden_grad is not None or weight_grad is not None
            slope = _cap(logits, cap) if cap else None
            nats += _take_slopes(logits, targets[part], wide, wants)
            if slope is not None:
                logits *= slope
            if hidden_grad is not None:
                torch.mm(logits, cast, out=hidden_grad[part])
            if weight_grad is not None:
                weight_grad += logits.T @ hidden[part]
        ctx.save_for_backward(hidden_grad, weight_grad)
        return nats

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        """Scale what forward left."""
        hidden_grad, weight_grad = ctx.saved_tensors
        scaled = (None if grad is None else grad * upstream[0].to(grad.dtype) for grad in (hidden_grad, weight_grad))
        return (*scaled, None, None, None, None)


def _cap(logits: Tensor, cap: float) -> Tensor:
    """Turn logits into cap x tanh(logits / cap), and return the slope of that, 1 - tanh^2."""
    bent = logits.div_(cap).tanh_()
    slope = 1 - bent.square()
    bent.mul_(cap)
    return slope


def _take_slopes(logits: Tensor, targets: Tensor, wide: torch.dtype, wanted: bool) -> Tensor:
    """Sum of nats of logits (C, V), which become d nats / d logits if wanted."""
    if kernels.usable(logits):
        return kernels.cross_entropy(logits, targets, gradient=wanted).sum()
    nats = torch.zeros((), dtype=wide, device=logits.device)
    rows = max(1, WIDE_LOGITS // logits.shape[1])
    for part, chosen in zip(logits.split(rows), targets[:, None].split(rows), strict=True):
        scores = part.to(wide).log_softmax(dim=-1)
        nats -= scores.gather(1, chosen).sum()
        if wanted:
            slopes = scores.exp_().scatter_add_(1, chosen, scores.new_full(chosen.shape, -1))
            part.copy_(slopes)
    return nats


@dataclass(frozen=True)
class TokenScores:
    """What a model thought of given tokens. logprobs (B, T) float32 nats, 0 where ignored; correct (B, T) bool: the
    target was the most likely token; scored (B, T) bool: not ignored."""

    logprobs: Tensor
    correct: Tensor
    scored: Tensor


@torch.no_grad()
def token_scores(
    hidden: Tensor, head: LmHead, targets: Tensor, *, ignore: int = -100, chunk: int | None = None
) -> TokenScores:
    """Log-probability and rank-one hit of every target, a chunk at a time. hidden (B, T, D), targets (B, T)."""
    flat, scored = hidden.flatten(0, -2), targets != ignore
    kept = scored.flatten().nonzero().squeeze(1)
    wanted = targets.flatten()[kept]
    size = chunk or max(1, CHUNK_COPIED_LOGITS // head.weight.shape[0])
    logprobs = torch.zeros(targets.numel(), device=hidden.device)
    correct = torch.zeros(targets.numel(), dtype=torch.bool, device=hidden.device)
    for places, ids in zip(kept.split(size), wanted.split(size), strict=True):
        scores = head(flat[places]).float().log_softmax(dim=-1)  # (C, V)
        logprobs[places] = scores.gather(1, ids[:, None]).squeeze(1)
        correct[places] = scores.argmax(dim=-1) == ids
    return TokenScores(logprobs.view_as(targets), correct.view_as(targets), scored)
