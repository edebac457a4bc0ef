"""A user's own lists: words whole, phrases in order, Chinese anywhere, any width and case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanlin.base.errors import InputError
from hanlin.text.rules.badwords import BadWords, read_bad_words


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("a darn thing", 1 / 3),
        ("a DARN，ｄａｒｎ", 2 / 3),
        ("darning is fine", 0),
        ("dirty old coat", 0),
        ("a dirty old trick, dirty trick", 1 / 6),
        ("这是坏话吗", 1 / 5),
        ("", 0),
    ],
)
def test_shares(text: str, share: float) -> None:
    assert BadWords(["darn", "Dirty old trick", "坏话"]).share(text) == pytest.approx(share, abs=1e-6)


def test_lists_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("# mine\ndarn\r\n\n坏话\n", "utf-8")
    found = read_bad_words([str(tmp_path / "a.txt")])
    assert found is not None and len(found) == 2 and found.share("darn") == 1
    assert read_bad_words([]) is None


def test_a_list_without_words_is_refused(tmp_path: Path, lang: str) -> None:
    (tmp_path / "empty.txt").write_text("\n#\n")
    with pytest.raises(InputError) as caught:
        read_bad_words([str(tmp_path / "empty.txt")])
    assert caught.value.code == "E239"
    assert "empty.txt" in str(caught.value)


def test_a_hostile_text_comes_to_an_end() -> None:
    words = BadWords(["a " * 50 + "b"])
    assert words.share("a " * 100_000) == 0


@pytest.mark.peer
def test_a_public_list_in_two_languages(test_data: Path) -> None:
    rows = (test_data / "wordlists" / "badwords.jsonl").read_text("utf-8").split("\n")
    listed = [json.loads(row)["word"] for row in rows if row]
    words = BadWords(listed)
    assert len(words) > 600
    assert all(words.share(word) > 0 for word in listed if any(map(str.isalnum, word)))
    assert words.share("The committee met on Tuesday. 委员会星期二开会。") == 0
