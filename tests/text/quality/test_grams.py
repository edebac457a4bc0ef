"""Hashed n-grams: which ones, how often, and the same everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.quality.grams import Hashing, Rows

WORDS = Hashing(bits=20, words=(1, 2), characters=())
CHARACTERS = Hashing(bits=20, words=(), characters=(1, 2, 3))


def buckets(hashing: Hashing, text: str) -> set[int]:
    return set(hashing.features(text)[0].tolist())


def test_words_and_pairs_of_words() -> None:
    assert len(buckets(WORDS, "the cat sat")) == 5, "three words and two pairs"
    assert buckets(WORDS, "the cat") < buckets(WORDS, "the cat sat")
    assert buckets(WORDS, "cat the") != buckets(WORDS, "the cat"), "the pair is another"


def test_a_han_character_is_a_word() -> None:
    assert len(buckets(WORDS, "床前明月")) == 7, "four characters and three pairs"
    assert buckets(WORDS, "明月") < buckets(WORDS, "床前明月")


def test_characters_reach_over_the_borders_of_words() -> None:
    # " ab " : space, a, b; " a", "ab", "b "; " ab", "ab "
    assert len(buckets(CHARACTERS, "ab")) == 3 + 3 + 2
    assert buckets(CHARACTERS, "AB") == buckets(CHARACTERS, "ab"), "shouting is not another word"


def test_a_word_of_one_letter_is_not_that_letter_anywhere() -> None:
    one = Hashing(bits=20, words=(1,), characters=())
    other = Hashing(bits=20, words=(), characters=(1,))
    assert not buckets(one, "a") & buckets(other, "a")


def test_repetition_counts_by_its_logarithm() -> None:
    _, values = Hashing(bits=20, words=(1,), characters=()).features("a a a")
    assert values.tolist() == [pytest.approx(1 + np.log(3))]


def test_the_same_buckets_on_every_machine() -> None:
    """A classifier is a file that travels: a change of these numbers makes all of them useless."""
    found = Hashing(bits=16, words=(1, 2), characters=(1, 2)).features("Free 奖品!")[0]
    assert found.tolist() == FIXED


@given(text=st.text(max_size=40), bits=st.integers(8, 20))
def test_any_text_has_sorted_buckets_in_range(text: str, bits: int) -> None:
    found, values = Hashing(bits=bits).features(text)
    assert (np.diff(found) > 0).all() and len(found) == len(values)
    assert not len(found) or 0 <= found[0] <= found[-1] < 1 << bits
    assert np.isfinite(values).all() and (values >= 1).all()


def test_rows_weigh_as_scikit_learn_weighs_them() -> None:
    """1 + ln of counts, smoothed idf and length 1: TfidfTransformer(sublinear_tf=True)."""
    text = pytest.importorskip("sklearn.feature_extraction.text", reason="scikit-learn is the oracle")
    hashing = Hashing(bits=14)
    texts = ["the cat sat on the mat", "the dog sat", "床前明月光", "a a a a b"]
    rows = Rows.of(texts, hashing)
    counts = np.zeros((len(texts), hashing.num_buckets))
    for number, one in enumerate(texts):
        found, values = hashing.features(one)
        counts[number, found] = np.rint(np.exp(values - 1))
    expected = text.TfidfTransformer(sublinear_tf=True).fit_transform(counts).toarray()
    weighed = rows.weighed(rows.rarities(hashing.num_buckets))
    for number in range(len(texts)):
        place = slice(weighed.places[number], weighed.places[number + 1])
        np.testing.assert_allclose(expected[number, weighed.buckets[place]], weighed.values[place], rtol=1e-5)


FIXED = [1619, 2988, 5295, 5864, 6938, 8413, 8994, 10185, 10792, 11556, 20152, 23489, 25258, 33312, 35002, 38274, 39647]
FIXED += [42549, 45473, 57393, 57789]
