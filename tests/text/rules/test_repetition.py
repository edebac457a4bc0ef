"""Repetition against a slow count that follows the paper's words."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hanlin.text.rules.characters import characters_of, lines_of, words_of
from hanlin.text.rules.repetition import REPEATED_GRAMS, TOP_GRAMS, gram_repetition, line_repetition

WORDS = st.lists(st.sampled_from(["a", "b", "cat", "，", "好"]), max_size=40).map(" ".join)


def slow_grams(text: str) -> dict[str, float]:
    """Every n-gram compared with every other, by the text of its words."""
    words = words_of(characters_of(text))
    names = [text[a : a + n] for a, n in zip(words.starts, words.lengths, strict=True)]
    borders = [*words.starts.tolist(), len(text)]

    def share(places: list[int], n: int) -> float:
        covered = {word for place in places for word in range(place, place + n)}
        return sum(borders[word + 1] - borders[word] for word in covered) / max(1, len(text))

    found = {}
    for n in range(2, 11):
        grams = [tuple(names[i : i + n]) for i in range(len(names) - n + 1)]
        if n in TOP_GRAMS:
            counts = Counter(grams)
            most = max(counts.values(), default=0)
            rivals = [g for g in counts if counts[g] == most and most > 1]
            lengths = {gram: borders[grams.index(gram) + n] - borders[grams.index(gram)] for gram in rivals}
            top = max(rivals, key=lengths.__getitem__, default=None)
            found[f"top_{n}gram_chars"] = share([i for i, gram in enumerate(grams) if gram == top], n)
        else:
            again = [i for i, gram in enumerate(grams) if gram in grams[:i]]
            found[f"dup_{n}gram_chars"] = share(again, n)
    return found


@given(WORDS)
@example("a b a b a b a b a b a b a b")
@example("")
def test_grams_are_those_of_a_slow_count(text: str) -> None:
    fast = dict(gram_repetition(words_of(characters_of(text)), len(text)))
    assert set(fast) == {f"top_{n}gram_chars" for n in TOP_GRAMS} | {f"dup_{n}gram_chars" for n in REPEATED_GRAMS}
    slow = slow_grams(text)
    for name, value in fast.items():
        if name.startswith("dup"):
            assert value == pytest.approx(slow[name])
        else:  # of several equally frequent ones of equal length any may be meant
            assert (value > 0) == (slow[name] > 0)


def test_the_most_frequent_pair_in_numbers() -> None:
    text = "red fox " * 3 + "blue"
    found = dict(gram_repetition(words_of(characters_of(text)), len(text)))
    assert found["top_2gram_chars"] == pytest.approx(24 / 28)
    assert found["top_4gram_chars"] == pytest.approx(24 / 28), "overlapping n-grams count once"
    assert found["dup_5gram_chars"] == 0


def test_a_short_poem_is_not_its_own_duplicate() -> None:
    text = "床前明月光，疑是地上霜。"
    assert set(dict(gram_repetition(words_of(characters_of(text)), len(text))).values()) == {0.0}


def test_lines_and_paragraphs() -> None:
    text = "one\ntwo\n\n  one\nfour\n\none\ntwo"
    found = dict(line_repetition(lines_of(characters_of(text)), len(text)))
    assert found["dup_lines"] == pytest.approx(3 / 6)
    assert found["dup_line_chars"] == pytest.approx(9 / len(text))
    assert found["dup_paragraphs"] == pytest.approx(1 / 3)
    assert found["dup_paragraph_chars"] == pytest.approx(6 / len(text))
