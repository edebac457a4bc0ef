"""Words and lines by numpy are those that a plain loop over characters finds."""

from __future__ import annotations

import itertools
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from hanlin.text.rules.characters import characters_of, keys_of_words, lines_of, paragraph_keys, words_of

TEXTS = st.text(st.sampled_from("ab1 '’\n。，中文かé\u0301\U00020000\U0001f600-"), max_size=60)


def is_ideograph(character: str) -> bool:
    ranges = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0x3041, 0x30FF), (0x20000, 0x3FFFF))
    return any(first <= ord(character) <= last for first, last in ranges)


def plain_words(text: str) -> list[str]:
    """Words as the docstring says, character by character."""
    words, current = [], ""
    for before, here, after in zip(" " + text, text, text[1:] + " ", strict=False):
        lettered = [is_spaced_letter(before), is_spaced_letter(after)]
        joins = here in "'’" and all(lettered)
        if is_ideograph(here) or not (is_spaced_letter(here) or unicodedata.category(here)[0] == "N" or joins):
            words += [current] if current else []
            words += [here] if is_ideograph(here) else []
            current = ""
        else:
            current += here
    return words + ([current] if current else [])


def is_spaced_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM" and not is_ideograph(character)


@given(TEXTS)
@example("It's 3 o'clock，你好。'x'")
def test_words_are_those_of_a_plain_loop(text: str) -> None:
    words = words_of(characters_of(text))
    expected = plain_words(text)
    assert [text[a : a + n] for a, n in zip(words.starts, words.lengths, strict=True)] == expected
    assert words.lettered.tolist() == [not all(unicodedata.category(c)[0] == "N" for c in word) for word in expected]
    for (one, a), (other, b) in itertools.combinations(zip(words.keys.tolist(), expected, strict=True), 2):
        assert (one == other) == (a == b)


@given(TEXTS)
@example(" \n\n a\nb \n\n\n a\nb\n")
def test_lines_are_those_of_split(text: str) -> None:
    lines = lines_of(characters_of(text))
    expected = [line.strip(" \n") for line in text.split("\n") if line.strip(" \n")]
    assert [text[a:b] for a, b in zip(lines.starts, lines.ends, strict=True)] == expected
    same = ["".join(line.split(" ")) for line in expected]
    for (one, a), (other, b) in itertools.combinations(zip(lines.keys.tolist(), same, strict=True), 2):
        assert (one == other) == (a == b)


def test_paragraphs_end_at_blank_lines() -> None:
    keys, lengths = paragraph_keys(lines_of(characters_of("one\ntwo\n \nthree\n\n\none\n two \n\ntwo\none")))
    assert lengths.tolist() == [6, 5, 6, 6]
    assert keys[0] == keys[2] and len(set(keys.tolist())) == 3


def test_a_word_has_the_same_key_wherever_it_stands() -> None:
    words = words_of(characters_of("the cat，the 猫 The"))
    the, cat = keys_of_words(["the", "猫"])
    assert (words.keys == the).tolist() == [True, False, True, False, False]
    assert (words.keys == cat).tolist() == [False, False, False, True, False]


def test_half_a_surrogate_pair_and_no_text_at_all_are_read() -> None:
    assert len(words_of(characters_of("a\ud800b")).keys) == 2
    for text in ("", "\n", " \n \n"):
        characters = characters_of(text)
        assert len(words_of(characters).keys) == len(lines_of(characters).keys) == 0
        assert len(paragraph_keys(lines_of(characters))[0]) == 0
