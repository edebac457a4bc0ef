"""A recipe's corpus with other rules takes the texts of the one it built before."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanlin.base.messages import say
from hanlin.life.build_data import build_data
from hanlin.text import reading

PROSE = "The committee met again on Tuesday and decided that the old bridge should be repaired before winter."


def test_an_earlier_corpus_stands_in_for_its_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    for number in range(9):
        (tmp_path / "in" / f"{number}.txt").write_text(f"{PROSE} {number}")
    build_data(str(tmp_path / "in"), out=tmp_path / "corpus-1")
    monkeypatch.setattr(reading, "read_documents", lambda *_, **__: pytest.fail("a source was read"))
    rules = {"thresholds": {"min_words": 5}}
    report = build_data(str(tmp_path / "in"), out=tmp_path / "corpus-2", earlier=tmp_path / "corpus-1", rules=rules)
    assert report.lines[-2] == say("text.report_read_again", path=tmp_path / "corpus-1")
    assert report.report["read"] == 9
