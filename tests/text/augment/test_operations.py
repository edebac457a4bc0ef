"""Operations on texts: another text each time, the same for the same seed, and never more than was asked for."""

from __future__ import annotations

import difflib
import sys
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import MissingExtra
from hanlin.text.augment import operations
from hanlin.text.augment.config import AugmentOperation
from hanlin.text.augment.operations import OPERATIONS, pieces_of

ENGLISH = "The quick brown fox, it seems, jumps over the lazy dog. Then it sleeps for a long time."
CHINESE = "今天天气很好，我们去北京的公园散步。后来下雨了，大家都很高兴。"
WORDS = {"quick": ("fast", "swift"), "dog": ("hound",), "公园": ("花园",), "高兴": ("开心", "快乐")}


def done(name: str, text: str, seed: int = 1, rate: float = 0.2) -> str:
    return OPERATIONS[name](text, Random(seed), rate, WORDS)


def test_every_operation_of_the_settings_is_there() -> None:
    assert set(get_args(AugmentOperation)) - set(OPERATIONS) == {"paraphrase", "back-translation"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_alters_a_text_a_little_and_the_same_way_again(name: str) -> None:
    for text in (ENGLISH, CHINESE):
        if (name, text) in {("typo", CHINESE), ("script", ENGLISH), ("homophone", ENGLISH)}:
            assert done(name, text) == text  # nothing to do
            continue
        made = {done(name, text, seed) for seed in range(8)}
        assert text not in made
        assert done(name, text, 3) == done(name, text, 3)
        if name not in ("script", "swap-words"):
            likeness = [difflib.SequenceMatcher(None, text, other, autojunk=False).ratio() for other in made]
            assert min(likeness) > 0.5
        assert len(made) > (0 if name == "script" else 1)


def test_what_each_operation_does() -> None:
    def letters(text: str) -> list[str]:
        return sorted(filter(str.isalnum, text))

    for text in (ENGLISH, CHINESE):
        for name in ("swap-chars", "punctuation", "spaces"):
            assert letters(done(name, text)) == letters(text), name
        assert sorted(done("swap-words", text)) == sorted(text)
        assert set(letters(done("delete-chars", text))) <= set(letters(text))
        assert len(done("delete-words", text)) < len(text) < len(done("repeat-chars", text))
    assert len(done("typo", ENGLISH)) == len(ENGLISH)
    assert done("script", "云里的龙") == "雲裏的龍" and done("script", "雲裏的龍") == "云里的龙"
    assert done("synonym", "A Quick dog", rate=1.0) in ("A Fast hound", "A Swift hound")
    assert done("synonym", "公园里很高兴", rate=1.0) in ("花园里很开心", "花园里很快乐")
    assert done("synonym", "no word of the list") == "no word of the list"
    assert len(done("insert", ENGLISH)) > len(ENGLISH) and "园" in done("insert", "公园", rate=1.0)


def test_a_share_of_the_characters_is_changed() -> None:
    text = "abcdefghij" * 200
    changed = sum(one != other for one, other in zip(text, done("typo", text, rate=0.1), strict=True))
    assert 120 < changed < 280


def test_homophones_sound_alike() -> None:
    """pypinyin is the judge of both sides; that the pairs differ is ours."""
    from pypinyin import lazy_pinyin

    made = done("homophone", CHINESE, rate=1.0)
    assert made != CHINESE and len(made) == len(CHINESE)
    for one, other in zip(CHINESE, made, strict=True):
        assert one == other or lazy_pinyin(one) == lazy_pinyin(other)


def test_homophones_without_their_package_say_so(monkeypatch: pytest.MonkeyPatch, lang: str) -> None:
    operations._sounding_alike.cache_clear()
    monkeypatch.setitem(sys.modules, "pypinyin", None)
    with pytest.raises(MissingExtra) as caught:
        done("homophone", CHINESE)
    assert (caught.value.code, caught.value.exit_code) == ("E215", 4)


def test_words_and_what_stands_between_make_up_the_text() -> None:
    for text in (ENGLISH, CHINESE, "", "…", "a  b"):
        pieces, words = pieces_of(text)
        assert "".join(pieces) == text
        assert all(pieces[place].strip() for place in words)


@given(text=st.text(max_size=30), seed=st.integers(0, 99), name=st.sampled_from([*OPERATIONS]))
def test_any_text_may_be_altered(text: str, seed: int, name: str) -> None:
    made = done(name, text, seed)
    assert made == done(name, text, seed)
    if not any(letter.isalnum() for letter in text):
        assert made == text or name in ("punctuation", "spaces", "script")
