"""Integrated gradients: what each token read adds to a score (Sundararajan 2017, arXiv:1703.01365).

Embeddings are led on a straight line from a baseline to those of the text, and every token gets the integral of the
gradient along the way times its own difference. The shares of all tokens add up to score minus score of the baseline:
completeness, which is also the measure of the integration's error.

The line is cut into panels of eight nodes (Gauss, Legendre). As the score at both ends of a panel is known, so is each
panel's error, and the worst panel is cut in two until all errors together are allowed. Behind a root-mean-square norm a
score can turn within a thousandth of the way: equal steps need thousands there, and this finds the place.

Legend: B nodes at once, T tokens of one row (with an encoder also its M), D width.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from hanlin.base.errors import CheckFailed
from hanlin.model.inspection.reading import Reading, at_rest, check_finite
from hanlin.model.transformer import Transformer

Score = Callable[[Reading], Tensor]
"""What is explained: a number per row (B,), differentiable, of a reading of B rows."""

Kind = Literal["logit", "logprob", "probability"]

NODES, WEIGHTS = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(8))
BATCH_TOKENS = 4096
"""Tokens of one pass, forward and backward."""


@dataclass(frozen=True)
class Attribution:
    """tokens (T,) and source (M,), float64: what each token adds to the score; source is None without an encoder.

    score of the text and base of the baseline; error: |sum of shares - (score - base)|; num_steps: gradients taken.
    """

    tokens: Tensor
    source: Tensor | None
    score: float
    base: float
    error: float
    num_steps: int


@dataclass(frozen=True)
class _Panel:
    """A piece of the way, the score at both ends, and the shares (T,) that it adds, one tensor per input."""

    low: float
    high: float
    scores: tuple[float, float]
    shares: tuple[Tensor, ...]

    @property
    def error(self) -> float:
        return abs(sum(float(share.sum()) for share in self.shares) - (self.scores[1] - self.scores[0]))

    def __lt__(self, other: _Panel) -> bool:
        return self.error > other.error  # a heap gives its smallest: the worst


def integrated_gradients(
    model: Transformer,
    reading: Reading,
    score: Score,
    *,
    baseline: int | None,
    moves: Sequence[Tensor] = (),
    tolerance: float = 1e-3,
    max_steps: int = 4096,
) -> Attribution:
    """What each token of a reading of one row adds to its score.

    baseline: the token whose embedding all begin at; None begins at zero. moves: which tokens do so, (M,) bool of an
    encoder's and (T,) bool; the others stand in the baseline too and add nothing; all unless given. The error is at
    most `tolerance`, or `tolerance` x |score - base| where
    that is larger. Raises CheckFailed E342 where `max_steps` gradients do not suffice, InputError E343 for scores that
    are not finite.
    """
    with at_rest(model):
        way = _Way(model, reading, score, baseline, moves)
        base, whole = way.scores([0.0, 1.0])
        allowed = tolerance * max(1.0, abs(whole - base))
        panels = [way.panel(0.0, 1.0, (base, whole))]
        while sum(panel.error for panel in panels) > allowed:
            if way.num_steps + 2 * len(NODES) > max_steps:
                left = sum(panel.error for panel in panels)
                raise CheckFailed(
                    "model.not_complete", steps=way.num_steps, error=f"{left:.2g}", allowed=f"{allowed:.2g}"
                )
            for half in way.halves(heapq.heappop(panels)):
                heapq.heappush(panels, half)
    *source, tokens = (torch.stack(shares).sum(dim=0) for shares in zip(*(p.shares for p in panels), strict=True))
    total = sum(float(shares.sum()) for shares in (*source, tokens))
    return Attribution(tokens, source[0] if source else None, whole, base, abs(total - (whole - base)), way.num_steps)


class _Way:
    """The straight line from the baseline to the text, for as many embeddings as the model looks up: an encoder's, then
    a decoder's."""

    def __init__(
        self, model: Transformer, reading: Reading, score: Score, baseline: int | None, moves: Sequence[Tensor]
    ) -> None:
        self.num_steps = 0
        self._table, self._reading, self._score = model.embeddings.tokens, reading, score
        weight = self._table.weight.detach()
        self._moves = [some.to(weight.device)[:, None] for some in moves]
        self._origin = torch.zeros_like(weight[0]) if baseline is None else weight[baseline]
        self._batch = max(1, BATCH_TOKENS // reading.tokens.shape[1])

    def halves(self, panel: _Panel) -> Iterator[_Panel]:
        middle = (panel.low + panel.high) / 2
        (score,) = self.scores([middle])
        yield self.panel(panel.low, middle, (panel.scores[0], score))
        yield self.panel(middle, panel.high, (score, panel.scores[1]))

    def scores(self, places: Sequence[float]) -> list[float]:
        """The score at places from 0, the baseline, to 1, the text."""
        with torch.no_grad(), self._leading(torch.tensor(places, dtype=torch.float64), []):
            found = self._score(self._reading.repeated(len(places)))
        return [float(value) for value in check_finite(found, "score")]

    def panel(self, low: float, high: float, scores: tuple[float, float]) -> _Panel:
        """The integral from low to high."""
        places, weights = low + (high - low) * (NODES + 1) / 2, WEIGHTS / 2 * (high - low)
        parts = [
            self._shares(*some) for some in zip(places.split(self._batch), weights.split(self._batch), strict=True)
        ]
        self.num_steps += len(places)
        return _Panel(low, high, scores, tuple(torch.stack(shares).sum(dim=0) for shares in zip(*parts, strict=True)))

    def _shares(self, places: Tensor, weights: Tensor) -> list[Tensor]:
        """Weighted gradients at some places, times the way of each token: (T,) float64 of each input."""
        points: list[tuple[Tensor, Tensor]] = []
        with torch.enable_grad(), self._leading(places, points):
            total = self._score(self._reading.repeated(len(places))).sum()
        slopes = torch.autograd.grad(total, [point for point, _ in points])
        return [
            torch.einsum("b,btd,btd->t", weights.to(slope.device), slope.double(), way.double()).cpu()
            for slope, (_, way) in zip(slopes, points, strict=True)
        ]

    @contextlib.contextmanager
    def _leading(self, places: Tensor, points: list[tuple[Tensor, Tensor]]) -> Iterator[None]:
        """Embeddings stand at `places` (B,) of their way; each lookup notes where it stood and its whole way."""

        def lead(_: Any, taken: tuple[Tensor], given: Tensor) -> Tensor:
            way = given.detach() - self._origin
            if self._moves:
                way = way * self._moves[len(points)]  # lookups come in the order of the inputs
            back = (1 - places.to(given.device))[:, None, None] * way.double()
            point = (given.detach().double() - back).to(given.dtype).requires_grad_(torch.is_grad_enabled())
            points.append((point, way))
            return point

        handle = self._table.register_forward_hook(lead)
        try:
            yield
        finally:
            handle.remove()


def token_score(model: Transformer, place: int, token: int, kind: Kind) -> Score:
    """What a model gives `token` at `place` of its row, counted from 0: a logit, nats or a share of 1."""

    def score(reading: Reading) -> Tensor:
        return _KINDS[kind](model.head(reading.state(model, place)))[:, token]

    return score


def label_score(model: Transformer, label: int, kind: Kind) -> Score:
    """What a model that was fine-tuned to label texts gives label number `label`, several of which may hold at once."""
    kinds = _SEVERAL if model.config.head.task.problem == "several" else _KINDS

    def score(reading: Reading) -> Tensor:
        tokens = reading.tokens if reading.source is None else reading.source
        return kinds[kind](model.judge(tokens))[:, label]

    return score


def _logprobs(logits: Tensor) -> Tensor:
    return logits.log_softmax(dim=-1)


def _shares(logits: Tensor) -> Tensor:
    return logits.softmax(dim=-1)


_KINDS: Mapping[Kind, Callable[[Tensor], Tensor]] = {
    "logit": torch.Tensor.clone,
    "logprob": _logprobs,
    "probability": _shares,
}
_SEVERAL: Mapping[Kind, Callable[[Tensor], Tensor]] = {
    "logit": torch.Tensor.clone,
    "logprob": torch.nn.functional.logsigmoid,
    "probability": torch.sigmoid,
}
