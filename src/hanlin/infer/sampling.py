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
import torch.nn.functional as F
from torch import Tensor

from hanlin.infer.config import SamplingParams

# Top-k and top-p need the largest logits in order. Sorting 6,400 takes 20 times longer than finding the first 64, which
# hold all that they keep unless the model is very unsure; then more are looked at, at last all.
_HEADS = (64, 1024)
_LINE = 64


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


def _draw(logits: Tensor, rows: Sequence[Row]) -> list[int]:
    """A token for each row, all of temperature > 0. logits (N, V)."""
    scaled = _scaled(logits, [row.params for row in rows])
    points = torch.tensor([uniform(row.seed, row.num_tokens) for row in rows], dtype=torch.float64)
    points = points.to(logits.device)
    ids = torch.empty(len(rows), dtype=torch.long, device=logits.device)
    cut = [i for i, row in enumerate(rows) if row.params.top_p < 1 or row.params.top_k > 0]
    whole = [i for i in range(len(rows)) if i not in cut]
    if whole:
        weights = scaled[whole].exp()
        floor = _column([rows[i].params.min_p for i in whole], weights)
        ids[whole] = _pick(weights.masked_fill(weights < floor[:, None], 0), points[whole])
    for size in (*_HEADS, logits.shape[1]):
        if cut:
            picked, reached = _pick_among(size, scaled[cut], points[cut], [rows[i].params for i in cut])
            ids[cut] = picked
            cut = [i for i, enough in zip(cut, reached.tolist(), strict=True) if not enough]
    return ids.tolist()


def _pick_among(size: int, scaled: Tensor, points: Tensor, params: Sequence[SamplingParams]) -> tuple[Tensor, Tensor]:
    """Tokens (N,) drawn among the `size` most likely ones, and whether these were all that top-k and top-p keep."""
    vocab_size = scaled.shape[1]
    head = scaled.topk(min(size, vocab_size), dim=-1)
    weights = head.values.exp()
    top_k = torch.tensor([p.top_k or vocab_size for p in params], device=scaled.device)[:, None]
    top_p, min_p = (
        _column(column, scaled)[:, None] for column in ([p.top_p for p in params], [p.min_p for p in params])
    )
    weights = weights.masked_fill(torch.arange(weights.shape[1], device=scaled.device) >= top_k, 0)
    mass = weights.double().cumsum(dim=-1)
    # Top-p is a share of what top-k left; without a top-k, of the whole row.
    total = torch.where(top_k < vocab_size, mass[:, -1:], scaled.exp().sum(dim=-1, keepdim=True))
    dropped = (mass - weights >= top_p * total) | (weights < min_p)
    reached = torch.where(top_k < vocab_size, top_k <= size, (mass[:, -1:] >= top_p * total) | (size >= vocab_size))
    places = _pick(weights.masked_fill(dropped, 0), points)
    return head.indices.gather(1, places[:, None]).squeeze(1), reached.squeeze(1)


def _pick(weights: Tensor, points: Tensor) -> Tensor:
    """The place (N,) at which the cumulative weight passes the point's share of all. weights (N, M), points (N,).

    In two steps, over sums of 64 and then inside one: a float64 cumsum over the whole vocabulary would cost more than
    the softmax.
    """
    lines = F.pad(weights, (0, -weights.shape[1] % _LINE)).unflatten(1, (-1, _LINE))
    totals = lines.sum(dim=-1).double().cumsum(dim=-1)
    targets = (points * totals[:, -1])[:, None]
    line = _passed(totals, targets)
    inside = lines.take_along_dim(line[:, :, None], dim=1).squeeze(1).double().cumsum(dim=-1)
    before = F.pad(totals, (1, 0)).gather(1, line)
    return (line * _LINE + _passed(inside, targets - before)).squeeze(1)


def _passed(cumulative: Tensor, targets: Tensor) -> Tensor:
    """First places (N, 1) whose cumulative weight is over the target, but none behind the last weight.

    A target that rounding has lifted to the total would else fall on a token without any probability.
    """
    last = torch.searchsorted(cumulative, cumulative[:, -1:].contiguous())
    return torch.minimum(torch.searchsorted(cumulative, targets, right=True), last)


def uniform(seed: int, index: int) -> float:
    """Number `index` of the stream `seed`, in [0, 1): SplitMix64 (Steele 2014), its state stepped to by a product."""
    mask = (1 << 64) - 1
    x = (seed + (index + 1) * 0x9E3779B97F4A7C15) & mask
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & mask
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & mask
    return ((x ^ (x >> 31)) >> 11) / (1 << 53)


def _scaled(logits: Tensor, params: Sequence[SamplingParams]) -> Tensor:
    """Logits over temperature, the largest of each row 0, so that no temperature overflows."""
    tiny = torch.finfo(logits.dtype).tiny  # a smaller temperature would become 0, and the best token's 0 / 0 no number
    temperatures = _column([max(p.temperature, tiny) for p in params], logits)
    return (logits - logits.amax(dim=-1, keepdim=True)) / temperatures[:, None]


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
