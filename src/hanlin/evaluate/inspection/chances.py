"""What a model gave each token of a text: probability, rank, alternatives, and how much it had in doubt.

A decoder is asked for each next token, an encoder-decoder and a prefix model for each token of what is said to the
text, an encoder for each token behind a mask, one at a time (Salazar 2020, arXiv:1910.14659).

Legend: N places, T tokens, D width, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hanlin.base.errors import UsageError
from hanlin.evaluate.inspection.passage import Passage
from hanlin.model.heads import CHUNK_COPIED_LOGITS
from hanlin.model.inspection.reading import at_rest, check_finite
from hanlin.model.transformer import Transformer
from hanlin.text.tokenizer import Tokenizer

BATCH_TOKENS = 4096
"""Tokens of the masked copies of a text that are read at once."""


@dataclass(frozen=True)
class Chance:
    """What stood at a place (from 0; behind the row: what comes next) and what might have stood there.

    token is None at a mask and behind the row; then logprob (nats) and rank are None too. rank 1: no token was
    likelier. entropy in bits. alternatives: the likeliest ids with their probabilities.
    """

    place: int
    token: int | None
    logprob: float | None
    rank: int | None
    entropy: float
    alternatives: tuple[tuple[int, float], ...]

    @property
    def probability(self) -> float | None:
        return None if self.logprob is None else math.exp(self.logprob)

    @property
    def bits(self) -> float | None:
        return None if self.logprob is None else -self.logprob / math.log(2)


@torch.no_grad()
def token_chances(model: Transformer, tokenizer: Tokenizer, passage: Passage, *, top: int = 5) -> list[Chance]:
    """The chance of every scored token, and what a decoder would say next.

    Raises UsageError E303 without a head, E741 for an encoder without a mask token, InputError E343, RequestTooLong.
    """
    with at_rest(model):
        if model.config.arch == "encoder":
            return _masked(model, tokenizer, passage, top)
        states = passage.reading.hidden(model)[0]  # (T, D)
        places = [*passage.scored, *([len(passage.tokens)] if model.config.arch == "decoder" else [])]
        asked = states[[place - 1 for place in places]]
        return list(_chances(model, asked, places, [*passage.tokens, None], top))


def _masked(model: Transformer, tokenizer: Tokenizer, passage: Passage, top: int) -> list[Chance]:
    """A copy of the row for every place, its token there hidden."""
    mask = tokenizer.special.mask
    if mask is None:
        raise UsageError("evaluate.no_mask")
    found: list[Chance] = []
    known = [None if token == mask else token for token in passage.tokens]
    size = max(1, BATCH_TOKENS // len(passage.tokens))
    scored = torch.tensor(passage.scored, device=passage.reading.tokens.device)
    for places in scored.split(size):
        rows = passage.reading.repeated(len(places)).tokens.scatter(1, places[:, None], mask)
        states = model.guessed(rows, places[:, None])[:, 0]  # (N, D)
        found += _chances(model, states, places.tolist(), known, top)
    return found


def _chances(
    model: Transformer, states: Tensor, places: Sequence[int], known: Sequence[int | None], top: int
) -> Iterator[Chance]:
    """Chances of places from the states (N, D) that speak for them."""
    size = max(1, CHUNK_COPIED_LOGITS // model.head.weight.shape[0])
    done = 0
    for some in states.split(size):
        logprobs = check_finite(model.head(some), "logits").float().log_softmax(dim=-1)  # (N, V)
        for row in logprobs:
            yield _chance(row, places[done], known[places[done]], top)
            done += 1


def _chance(logprobs: Tensor, place: int, token: int | None, top: int) -> Chance:
    """One place, of its log-probabilities (V,)."""
    best = logprobs.topk(min(top, len(logprobs)))
    alternatives = tuple(zip(best.indices.tolist(), best.values.exp().tolist(), strict=True))
    entropy = float(entropy_bits(logprobs))
    if token is None:
        return Chance(place, None, None, None, entropy, alternatives)
    rank = int((logprobs > logprobs[token]).sum()) + 1
    return Chance(place, token, float(logprobs[token]), rank, entropy, alternatives)


def entropy_bits(logprobs: Tensor) -> Tensor:
    """Of log-probabilities (*, V): the mean of -log2 p (*)."""
    shares = logprobs.exp()
    return -torch.where(shares > 0, shares * logprobs, 0).sum(dim=-1) / math.log(2)
