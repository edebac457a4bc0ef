"""The language of a document by its scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanlin.text.language import SAMPLE_CHARS, language_of


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("今天天气很好。", "zh"),
        ("寶玉聽了，不覺呆了一回。", "zh"),
        ("It was the best of times.", "en"),
        ("使用 `git rebase --interactive HEAD~3` 命令可以修改历史提交，请谨慎使用。", "zh"),
        ("The character 好 means good, and 人 means person, in the Chinese language of today.", "en"),
        ("吾輩は猫である。名前はまだ無い。", "other"),
        ("모든 인간은 태어날 때부터 자유로우며", "other"),
        ("Все счастливые семьи похожи друг на друга", "other"),
        ("12345 + 67 = !!", "other"),
        ("", "other"),
    ],
)
def test_by_the_share_of_scripts(text: str, lang: str) -> None:
    assert language_of(text) == lang


def test_only_the_beginning_is_looked_at() -> None:
    assert language_of("word " * SAMPLE_CHARS + "好" * 10 * SAMPLE_CHARS) == "en"


@pytest.mark.peer
def test_declarations_of_human_rights(test_data: Path) -> None:
    rows = (test_data / "langid" / "udhr.jsonl").read_text("utf-8").split("\n")
    texts = {row["lang"]: row["text"] for row in map(json.loads, filter(None, rows))}
    chinese = {lang for lang in texts if lang.startswith(("zh", "cmn"))}
    assert chinese
    assert {language_of(texts[lang]) for lang in chinese} == {"zh"}
    assert language_of(next(text for lang, text in texts.items() if lang.startswith("en"))) == "en"
    others = [text for lang, text in texts.items() if lang[:2] in ("ja", "ko", "ru", "ar", "th")]
    assert {language_of(text) for text in others} == {"other"}
