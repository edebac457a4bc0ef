"""From logits to tokens, each row by its own parameters and its own seed.

Legend: B rows, V vocabulary, K tokens that a cut keeps.

Rows are handled one by one, vocabularies all at once, in numpy on the host: its calls cost a fifth of torch's, and a
row cannot depend on its neighbours. A draw is a point u of [0, 1) worked out from the request's seed and the number of
the token, and the token at which the cumulative probability passes u: no generator whose state a neighbour could move.
Penalty, temperature, top-k, top-p and min-p apply in this order, as in transformers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from hanlin.infer.config import SamplingParams

Floats = np.ndarray[Any, np.dtype[np.float32]]
Ids = np.ndarray[Any, np.dtype[np.intp]]

# Only tokens above a floor, relative to the best one, are sorted, and the floor sinks until they are enough: sorting
# a whole vocabulary costs 20 times its softmax.
_FLOORS = (0.1, 2e-2, 4e-3, 8e-4, 1e-5, 0.0)
_COLDEST = 1e-25  # a temperature near the smallest float would turn logits into infinities, and the best one into 0 / 0


@dataclass(frozen=True, slots=True)
class Row:
    """What sampling needs to know of a request: its ids so far, prompt included, and how many of them it generated."""

    params: SamplingParams
    seed: int
    ids: Sequence[int]
    num_tokens: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The token of one row; logprob and the most likely tokens (id, logprob) where the row asked for them."""

    token_id: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


def sample(logits: Tensor, rows: Sequence[Row]) -> list[Choice | None]:
    """One token per row of logits (B, V) float32; None for a row whose logits are not finite."""
    return [choose(line, row) for line, row in zip(logits.cpu().numpy(), rows, strict=True)]


def choose(logits: Floats, row: Row) -> Choice | None:
    """The token of one row (V,), None where the logits are not finite."""
    scores = penalise(logits, row)
    best = int(scores.argmax())
    if not math.isfinite(scores[best]):  # NaN wins every argmax
        return None
    token_id = best if row.params.temperature == 0 else _draw(scores, scores[best], row)
    return Choice(token_id) if row.params.logprobs is None else _with_logprobs(token_id, logits, row.params.logprobs)


def penalise(logits: Floats, row: Row) -> Floats:
    """Positive logits of tokens already there divided by the row's penalty, negative ones multiplied (Keskar 2019)."""
    penalty = row.params.repetition_penalty
    if penalty == 1:
        return logits
    logits, seen = logits.copy(), np.array(list(set(row.ids)))
    old = logits[seen]
    logits[seen] = np.where(old > 0, old / penalty, old * penalty)
    return logits


def _draw(scores: Floats, best: np.float32, row: Row) -> int:
    params, point = row.params, uniform(row.seed, row.num_tokens)
    weights = np.exp((scores - best) / np.float32(max(params.temperature, _COLDEST)))  # of the best one: 1
    if params.top_p == 1 and params.top_k == 0:
        return _pick(weights, params.min_p, point)
    kept = _cut(weights, params)
    return int(kept[_pick(weights[kept], params.min_p, point)])


def _cut(weights: Floats, params: SamplingParams) -> Ids:
    """The tokens (K,) that top-k and then top-p keep, most likely first."""
    count = min(params.top_k or len(weights), len(weights))
    total = None if params.top_k else weights.sum(dtype=np.float64)  # top-p is a share of what top-k left
    for floor in _FLOORS:
        ids = np.flatnonzero(weights >= floor)
        if len(ids) >= count or (total is not None and weights[ids].sum(dtype=np.float64) > params.top_p * total):
            break
    ids = ids[np.argsort(-weights[ids], kind="stable")][:count]
    mass = weights[ids].cumsum(dtype=np.float64)
    return ids[: 1 + int(np.searchsorted(mass, params.top_p * (mass[-1] if total is None else total)))]


def _pick(weights: Floats, min_p: float, point: float) -> int:
    """The place at which the cumulative weight passes the point's share of all; weights below min_p count nothing."""
    if min_p > 0:
        weights = np.where(weights < min_p, np.float32(0), weights)
    cumulative = weights.cumsum(dtype=np.float64)
    # A point that rounding has lifted to the total would else fall behind the last token that has any probability.
    last = np.searchsorted(cumulative, cumulative[-1])
    return int(min(np.searchsorted(cumulative, point * cumulative[-1], side="right"), last))


def uniform(seed: int, index: int) -> float:
    """Number `index` of the stream `seed`, in [0, 1): SplitMix64 (Steele 2014), its state stepped to by a product."""
    mask = (1 << 64) - 1
    x = (seed + (index + 1) * 0x9E3779B97F4A7C15) & mask
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & mask
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & mask
    return ((x ^ (x >> 31)) >> 11) / (1 << 53)


def _with_logprobs(token_id: int, logits: Floats, count: int) -> Choice:
    """The token with the model's own log-probabilities, before penalties and temperature."""
    largest = logits.max()
    total = float(largest) + math.log(np.exp(logits - largest).sum(dtype=np.float64))
    count = min(count, len(logits))
    among = np.argpartition(-logits, count - 1)[:count] if count else np.arange(0)
    ids = among[np.argsort(-logits[among], kind="stable")]
    top = tuple(zip(ids.tolist(), (logits[ids].astype(float) - total).tolist(), strict=True))
    return Choice(token_id, float(logits[token_id]) - total, top)
