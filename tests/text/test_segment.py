"""Words: told apart by dictionary in Chinese and by letters elsewhere, each with its place in the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import InputError
from hanlin.text.segment import STEMMERS, segment, stem, word_spans

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def test_chinese_words_come_from_a_dictionary() -> None:
    """The sentence every segmenter is shown with; marks and spaces are no words."""
    assert segment("我们在学习自然语言处理，很有趣。", "zh") == ["我们", "在", "学习", "自然语言", "处理", "很", "有趣"]


def test_traditional_text_is_cut_as_its_simplified_twin() -> None:
    simplified, traditional = "我们学习经济发展与历史", "我們學習經濟發展與歷史"
    assert [len(word) for word in segment(traditional, "zh")] == [len(word) for word in segment(simplified, "zh")]
    assert segment(traditional, "zh")[0] == "我們"


def test_korean_and_halves_of_surrogate_pairs_are_not_han() -> None:
    """A range that began with U+F900 began with U+8C48 once its file was normalised, and took in all of these."""
    assert segment("안녕하세요 세계", "ko") == ["안녕하세요", "세계"]
    assert word_spans("\udce4好", "") == [(1, 2)], "bytes of a cut character, as masking reads them"


def test_letters_with_apostrophes_marks_and_numbers() -> None:
    assert segment("It's 3.14, don't — naïve café 'quoted' Python3 x_1", "en") == [
        "It's", "3.14", "don't", "naïve", "café", "quoted", "Python3", "x", "1",
    ]  # fmt: skip
    assert segment("e\u0301te\u0301 2,000", "fr") == ["e\u0301te\u0301", "2,000"]


def test_marks_of_indic_letters_belong_to_their_word() -> None:
    """Python's \\w knows no vowel signs: हिन्दी once fell into three pieces."""
    assert segment("हिन्दी में शब्द", "hi") == ["हिन्दी", "में", "शब्द"]
    assert segment("كِتَابٌ جميل", "ar") == ["كِتَابٌ", "جميل"]


def test_both_writings_in_one_text() -> None:
    assert segment("用Python处理2024年的数据", "zh") == ["用", "Python", "处理", "2024", "年", "的", "数据"]


@given(text=ANY_TEXT)
def test_words_stand_in_order_where_their_places_say(text: str) -> None:
    spans = word_spans(text, "zh")
    assert [text[start:end] for start, end in spans] == segment(text, "zh")
    flat = [place for span in spans for place in span]
    assert flat == sorted(flat) and all(start < end for start, end in spans)
    kept = {place for start, end in spans for place in range(start, end)}
    assert not any(text[place].isalnum() for place in range(len(text)) if place not in kept and text[place].isalpha())


@pytest.mark.parametrize("language", ["ja", "th"])
def test_a_language_without_spaces_is_refused(language: str, lang: str) -> None:
    with pytest.raises(InputError) as caught:
        segment("これは日本語です", language)
    assert caught.value.code == "E267"
    assert language in str(caught.value)


def test_stems() -> None:
    """Porter's own examples for English; German and Russian by Snowball's vocabularies."""
    assert stem(["Running", "runs", "run", "generously"], "en") == ["run", "run", "run", "generous"]
    assert stem(["aufeinander", "aufeinanderfolge"], "de") == ["aufeinand", "aufeinanderfolg"]
    assert stem(["вазы", "важная"], "ru") == ["ваз", "важн"]
    assert stem(["学习"], "zh") == ["学习"]


def test_a_language_without_a_stemmer_is_refused(lang: str) -> None:
    with pytest.raises(InputError) as caught:
        stem(["kahvi"], "sw")
    assert caught.value.code == "E268"
    assert "fi" in str(caught.value) and "sw" in str(caught.value)


def test_every_stemmer_named_is_there() -> None:
    for code in STEMMERS:
        assert stem(["a"], code)
