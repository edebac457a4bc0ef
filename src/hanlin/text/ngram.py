"""Interpolated modified Kneser-Ney over token ids: the baseline a neural model has to beat, and a perplexity filter.

Chen & Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling" (1998), sections 3 and 4:

    p_n(w | h) = max(c(hw) - D(c(hw)), 0) / c(h.) + gamma(h) p_{n-1}(w | h without its first token)

c is the count of an n-gram at the highest order, below it the number of different tokens seen before it; an n-gram at
the start of a document has no token before it and keeps its count. D takes three values per order, for counts of 1,
2 and more. Below the unigrams stands the uniform distribution over the whole vocabulary, control tokens included.

    tokens   bos  the  cat  sat  eos    An n-gram is numbered by the row of its key among the sorted keys of its
    place     0    1    2    3    4     order; its key is (row of its first n-1 tokens) x vocabulary + (last token).
    trigram             bos  the  cat   So keys fit 63 bits at any order, and n-grams of one history lie side by side.
                        the  cat  sat
                        cat  sat  eos

Training and scoring walk the orders upwards with the same step: the row of the n-1 tokens that end one place before,
and the token here, give the row of the n tokens that end here. Sorts and binary searches of numpy do all the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hanlin.base.errors import InputError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Ids = Sequence[int] | NDArray[np.int32] | NDArray[np.int64]

_ABSENT = -1


class KneserNey:
    """An n-gram model with a closed vocabulary.

    A document is a list of ids that opens with the begin token and closes with the end token. The first token is
    history only: it is never predicted. Memory in use: about 16 bytes for each different n-gram of each order.
    """

    def __init__(self, order: int = 5, *, vocab_size: int) -> None:
        assert order >= 1
        assert vocab_size >= 1
        self.order = order
        self.vocab_size = vocab_size
        self._orders: list[_Order] = []

    def train(self, documents: Iterable[Ids]) -> KneserNey:
        """Count and smooth; return self. Raises InputError without a token to predict or for an id out of range."""
        tokens, places = self._joined(documents)
        if not places.any():
            raise InputError("text.ngram_no_tokens")
        self._orders = []
        grams, num_histories = _unigrams(tokens, self.vocab_size), 1
        for _ in range(1, self.order):
            longer = _longer(grams, tokens, places, self.vocab_size)
            counts = _continuations(grams, longer, places)
            self._orders.append(_smoothed(grams.keys, counts, num_histories, self.vocab_size))
            grams, num_histories = longer, len(grams.keys)
        self._orders.append(_smoothed(grams.keys, _occurrences(grams, places), num_histories, self.vocab_size))
        return self

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what training found, for a file: `keys3`, `direct3`, `backoff3` for the trigrams."""
        return {
            f"{name}{n}": getattr(order, name)
            for n, order in enumerate(self._orders, start=1)
            for name in ("keys", "direct", "backoff")
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], *, order: int, vocab_size: int) -> KneserNey:
        """Return the model that `arrays` told of; mapped arrays stay mapped. Raises KeyError where one is missing."""
        model = cls(order, vocab_size=vocab_size)
        model._orders = [
            _Order(arrays[f"keys{n}"], arrays[f"direct{n}"], arrays[f"backoff{n}"]) for n in range(1, order + 1)
        ]
        return model

    @property
    def num_ngrams(self) -> tuple[int, ...]:
        """Different n-grams of each order that training saw."""
        return tuple(int((order.direct > 0).sum()) for order in self._orders)

    def log2prob(self, ids: Ids) -> Floats:
        """Return log2 p of every token of one document but its first: (len(ids) - 1,)."""
        return self.log2probs([ids])

    def log2probs(self, documents: Iterable[Ids]) -> Floats:
        """Return log2 p of every token but the first of each document, end to end: (number of such tokens,).

        Raises InputError for an id out of range.
        """
        tokens, places = self._joined(documents)
        rows = np.zeros(len(tokens), np.int64)  # of the n-1 tokens that end at each place; the empty history first
        p = np.full(len(tokens), 1.0 / self.vocab_size)
        for n, order in enumerate(self._orders, start=1):
            rows = _step(order, n, rows, tokens, places, p, self.vocab_size)
        return np.log2(p[places > 0])

    def _joined(self, documents: Iterable[Ids]) -> tuple[Ints, Ints]:
        """All tokens end to end, and the place of each in its document."""
        parts = [np.asarray(ids, np.int64) for ids in documents]
        tokens = np.concatenate(parts) if parts else np.empty(0, np.int64)
        if len(tokens) and not 0 <= tokens.min() <= tokens.max() < self.vocab_size:
            worst = tokens.min() if tokens.min() < 0 else tokens.max()
            raise InputError("text.id_out_of_range", id=int(worst), vocab_size=self.vocab_size)
        places = np.concatenate([np.arange(len(part)) for part in parts]) if parts else tokens
        return tokens, places


@dataclass(frozen=True)
class _Order:
    """All n-grams of one order, G of them after H histories.

    keys (G,), sorted. direct (G,): the first term of p(w | h). backoff (H,): gamma(h), 1 where nothing follows h.
    """

    keys: Ints
    direct: NDArray[np.float32]
    backoff: NDArray[np.float32]

    def find(self, keys: Ints) -> Ints:
        """Return the row of each key, _ABSENT for those never seen."""
        rows = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        rows[self.keys[rows] != keys] = _ABSENT
        return rows


@dataclass(frozen=True)
class _Grams:
    """The n-grams found in N training tokens, G different ones.

    keys (G,), sorted. rows (N,): the n-gram that ends at each token, _ABSENT where the document is too short.
    ends (G,): one token where each n-gram ends.
    """

    n: int
    keys: Ints
    rows: Ints
    ends: Ints


def _unigrams(tokens: Ints, vocab_size: int) -> _Grams:
    return _Grams(1, np.arange(vocab_size), tokens, np.empty(0, np.int64))


def _longer(grams: _Grams, tokens: Ints, places: Ints, vocab_size: int) -> _Grams:
    """The n-grams of the next order."""
    ends = np.flatnonzero(places >= grams.n)
    keys = grams.rows[ends - 1] * vocab_size + tokens[ends]
    by_key = np.argsort(keys)
    keys, ends = keys[by_key], ends[by_key]
    first = np.r_[True, keys[1:] != keys[:-1]][: len(keys)]
    rows = np.full(len(tokens), _ABSENT)
    rows[ends] = np.cumsum(first) - 1
    return _Grams(grams.n + 1, keys[first], rows, ends[first])


def _occurrences(grams: _Grams, places: Ints) -> Ints:
    """How often each n-gram occurs where it is predicted: (G,)."""
    return np.bincount(grams.rows[places >= max(1, grams.n - 1)], minlength=len(grams.keys))


def _continuations(grams: _Grams, longer: _Grams, places: Ints) -> Ints:
    """Before how many different tokens each n-gram occurs, or how often where it opens a document: (G,)."""
    counts = np.bincount(grams.rows[longer.ends], minlength=len(grams.keys))
    if grams.n > 1:
        counts += np.bincount(grams.rows[places == grams.n - 1], minlength=len(grams.keys))
    return counts


def _smoothed(keys: Ints, counts: Ints, num_histories: int, vocab_size: int) -> _Order:
    """Turn the counts of one order into probabilities (Chen & Goodman, equations 20 to 26)."""
    histories = keys // vocab_size
    kind = np.minimum(counts, 3)
    discounts = _discounts(np.bincount(np.minimum(counts, 5), minlength=6))
    total = np.bincount(histories, counts, minlength=num_histories)
    freed = np.bincount(histories, discounts[kind], minlength=num_histories)
    divisor = np.maximum(total, 1)
    direct = (counts - discounts[kind]) / divisor[histories]
    backoff = np.where(total > 0, freed / divisor, 1.0)
    return _Order(keys, direct.astype(np.float32), backoff.astype(np.float32))


def _discounts(num_with: Ints) -> Floats:
    """What is taken from counts of 0, 1, 2 and more, by how many n-grams have each count: equation 26.

    Too few n-grams give no estimate, or one that leaves nothing for what was never seen: then 0.5, 1 and 1.5, as KenLM
    falls back.
    """
    fallback = np.array([0, 0.5, 1, 1.5])
    n1, n2, n3, n4 = num_with[1:5].astype(float)
    if min(n1, n2, n3, n4) == 0:
        return fallback
    y = n1 / (n1 + 2 * n2)
    estimates = np.array([0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    return estimates if estimates[1:].min() > 0 else fallback


def _step(order: _Order, n: int, rows: Ints, tokens: Ints, places: Ints, p: Floats, vocab_size: int) -> Ints:
    """Interpolate p, in place, with one order where its history was seen; return the rows of the n-grams."""
    if n > 1:
        rows = np.r_[_ABSENT, rows[:-1]]
    fits = np.flatnonzero((places >= n - 1) & (rows != _ABSENT))
    histories = rows[fits]
    found = order.find(histories * vocab_size + tokens[fits])
    p[fits] = order.backoff[histories] * p[fits] + np.where(found == _ABSENT, 0, order.direct[found])
    longer = np.full(len(tokens), _ABSENT)
    longer[fits] = found
    return longer
