"""Sentences: the language comes from the user, the text from one file per room."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanlin.base import messages
from hanlin.base.messages import all_entries, entry, language, say


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh"}, "zh"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE"}, "en"),
        ({"LC_ALL": "zh_TW", "LANG": "en_US"}, "zh"),
        ({"LC_ALL": "en_US", "LANG": "zh_CN"}, "en"),
        ({"LC_MESSAGES": "zh_CN", "LANG": "en_US"}, "zh"),
        ({"LC_ALL": "", "LANG": "zh_CN"}, "zh"),
        ({"HANLIN_LANG": "en", "LC_ALL": "zh_CN"}, "en"),
        ({"HANLIN_LANG": "ZH", "LC_ALL": "en_US"}, "zh"),
    ],
)
def test_language_is_the_first_that_the_user_names(environ: dict[str, str], expected: str) -> None:
    assert language(environ) == expected


def test_language_reads_the_real_environment(lang: str) -> None:
    assert language() == lang


def test_say_fills_the_sentence_in_the_users_language(lang: str) -> None:
    sentence = say("base.file_missing", path="a.txt")
    assert sentence.startswith("a.txt does not exist" if lang == "en" else "a.txt 不存在")


def test_a_missing_key_or_field_is_our_bug_and_loud() -> None:
    with pytest.raises(KeyError, match=r"no sentence 'base\.nonsense' in catalogue/base\.toml"):
        say("base.nonsense")
    with pytest.raises(KeyError, match=r"no sentence 'nowhere\.nothing'"):
        say("nowhere.nothing")
    with pytest.raises(KeyError, match="path"):
        say("base.file_missing")


def test_values_are_never_taken_for_templates() -> None:
    assert "{0.__class__}" in say("base.file_missing", path="{0.__class__}")


def test_only_the_file_of_the_room_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "good.toml").write_text('["good.hello"]\nen = "Hello"\nzh = "你好"\n', encoding="utf-8")
    (tmp_path / "bad.toml").write_text("this is not toml", encoding="utf-8")
    monkeypatch.setattr(messages, "CATALOGUE", tmp_path)
    messages.room_entries.cache_clear()
    try:
        assert say("good.hello") == "Hello"
    finally:
        messages.room_entries.cache_clear()


def test_entries_carry_their_codes() -> None:
    assert entry("base.file_missing").code == "E102"
    assert entry("base.did_you_mean").code is None
    assert all_entries()["base.file_missing"] == entry("base.file_missing")
