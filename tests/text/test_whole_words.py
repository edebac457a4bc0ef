"""Masks of whole words: complete words, the share asked for, the same from the same seed."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.config import TokenizerConfig
from hanlin.text.segment import word_spans
from hanlin.text.tokenizer import Tokenizer
from hanlin.text.tokenizer_train import train_tokenizer
from hanlin.text.whole_words import choose_words, whole_words

from .conftest import TEXTS


@functools.cache
def trained(kind: str) -> Tokenizer:
    size = {} if kind == "byte" else {"vocab_size": 640}
    return train_tokenizer(TEXTS, TokenizerConfig(kind=kind, **size), on_note=lambda note: None)


def test_by_hand() -> None:
    """un|happ|y, space, cat|s: five tokens of two words."""
    assert whole_words([(0, 7), (8, 12)], [(0, 2), (2, 6), (6, 7), (7, 8), (8, 11), (11, 12)]) == [[0, 1, 2], [4, 5]]


def test_a_token_over_two_words_joins_them() -> None:
    assert whole_words([(0, 2), (2, 4), (4, 6)], [(0, 1), (1, 3), (3, 4), (4, 6)]) == [[0, 1, 2], [3]]


def test_a_space_before_a_word_belongs_to_its_token() -> None:
    """Byte-level tokens begin with the space: " cat" is a token of the word "cat"."""
    assert whole_words([(0, 3), (4, 7)], [(0, 3), (3, 7), (7, 8)]) == [[0], [1]]


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram", "byte", "character"])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(TEXTS))
def test_the_tokens_of_a_word_spell_it(kind: str, text: str) -> None:
    tokenizer = trained(kind)
    ids, places = tokenizer.encode_with_places(text)
    assert ids == tokenizer.encode(text)
    words = word_spans(text, "zh")
    groups = whole_words(words, places)
    numbers = [number for group in groups for number in group]
    assert numbers == sorted(set(numbers))
    spelt = b"".join(b"".join(tokenizer.piece_bytes(ids[number]) for number in group) for group in groups)
    assert b"".join(text[start:end].encode() for start, end in words) == without_others(spelt, text, words)
    assert len(groups) <= len(words)


def without_others(spelt: bytes, text: str, words: list[tuple[int, int]]) -> bytes:
    """What is left of some bytes of a text when the characters between its words are taken out."""
    known = iter("".join(text[start:end] for start, end in words))
    left, wanted = "", next(known, None)
    for character in spelt.decode("utf-8", "replace"):
        if character == wanted:
            left, wanted = left + character, next(known, None)
    return left.encode()


def test_chinese_words_are_hidden_whole() -> None:
    text = "床前明月光，疑是地上霜。"
    tokenizer = trained("character")
    ids, places = tokenizer.encode_with_places(text)
    groups = whole_words(word_spans(text, "zh"), places)
    spelt = [tokenizer.decode([ids[number] for number in group]) for group in groups]
    assert spelt == [text[start:end] for start, end in word_spans(text, "zh")]
    assert any(len(word) > 1 for word in spelt)


GROUPS = st.lists(st.integers(1, 4), min_size=1, max_size=40)


@given(GROUPS, st.floats(0.05, 0.9), st.integers(0, 1000))
def test_whole_groups_near_the_share_and_the_same_again(sizes: list[int], share: float, seed: int) -> None:
    at, groups = 0, []
    for size in sizes:
        groups.append(list(range(at, at + size)))
        at += size
    hidden = choose_words(groups, share=share, seed=seed)
    assert hidden == choose_words(groups, share=share, seed=seed) == sorted(set(hidden))
    for group in groups:
        assert set(group) <= set(hidden) or not set(group) & set(hidden)
    assert hidden and abs(len(hidden) - share * at) <= 4


def test_another_seed_hides_others() -> None:
    groups = [[number] for number in range(100)]
    assert choose_words(groups, share=0.15, seed=1) != choose_words(groups, share=0.15, seed=2)
    assert len(choose_words(groups, share=0.15, seed=1)) == 15
    assert choose_words([], share=0.15, seed=1) == []
