"""Texts that a command is given: corpora, files and folders, as often as it asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanlin.base.errors import InputError
from hanlin.life.build_data import build_data
from hanlin.life.texts import Texts, is_corpus


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    texts = [f"Line number {number} of forty." for number in range(40)]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts) + "\n{bad\n")
    return tmp_path / "a.jsonl"


def test_files_are_read_anew_and_bad_rows_kept_once(rows: Path, lang: str) -> None:
    texts = Texts([str(rows)])
    assert [one.text for one in texts()] == [one.text for one in texts()]
    assert len(list(texts())) == 40 and len(texts.dropped) == 1
    (line,) = texts.lines()
    assert line.startswith("1 " if lang == "en" else "有 1 ") and "a.jsonl:41" in line
    assert texts.corpora == []


def test_of_a_corpus_one_part_is_read(rows: Path, tmp_path: Path) -> None:
    build_data(str(rows), out=tmp_path / "corpus", validation_fraction=0.3, most_leaked=1)
    parts = [{one.text for one in Texts([tmp_path / "corpus"], part=part)()} for part in ("train", "validation")]
    assert parts[0] and parts[1] and not parts[0] & parts[1]
    assert len(parts[0] | parts[1]) == 40
    together = Texts([tmp_path / "corpus", rows])
    assert len(list(together())) == len(parts[0]) + 40
    assert together.corpora == [tmp_path / "corpus"] and is_corpus(tmp_path / "corpus") and not is_corpus(rows)


def test_what_cannot_be_read_at_all_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text("  ")
    for path in (tmp_path / "empty", tmp_path / "absent.txt"):
        with pytest.raises(InputError):
            list(Texts([path])())
