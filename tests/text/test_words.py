"""Word counts: by language, by stem, and how much of a text the commonest words make up."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.document import Document
from hanlin.text.words import by_stem, count_words, coverage, words_for


def document(text: str, lang: str) -> Document:
    return Document(text, "1", "s", lang)


def test_words_are_counted_by_language() -> None:
    found, left_out = count_words(
        [document("The cat and the dog.", "en"), document("猫和狗，猫和鱼", "zh"), document("THE end", "en")]
    )
    assert found["en"].ranked()[:2] == [("the", 3), ("and", 1)]
    assert (found["en"].num_documents, found["en"].num_words) == (2, 7)
    assert found["zh"].ranked()[:2] == [("和", 2), ("猫", 2)]
    assert left_out == {}


def test_stems_are_counted_together() -> None:
    found, _ = count_words([document("run runs running ran", "en"), document("跑步", "zh")], stemmed=True)
    assert found["en"].counts == {"run": 3, "ran": 1}
    assert found["zh"].num_words == 1
    assert by_stem(Counter(a=2), "code") == {"a": 2}


def test_other_languages_are_told_apart_and_those_without_spaces_left_out() -> None:
    russian = "Все люди рождаются свободными и равными в своём достоинстве и правах."
    found, left_out = count_words(
        [document(russian, "other"), document("すべての人間は、生まれながらにして自由であり", "other")]
    )
    assert found["ru"].num_words == 11
    assert left_out == {"ja": 1}


COUNTS = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(1, 50), min_size=1)


@given(COUNTS)
def test_the_curve_rises_to_one_and_agrees_with_the_words_needed(counts: dict[str, int]) -> None:
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    curve = coverage(ranked)
    assert curve[0][0] == 1 and curve[-1] == (len(ranked), 1.0)
    assert curve == sorted(set(curve))
    total = sum(counts.values())
    for share in (0.1, 0.5, 0.99, 1.0):
        needed = words_for(ranked, share)
        assert sum(number for _, number in ranked[:needed]) >= share * total
        assert sum(number for _, number in ranked[: needed - 1]) < share * total


@pytest.mark.parametrize(("share", "needed"), [(0.5, 1), (0.8, 2), (0.95, 3)])
def test_by_hand(share: float, needed: int) -> None:
    """50 + 30 + 20."""
    assert words_for([("a", 50), ("b", 30), ("c", 20)], share) == needed
    assert coverage([]) == []
