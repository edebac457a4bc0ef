"""The order of documents: each once per epoch, shares exact, the place in the stream a few integers."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.data.mixture import Mixture, WeightedSource, shuffled
from hanlin.data.sources import Concatenation


class FakeSource:
    """Document d of source s holds the inputs s * 1000 + d and, as targets, their negatives."""

    num_truncated = 0

    def __init__(self, name: str, lengths: list[int]) -> None:
        self.name = self.fingerprint = name
        self.lengths = np.array(lengths, np.int64)

    def slice(self, document: int, start: int, length: int) -> tuple[np.ndarray, np.ndarray]:
        values = np.full(length, document, np.int64)
        return values, -values


def everything(mixture: Mixture, window: int = 7) -> list[tuple[int, int]]:
    return list(chain.from_iterable(iter(lambda: mixture.draw(window), [])))


@given(st.integers(0, 200), st.integers(0, 2**63 - 1))
def test_shuffled_is_a_permutation(num: int, key: int) -> None:
    assert sorted(shuffled(num, key=key).tolist()) == list(range(num))


def test_shuffled_never_changes() -> None:
    """A run that is resumed by a later release must find the same order: that of the published test vector of
    SplitMix64 from 1234567: 6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431,
    16408922859458223821."""
    assert shuffled(5, key=1234567).tolist() == [1, 3, 0, 2, 4]


def test_shuffled_has_no_favourites() -> None:
    """Over many keys every number stands at every place equally often (chi-square, 99.9 % bound for 15 x 15)."""
    counts = np.zeros((16, 16))
    for key in range(4000):
        counts[np.arange(16), shuffled(16, key=key)] += 1
    assert ((counts - 250) ** 2 / 250).sum() < 296


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20), st.integers(1, 40), st.integers(1, 4))
def test_every_document_once_per_epoch(lengths: list[int], window: int, epochs: int) -> None:
    mixture = Mixture([WeightedSource(source=FakeSource("a", lengths), max_epochs=epochs)], seed=0)
    drawn = [document for _, document in everything(mixture, window)]
    assert len(drawn) == epochs * len(lengths)
    for epoch in range(epochs):
        one = drawn[epoch * len(lengths) : (epoch + 1) * len(lengths)]
        assert sorted(one) == list(range(len(lengths)))
    assert mixture.num_positions() == epochs * sum(lengths)


def test_epochs_are_shuffled_anew() -> None:
    mixture = Mixture([WeightedSource(source=FakeSource("a", [1] * 50), max_epochs=2)], seed=0)
    drawn = [document for _, document in everything(mixture)]
    assert drawn[:50] != drawn[50:]


def test_a_window_never_reaches_into_the_next_epoch() -> None:
    mixture = Mixture([WeightedSource(source=FakeSource("a", [3, 4]))], seed=0)
    assert [len(mixture.draw(1000)) for _ in range(3)] == [2, 2, 2]


def test_half_an_epoch_is_half_the_documents() -> None:
    mixture = Mixture([WeightedSource(source=FakeSource("a", [2] * 10), max_epochs=1.5)], seed=0)
    assert len(everything(mixture)) == 15
    assert mixture.num_positions() == 30


def test_sources_without_weights_are_one_pool() -> None:
    sources = [WeightedSource(source=FakeSource(name, [5] * num), max_epochs=1) for name, num in [("a", 3), ("b", 9)]]
    mixture = Mixture(sources, seed=0)
    assert isinstance(mixture.sources[0], Concatenation)
    assert sorted(document for _, document in everything(mixture)) == list(range(12))


def test_a_pool_finds_each_document_in_its_source() -> None:
    pool = Concatenation([FakeSource("a", [5, 6]), FakeSource("b", [7, 8, 9])])
    assert pool.lengths.tolist() == [5, 6, 7, 8, 9]
    assert pool.slice(4, 0, 2)[0].tolist() == [2, 2]
    assert pool.name == "a+b"


@given(
    st.lists(st.tuples(st.integers(1, 9), st.lists(st.integers(1, 40), min_size=1, max_size=8)), min_size=2, max_size=4)
)
def test_shares_are_exact_to_within_one_document(parts: list[tuple[int, list[int]]]) -> None:
    sources = [WeightedSource(source=FakeSource(str(n), le), weight=w) for n, (w, le) in enumerate(parts)]
    mixture = Mixture(sources, seed=3)
    positions: Counter[int] = Counter()
    for source, document in chain.from_iterable(mixture.draw(50) for _ in range(40)):
        positions[source] += parts[source][1][document]
    total, weights = sum(positions.values()), sum(weight for weight, _ in parts)
    longest = max(max(lengths) for _, lengths in parts)
    for source, (weight, _) in enumerate(parts):
        assert abs(positions[source] - total * weight / weights) <= longest * len(parts)


def test_replay_goes_on_as_long_as_the_limited_source() -> None:
    """Fine-tuning with 20 % replay: three epochs of the conversations end the stream, the old text repeats or not."""
    chats = WeightedSource(source=FakeSource("chats", [10] * 20), weight=0.8, max_epochs=3)
    replay = WeightedSource(source=FakeSource("old text", [25] * 400), weight=0.2)
    mixture = Mixture([chats, replay], seed=0)
    drawn = Counter(source for source, _ in everything(mixture, 100))
    assert drawn[0] == 60
    assert abs(drawn[1] * 25 - 600 / 0.8 * 0.2) <= 25
    assert mixture.num_positions() == 750


def test_a_capped_source_leaves_and_the_others_go_on() -> None:
    small = WeightedSource(source=FakeSource("small", [5] * 2), weight=1, max_epochs=1)
    large = WeightedSource(source=FakeSource("large", [5] * 20), weight=1, max_epochs=1)
    drawn = [source for source, _ in everything(Mixture([small, large], seed=0))]
    assert Counter(drawn) == {0: 2, 1: 20}
    assert set(drawn[4:]) == {1}


def test_without_limits_there_is_no_end() -> None:
    mixture = Mixture([WeightedSource(source=FakeSource("a", [1]))], seed=0)
    assert mixture.num_positions() is None
    assert all(mixture.draw(3) for _ in range(1000))


@given(st.integers(0, 12))
def test_a_loaded_state_goes_on_exactly_there(steps: int) -> None:
    def fresh() -> Mixture:
        parts = [("a", [3, 9, 4]), ("b", [5] * 7)]
        return Mixture([WeightedSource(source=FakeSource(n, le), weight=len(le)) for n, le in parts], seed=5)

    whole, resumed = fresh(), fresh()
    for _ in range(steps):
        whole.draw(11)
    resumed.load_state(whole.state())
    assert [whole.draw(11) for _ in range(9)] == [resumed.draw(11) for _ in range(9)]


def test_weights_for_some_sources_only_are_a_mistake() -> None:
    parts = [WeightedSource(source=FakeSource("a", [1]), weight=1), WeightedSource(source=FakeSource("b", [1]))]
    with pytest.raises(AssertionError):
        Mixture(parts, seed=0)


def test_the_order_does_not_depend_on_where_the_data_lie() -> None:
    """Names of sources are paths. Two runs of one recipe in two folders once trained in different orders."""

    def order(name: str) -> list[tuple[int, int]]:
        return everything(Mixture([WeightedSource(source=FakeSource(name, [3] * 40), max_epochs=1)], seed=5))

    assert order("here/train") == order("there/train")
