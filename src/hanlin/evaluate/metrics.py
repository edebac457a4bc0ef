"""How well a model predicts text: perplexity, bits per byte and next-token accuracy, document by document.

B windows, T tokens, D width.

A document is a list of ids that begins with its bos id. The first id is context only and is never counted; every
other id, the closing eos included, is predicted exactly once. A document longer than the model's window is read
through a window that slides by ``stride``: each window scores only what the one before it has not, so that no token
but the first of a document is predicted without a past.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from hanlin.base.errors import RequestTooLong
from hanlin.data.packing import by_length
from hanlin.model.heads import TokenScores, token_scores
from hanlin.model.transformer import Transformer

IGNORED = -100


@dataclass(frozen=True)
class LmScore:
    """Sums over some text; scores of two texts add up to the score of both.

    ``nats`` is the negative log-likelihood; ``moments`` keep what the error bar needs: the sums over documents of
    nats², nats·bytes and bytes².
    """

    nats: float = 0.0
    num_tokens: int = 0
    num_bytes: int = 0
    num_correct: int = 0
    num_documents: int = 0
    moments: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __add__(self, other: LmScore) -> LmScore:
        a, b = self.moments, other.moments
        return LmScore(
            self.nats + other.nats,
            self.num_tokens + other.num_tokens,
            self.num_bytes + other.num_bytes,
            self.num_correct + other.num_correct,
            self.num_documents + other.num_documents,
            (a[0] + b[0], a[1] + b[1], a[2] + b[2]),
        )

    @property
    def perplexity(self) -> float:
        """exp of the mean nats per token."""
        return math.exp(min(self.nats / self.num_tokens, 700.0)) if self.num_tokens else math.nan

    @property
    def bits_per_byte(self) -> float:
        """Bits needed per UTF-8 byte of the text: comparable between tokenizers, and with compressors."""
        return self.nats / math.log(2) / self.num_bytes if self.num_bytes else math.nan

    @property
    def accuracy(self) -> float:
        """Share of tokens that were the model's first choice."""
        return self.num_correct / self.num_tokens if self.num_tokens else math.nan

    @property
    def bits_per_byte_error(self) -> float:
        """Standard error of ``bits_per_byte`` over documents (ratio estimator; Cochran, Sampling Techniques, 6.4)."""
        if self.num_documents < 2 or not self.num_bytes:
            return math.nan
        ratio, n = self.nats / self.num_bytes, self.num_documents
        nats_nats, nats_bytes, bytes_bytes = self.moments
        residual = max(nats_nats - 2 * ratio * nats_bytes + ratio * ratio * bytes_bytes, 0.0)
        return math.sqrt(residual / (n - 1) * n) / self.num_bytes / math.log(2)

    def as_dict(self) -> dict[str, float | int | None]:
        """The figures a report shows; None for one that nothing was measured for."""
        return {
            "bits_per_byte": known(self.bits_per_byte),
            "bits_per_byte_error": known(self.bits_per_byte_error),
            "perplexity": known(self.perplexity),
            "accuracy": known(self.accuracy),
            "nats": self.nats,
            "num_tokens": self.num_tokens,
            "num_bytes": self.num_bytes,
            "num_documents": self.num_documents,
        }


def known(value: float) -> float | None:
    """A figure for JSON, which has no NaN."""
    return None if math.isnan(value) else value


@dataclass(frozen=True)
class Window:
    """One stretch of a document: ``ids[i + 1]`` is predicted from ``ids[: i + 1]`` for i >= ``first``."""

    document: int
    ids: Sequence[int]
    first: int


def windows_of(document: int, ids: Sequence[int], seq_len: int, stride: int) -> Iterator[Window]:
    """Cut one document so that every id but the first is scored exactly once."""
    scored = 1
    while scored < len(ids):
        end = min(seq_len + 1, len(ids)) if scored == 1 else min(scored + stride, len(ids))
        begin = max(0, end - seq_len - 1)
        yield Window(document, ids[begin:end], scored - begin - 1)
        scored = end


def score_documents(
    model: Transformer,
    id_lists: Sequence[Sequence[int]],
    num_bytes: Sequence[int],
    *,
    seq_len: int,
    batch: int = 8192,
    stride: int | None = None,
) -> LmScore:
    """Score whole documents; ``num_bytes`` is the UTF-8 length of each.

    ``batch`` is the number of positions, padding included, given to the model at once; ``stride`` defaults to half
    of ``seq_len``. The model is left in the mode (training or not) it came in.
    """
    step = stride or max(1, seq_len // 2)
    windows = [w for number, ids in enumerate(id_lists) for w in windows_of(number, ids, seq_len, step)]
    nats, correct = [0.0] * len(id_lists), 0
    with evaluating(model):
        for group in by_length(windows, lambda window: len(window.ids), batch):
            scores = _score_windows(model, group)
            correct += int(scores.correct.sum())
            for window, row in zip(group, scores.logprobs.double().sum(dim=1).tolist(), strict=True):
                nats[window.document] -= row
    return LmScore(
        nats=math.fsum(nats),
        num_tokens=sum(max(len(ids) - 1, 0) for ids in id_lists),
        num_bytes=sum(num_bytes),
        num_correct=correct,
        num_documents=len(id_lists),
        moments=_moments(nats, num_bytes),
    )


def _moments(nats: Sequence[float], num_bytes: Sequence[int]) -> tuple[float, float, float]:
    pairs = list(zip(nats, num_bytes, strict=True))
    return math.fsum(x * x for x, _ in pairs), math.fsum(x * b for x, b in pairs), float(sum(b * b for _, b in pairs))


def score_by_language(
    model: Transformer,
    documents: Mapping[str, tuple[Sequence[Sequence[int]], Sequence[int]]],
    *,
    seq_len: int,
    batch: int = 8192,
) -> dict[str, LmScore]:
    """One score per language, from ``{language: (id lists, UTF-8 lengths)}``."""
    return {
        lang: score_documents(model, id_lists, num_bytes, seq_len=seq_len, batch=batch)
        for lang, (id_lists, num_bytes) in sorted(documents.items())
    }


def log_likelihoods(
    model: Transformer, pairs: Sequence[tuple[Sequence[int], Sequence[int]]], *, seq_len: int, batch: int = 8192
) -> list[float]:
    """Natural log-probability of each continuation after its context, both as ids.

    Raises RequestTooLong (E703) for a pair over ``seq_len + 1`` ids: nothing is cut off silently.
    """
    windows = []
    for number, (context, tail) in enumerate(pairs):
        ids = [*context, *tail]
        if len(ids) > seq_len + 1:
            raise RequestTooLong("evaluate.case_too_long", num_tokens=len(ids), max_seq_len=seq_len)
        windows.append(Window(number, ids, len(context) - 1))
    totals = [0.0] * len(pairs)
    with evaluating(model):
        for group in by_length(windows, lambda window: len(window.ids), batch):
            scores = _score_windows(model, group)
            for window, row in zip(group, scores.logprobs.double().sum(dim=1).tolist(), strict=True):
                totals[window.document] = row
    return totals


@contextlib.contextmanager
def evaluating(model: Transformer) -> Iterator[None]:
    """No gradients, no dropout, inside the block; the model's mode is put back after it."""
    was_training = model.training
    if was_training:
        model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        if was_training:
            model.train()


def _score_windows(model: Transformer, group: Sequence[Window]) -> TokenScores:
    """Read windows as one padded batch and score what each has left to score."""
    width = len(group[0].ids) - 1
    tokens = torch.zeros(len(group), width, dtype=torch.int64)  # (B, T)
    targets = torch.full_like(tokens, IGNORED)
    segments = torch.zeros_like(tokens)
    for row, window in enumerate(group):
        ids = torch.as_tensor(window.ids, dtype=torch.int64)
        length = len(ids) - 1
        tokens[row, :length], segments[row, :length] = ids[:-1], 1
        targets[row, window.first : length] = ids[window.first + 1 :]
    device = model.head.weight.device
    hidden = model.hidden(tokens.to(device), segments=segments.to(device))  # (B, T, D)
    return token_scores(hidden, model.head, targets.to(device), ignore=IGNORED)
