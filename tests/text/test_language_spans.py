"""Mixed texts, cut into the languages they are in."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.language_spans import spans_by_language


def parts(text: str) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.language.code) for span in spans_by_language(text)]


def test_sentences_of_four_languages() -> None:
    text = (
        "I said hello to everybody. 他说你好，今天天气不错。"
        "Das ist ein schöner Tag, nicht wahr? Oui, c'est une belle journée."
    )
    assert parts(text) == [
        ("I said hello to everybody. ", "en"),
        ("他说你好，今天天气不错。", "zh"),
        ("Das ist ein schöner Tag, nicht wahr? ", "de"),
        ("Oui, c'est une belle journée.", "fr"),
    ]


def test_terms_inside_chinese() -> None:
    """A few words of ASCII are no Romanian, whatever a model makes of `git rebase`."""
    text = "使用 `git rebase --interactive HEAD~3` 命令可以修改历史提交。"
    found = spans_by_language(text)
    assert [span.language.code for span in found] == ["zh", "en", "zh"]
    assert found[1].language.confidence < 0.5, "and it says that it is a guess"
    assert found[0].language.script == found[2].language.script == "Hans", "使用 alone would not tell"


def test_both_scripts_of_chinese() -> None:
    text = "寶玉聽了，不覺呆了一回。宝玉听了，不觉呆了一回。"
    found = spans_by_language(text)
    assert [(span.start, span.end, span.language.script) for span in found] == [(0, 12, "Hant"), (12, 24, "Hans")]


def test_japanese_is_one_language_in_three_scripts() -> None:
    assert parts("吾輩は猫である。名前はまだ無い。东京和北京都是首都。") == [
        ("吾輩は猫である。名前はまだ無い。", "ja"),
        ("东京和北京都是首都。", "zh"),
    ]


def test_a_short_chinese_sentence_beside_a_japanese_one_stays_chinese() -> None:
    text = "今天天气很好。It is a fine day today. 今日はいい天気です。"
    assert [span.language.code for span in spans_by_language(text)] == ["zh", "en", "ja"]


def test_words_of_three_scripts() -> None:
    assert [code for _, code in parts("서울은 한국의 수도이다 กรุงเทพเป็นเมืองหลวง Αθήνα είναι πρωτεύουσα")] == [
        "ko",
        "th",
        "el",
    ]


def test_a_short_piece_follows_its_neighbours() -> None:
    text = "Der Zug nach München fährt um acht Uhr ab. 他问：“Wann?” 我说不知道。"
    assert parts(text) == [
        ("Der Zug nach München fährt um acht Uhr ab. ", "de"),
        ("他问：“", "zh"),
        ("Wann?” ", "de"),
        ("我说不知道。", "zh"),
    ]


@pytest.mark.parametrize("text", ["", "123 + 4 = !!", "😀"])
def test_without_letters(text: str) -> None:
    found = spans_by_language(text)
    assert [(span.start, span.end, span.language.code) for span in found] == ([(0, len(text), "und")] if text else [])


@given(st.text(alphabet="abc déжщ你好說话のカ한ไ.。!? \n1,", max_size=60))
def test_spans_follow_each_other_without_a_gap(text: str) -> None:
    found = spans_by_language(text)
    assert "".join(text[span.start : span.end] for span in found) == text
    for left, right in itertools.pairwise(found):
        assert left.end == right.start
        assert (left.language.code, left.language.script) != (right.language.code, right.language.script)
    assert all(0 <= span.language.confidence <= 1 for span in found)
