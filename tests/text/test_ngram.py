"""Kneser-Ney against a slow and plain reading of its equations, and against the laws of probability."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import InputError
from hanlin.text.ngram import KneserNey

V = 8
DOCUMENTS = st.lists(st.lists(st.integers(2, V - 1), max_size=12).map(lambda ids: [0, *ids, 1]), min_size=1, max_size=8)


class Plain:
    """Interpolated modified Kneser-Ney with dictionaries, one probability at a time (Chen & Goodman 1998, 20 to 26)."""

    def __init__(self, documents: Sequence[Sequence[int]], order: int, vocab_size: int) -> None:
        self.vocab_size = vocab_size
        occurrences = [Counter(self._grams(documents, n)) for n in range(order + 2)]
        self.counts: list[Counter[tuple[int, ...]]] = [Counter()]
        for n in range(1, order + 1):
            counts = occurrences[n] if n == order else Counter(gram[1:] for gram in occurrences[n + 1])
            if 1 < n < order:  # nothing stands before the first token of a document
                counts.update(tuple(document[:n]) for document in documents if len(document) >= n)
            self.counts.append(counts)
        self.discounts = [self._discounts(counts) for counts in self.counts]
        self.after: list[dict[tuple[int, ...], Counter[int]]] = []
        for counts in self.counts:
            by_history: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
            for gram, count in counts.items():
                by_history[gram[:-1]][gram[-1]] = count
            self.after.append(by_history)

    @staticmethod
    def _grams(documents: Sequence[Sequence[int]], n: int) -> list[tuple[int, ...]]:
        """Every n-gram; of single tokens only those that are predicted."""
        first = 1 if n == 1 else 0
        return [tuple(d[at : at + n]) for d in documents for at in range(first, len(d) - n + 1)] if n else []

    @staticmethod
    def _discounts(counts: Counter[tuple[int, ...]]) -> list[float]:
        n1, n2, n3, n4 = (sum(count == wanted for count in counts.values()) for wanted in (1, 2, 3, 4))
        if 0 in (n1, n2, n3, n4):
            return [0, 0.5, 1, 1.5]
        y = n1 / (n1 + 2 * n2)
        estimates = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        return [0, *estimates] if min(estimates) > 0 else [0, 0.5, 1, 1.5]

    def p(self, token: int, history: tuple[int, ...]) -> float:
        n = len(history) + 1
        lower = self.p(token, history[1:]) if history else 1 / self.vocab_size
        seen = self.after[n].get(history)
        if not seen:
            return lower
        discount = self.discounts[n]
        total, freed = sum(seen.values()), sum(discount[min(3, count)] for count in seen.values())
        return (seen[token] - discount[min(3, seen[token])]) / total + freed / total * lower

    def log2prob(self, ids: Sequence[int], order: int) -> list[float]:
        return [math.log2(self.p(ids[at], tuple(ids[max(0, at - order + 1) : at]))) for at in range(1, len(ids))]


@given(documents=DOCUMENTS, others=DOCUMENTS, order=st.integers(1, 5))
def test_it_agrees_with_the_equations(documents: list[list[int]], others: list[list[int]], order: int) -> None:
    fast, plain = KneserNey(order, vocab_size=V).train(documents), Plain(documents, order, V)
    expected = [logp for ids in others + documents for logp in plain.log2prob(ids, order)]
    np.testing.assert_allclose(fast.log2probs(others + documents), expected, rtol=1e-5, atol=1e-6)


def test_it_agrees_where_all_discounts_are_estimated() -> None:
    documents = long_documents()
    fast, plain = KneserNey(3, vocab_size=50).train(documents), Plain(documents, 3, 50)
    assert all(discount != [0, 0.5, 1, 1.5] for discount in plain.discounts[2:])
    np.testing.assert_allclose(fast.log2prob(documents[0]), plain.log2prob(documents[0], 3), rtol=1e-5)


@given(documents=DOCUMENTS, history=st.lists(st.integers(0, V - 1), min_size=1, max_size=6))
def test_the_vocabulary_shares_one_after_any_history(documents: list[list[int]], history: list[int]) -> None:
    model = KneserNey(vocab_size=V).train(documents)
    total = sum(2 ** model.log2prob([*history, token])[-1] for token in range(V))
    assert total == pytest.approx(1, abs=1e-5)


def test_a_large_vocabulary_shares_one_as_well() -> None:
    model = KneserNey(vocab_size=6400).train(long_documents())
    for history in ([0], [0, 5], [0, 5, 6], [7, 8, 9, 10, 11], [6399]):
        logp = model.log2probs([[*history, token] for token in range(6400)]).reshape(6400, -1)[:, -1]
        assert (2**logp).sum() == pytest.approx(1, abs=1e-5)


def long_documents() -> list[list[int]]:
    """Token counts that fall like those of language, so that n-grams of every small count appear."""
    rng = np.random.default_rng(1)
    return [[0, *(2 + rng.zipf(1.5, 300) % 48).tolist(), 1] for _ in range(30)]


def test_documents_together_or_alone_or_with_nothing_to_predict() -> None:
    documents = long_documents()
    model = KneserNey(vocab_size=50).train(documents)
    together = model.log2probs([documents[0], [0], [], documents[1]])
    np.testing.assert_array_equal(together, np.r_[model.log2prob(documents[0]), model.log2prob(documents[1])])
    assert model.log2prob([0]).shape == (0,)


def test_nothing_is_impossible_where_no_discount_can_be_estimated() -> None:
    """Four bigrams that occur four times for each one that occurs three times: the estimate for three is below zero,
    and once left no chance at all to what was never seen after such a history."""
    documents = (
        [[0, 2, 3, 1]] * 3 + [[0, 4 + n % 4, 8 + n % 4, 1] for n in range(16)] + [[0, 12, 1], [0, 13, 1], [0, 13, 1]]
    )
    model = KneserNey(2, vocab_size=16).train(documents)
    assert np.isfinite(model.log2probs([[0, first, last] for first in range(16) for last in range(16)])).all()


def test_longer_histories_help_on_text_that_repeats() -> None:
    documents = [[0, *(at % 7 + 2 if at % 3 else at % 5 + 2 for at in range(200)), 1]] * 3
    bits = [-KneserNey(order, vocab_size=10).train(documents).log2prob(documents[0]).mean() for order in (1, 2, 3, 5)]
    assert bits == sorted(bits, reverse=True)
    assert bits[-1] < bits[0] / 3


def test_training_twice_starts_anew() -> None:
    first, second = long_documents()[:15], long_documents()[15:]
    again = KneserNey(vocab_size=50).train(first).train(second)
    np.testing.assert_array_equal(again.log2probs(first), KneserNey(vocab_size=50).train(second).log2probs(first))


@pytest.mark.parametrize("documents", [[], [[]], [[0], [0]]])
def test_nothing_to_predict_is_said(documents: list[list[int]], lang: str) -> None:
    with pytest.raises(InputError) as caught:
        KneserNey(vocab_size=V).train(documents)
    assert caught.value.code == "E228"
    assert str(caught.value)


@pytest.mark.parametrize("wrong", [-1, V])
def test_an_id_outside_the_vocabulary_is_named(wrong: int, lang: str) -> None:
    model = KneserNey(vocab_size=V).train([[0, 2, 1]])
    for use in (model.train, model.log2probs):
        with pytest.raises(InputError) as caught:
            use([[0, 2, wrong, 1]])
        assert (caught.value.code, caught.value.values) == ("E229", {"id": wrong, "vocab_size": V})
