"""From logits to tokens, all rows at once, each row by its own parameters and its own seed.

Legend: B rows, V vocabulary, N rows of a subset.

Every choice depends on its row alone. A draw is a point u of [0, 1) worked out from the request's seed and the number
of the token, and the token at which the cumulative probability passes u: no generator whose state a neighbour could
move. Penalty, temperature, top-k, top-p and min-p apply in this order, as in transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hanlin.infer.config import SamplingParams

# Cutting a distribution needs its largest logits in order. Sorting 6,400 takes 25 times longer than finding the first
# 128, which nearly always hold all that top-k and top-p keep; rows where they do not are sorted.
_HEAD = 128


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
    penalised = penalise(logits, rows)
    best, ids = (column.tolist() for column in penalised.max(dim=-1))
    sound = [i for i, value in enumerate(best) if abs(value) < torch.inf]  # NaN wins every max, and fails here
    drawn = [i for i in sound if rows[i].params.temperature > 0]
    if drawn:
        for i, token_id in zip(drawn, _draw(penalised[drawn], [rows[i] for i in drawn]), strict=True):
            ids[i] = token_id
    choices: list[Choice | None] = [None] * len(rows)
    for i in sound:
        choices[i] = Choice(ids[i])
    wanted = [i for i in sound if rows[i].params.logprobs is not None]
    if wanted:
        params = [rows[i].params for i in wanted]
        for i, choice in zip(wanted, _with_logprobs(logits[wanted], params, [ids[i] for i in wanted]), strict=True):
            choices[i] = choice
    return choices


def penalise(logits: Tensor, rows: Sequence[Row]) -> Tensor:
    """Positive logits of tokens already there divided by the row's penalty, negative ones multiplied (Keskar 2019)."""
    changed = [i for i, row in enumerate(rows) if row.params.repetition_penalty != 1]
    if not changed:
        return logits
    logits = logits.clone()
    for i in changed:
        seen = torch.tensor(list(set(rows[i].ids)), device=logits.device)
        old, penalty = logits[i, seen], rows[i].params.repetition_penalty
        logits[i, seen] = torch.where(old > 0, old / penalty, old * penalty)
    return logits


def distribution(logits: Tensor, params: Sequence[SamplingParams]) -> Tensor:
    """Probabilities (B, V) float64 that rows of temperature > 0 are drawn from."""
    scaled = _scaled(logits, params)
    kept = scaled >= _cutoffs(scaled, params)[:, None]
    return scaled.masked_fill(~kept, -torch.inf).softmax(dim=-1, dtype=torch.float64)


def _draw(logits: Tensor, rows: Sequence[Row]) -> list[int]:
    cumulative = distribution(logits, [row.params for row in rows]).cumsum(dim=-1)  # (N, V)
    points = torch.tensor([uniform(row.seed, row.num_tokens) for row in rows], dtype=torch.float64)
    total = cumulative[:, -1:].contiguous()
    drawn = torch.searchsorted(cumulative, points.to(logits.device)[:, None] * total, right=True)
    # A point rounded up to the total would fall behind the last token that has any probability.
    last = torch.searchsorted(cumulative, total)
    return torch.minimum(drawn, last).squeeze(1).tolist()


def uniform(seed: int, index: int) -> float:
    """Number `index` of the stream `seed`, in [0, 1): SplitMix64 (Steele 2014), its state stepped to by a product."""
    mask = (1 << 64) - 1
    x = (seed + (index + 1) * 0x9E3779B97F4A7C15) & mask
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & mask
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & mask
    return ((x ^ (x >> 31)) >> 11) / (1 << 53)


def _scaled(logits: Tensor, params: Sequence[SamplingParams]) -> Tensor:
    """Logits over temperature, the largest of each row 0, so that no temperature overflows."""
    temperatures = _column([p.temperature for p in params], logits)
    return (logits - logits.amax(dim=-1, keepdim=True)) / temperatures[:, None]


def _cutoffs(scaled: Tensor, params: Sequence[SamplingParams]) -> Tensor:
    """The smallest scaled logit (N,) that each row keeps. Ties with it are kept: which comes first is no reason."""
    cutoffs = torch.log(_column([p.min_p for p in params], scaled))  # the largest is 0; log 0 keeps all
    vocab_size = scaled.shape[1]
    cut = [i for i, p in enumerate(params) if p.top_p < 1 or 0 < p.top_k < vocab_size]
    if cut:
        found = _rank_cutoffs(scaled[cut], [params[i] for i in cut])
        cutoffs[cut] = torch.maximum(cutoffs[cut], found)
    return cutoffs


def _rank_cutoffs(scaled: Tensor, params: Sequence[SamplingParams]) -> Tensor:
    """Cutoffs of top-k and then top-p (N,), from the head of each row where it reaches far enough."""
    head = scaled.topk(min(_HEAD, scaled.shape[1]), dim=-1).values
    cutoffs, reached = _cut_sorted(head, scaled, params)
    far = [i for i, enough in enumerate(reached.tolist()) if not enough]
    if far:
        whole = scaled[far].sort(dim=-1, descending=True).values
        cutoffs[far] = _cut_sorted(whole, scaled[far], [params[i] for i in far])[0]
    return cutoffs


def _cut_sorted(head: Tensor, scaled: Tensor, params: Sequence[SamplingParams]) -> tuple[Tensor, Tensor]:
    """The last value that top-k and top-p keep of falling values `head`, and whether the cut lies inside them."""
    size = head.shape[1]
    top_k = torch.tensor([p.top_k or scaled.shape[1] for p in params], device=head.device)
    top_p = _column([p.top_p for p in params], head).double()
    within = torch.arange(size, device=head.device) < top_k[:, None]
    weights = head.double().exp().masked_fill(~within, 0)
    mass = weights.cumsum(dim=-1)
    # Top-p is a share of what top-k left; without a top-k, of the whole row.
    total = torch.where(top_k <= size, mass[:, -1], scaled.double().exp().sum(dim=-1))
    before = mass - weights
    kept = (within & (before < (top_p * total)[:, None])).sum(dim=-1).clamp(min=1)
    reached = (top_k <= size) | (mass[:, -1] >= top_p * total) | (size == scaled.shape[1])
    return head.gather(1, kept[:, None] - 1).squeeze(1), reached


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device)


def _with_logprobs(logits: Tensor, params: Sequence[SamplingParams], ids: Sequence[int]) -> list[Choice]:
    """Chosen ids with the model's own log-probabilities, before penalties and temperature."""
    logprobs = logits.log_softmax(dim=-1)
    own = logprobs.gather(1, torch.tensor(ids, device=logits.device)[:, None]).squeeze(1).tolist()
    counts = [p.logprobs or 0 for p in params]
    best = logprobs.topk(min(max(counts), logits.shape[1]), dim=-1)
    columns = zip(ids, own, best.indices.tolist(), best.values.tolist(), counts, strict=True)
    return [Choice(i, p, tuple(zip(top[:n], values[:n], strict=True))) for i, p, top, values, n in columns]
