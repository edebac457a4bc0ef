"""Characters and tokens as units of an n-gram model."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.ngram_units import CharacterUnits, TokenUnits, units_of
from hanlin.text.tokenizer import Tokenizer


def test_characters_seen_twice_are_known() -> None:
    units = CharacterUnits.learn(["aab", "bc𠀀", "𠀀"])
    assert [chr(code) for code in units.codes] == ["a", "b", "𠀀"]
    (ids,) = units.encode(["abc𠀀"])
    assert ids.tolist() == [0, 3, 4, 2, 5, 1], "begin, a, b, the unknown, 𠀀, end"


def test_which_unknown_character_it_is_costs_the_rest_of_unicode() -> None:
    units = CharacterUnits.learn(["aabb"])
    assert 2**units.unknown_bits == pytest.approx(0x110000 - 0x800 - 2), "all code points but surrogates and the known"


@given(texts=st.lists(st.text(), max_size=4))
def test_every_text_has_one_id_for_each_character_and_two_marks(texts: list[str]) -> None:
    units = CharacterUnits.learn(texts)
    for text, ids in zip(texts, units.encode(texts), strict=True):
        assert len(ids) == len(text) + 2
        assert ids.min() >= 0 and ids.max() < units.vocab_size
        known = {chr(code) for code in units.codes}
        assert [bool(id == units.unknown) for id in ids[1:-1]] == [character not in known for character in text]


def test_no_text_at_all_knows_no_character() -> None:
    units = CharacterUnits.learn([])
    assert units.encode(["a"])[0].tolist() == [0, 2, 1]
    assert math.isfinite(units.unknown_bits)


def test_both_come_back_from_their_arrays(tokenizer: Tokenizer) -> None:
    text = "It's 小船 <|im_end|> 𠀀"
    for units in (CharacterUnits.learn([text, text]), TokenUnits(tokenizer)):
        again = units_of(units.name, units.arrays())
        assert again.vocab_size == units.vocab_size
        assert again.encode([text])[0].tolist() == units.encode([text])[0].tolist()


def test_tokens_stand_between_the_marks_of_the_vocabulary(tokenizer: Tokenizer) -> None:
    (ids,) = TokenUnits(tokenizer).encode(["小船"])
    assert ids.tolist() == [tokenizer.special.bos, *tokenizer.encode("小船"), tokenizer.special.eos]
