"""The shipped text: prose and stories in both languages, and files that come out the same everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hanlin.base.errors import MachineError
from hanlin.recipe.shipped import Word, documents, fill, fillers, prose, shipped_version, stories, write_shipped
from hanlin.recipe.world.world import SKILLS

FEW = {"num_stories": 20, "num_sheets": 30, "num_conversations": 40, "num_cases": 10}


def test_both_languages_have_the_same_prose_sections() -> None:
    zh, en = prose("zh"), prose("en")
    assert len(zh) == len(en) >= 10
    assert all(text.startswith("# ") and text.count("\n") > 3 for text in zh + en)
    assert zh[0].startswith("# 语言模型怎样学习")


def test_every_filler_is_a_pair() -> None:
    for name, words in fillers().items():
        assert len(words) == len({w.zh for w in words}) == len({w.en for w in words}), name
        assert all(word.zh and word.en for word in words)


def test_fill_speaks_the_language_of_the_template() -> None:
    words = {"animal": Word("猫", "cat")}
    assert fill("the {animal}", words, "en") == "the cat"
    assert fill("{animal}", words, "zh") == "猫"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_stories_are_filled_distinct_and_repeatable(lang: str) -> None:
    told = list(stories(lang, 300, seed=1))
    assert told == list(stories(lang, 300, seed=1))
    assert told != list(stories(lang, 300, seed=2))
    assert len(set(told)) > 290
    assert not any("{" in story or "}" in story for story in told)


def test_documents_have_ids_of_their_own_and_say_where_they_are_from() -> None:
    rows = list(documents(5, 10, 0))
    assert len({row["id"] for row in rows}) == len(rows) == 2 * (len(prose("zh")) + 15)
    assert {row["lang"] for row in rows} == {"zh", "en"}
    assert all(row["source"].startswith("shipped/") and row["text"] for row in rows)


def test_written_files_hold_what_they_say(tmp_path: Path) -> None:
    written = write_shipped(tmp_path, **FEW, seed=3)
    assert len(_rows(written.texts)) == written.num_documents == len(list(documents(20, 30, 3)))
    assert len(_rows(written.conversations)) == written.num_conversations == 40
    tasks = sorted(path.stem for path in written.tasks.glob("*.jsonl"))
    assert tasks == sorted([*(skill.name for skill in SKILLS), "free_reviews", "suggestions"])
    assert sum(len(_rows(written.tasks / f"{task}.jsonl")) for task in tasks) == written.num_cases
    first = _rows(written.conversations)[0]["messages"]
    assert [message["role"] for message in first][:2] == ["user", "assistant"]


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = write_shipped(tmp_path / "a", **FEW), write_shipped(tmp_path / "b", **FEW)
    assert one.conversations.read_bytes() == two.conversations.read_bytes()
    assert one.texts.read_bytes() == two.texts.read_bytes()


def test_the_version_changes_with_the_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = shipped_version()
    assert before == shipped_version() and len(before) == 8
    for part in ("texts", "world/data"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "shipped.py").write_text("")
    monkeypatch.setattr("hanlin.recipe.shipped.resources.files", lambda package: tmp_path)
    empty = shipped_version()
    (tmp_path / "texts" / "more.toml").write_text("a = 1")
    assert len({before, empty, shipped_version()}) == 3


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_a_home_that_cannot_be_written_is_told_as_such(tmp_path: Path) -> None:
    """`hanlin demo` with HANLIN_HOME on a read-only disk used to be called a bug of ours."""
    (tmp_path / "home").write_text("a file, no folder")
    with pytest.raises(MachineError) as caught:
        write_shipped(tmp_path / "home" / "shipped", num_stories=5)
    assert caught.value.code == "E109"
