"""`hanlin data why` through the command line and in Python, in both languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanlin.cli.main import main
from hanlin.life.build_data import build_data
from hanlin.life.why import why

PROSE = "The committee met again on Tuesday and decided that the old bridge should be repaired before winter."


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    rows = [{"id": "good", "text": f"<p>{PROSE}</p>\r\n"}, {"id": "bad", "text": f"{PROSE}\n" * 9}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    rules = {"preset": "gopher", "html_debris": True, "thresholds": {"min_words": 3}}
    build_data(str(tmp_path / "a.jsonl"), out=tmp_path / "out", rules=rules)
    return tmp_path / "out"


def test_words_and_figures(corpus: Path, lang: str) -> None:
    report = why("bad", corpus=corpus)
    text = "\n".join(report.lines)
    assert "max_dup_paragraphs" not in text and "max_dup_lines" in text and "0.888889" in text and "0.3" in text
    assert ("was dropped" in text) == (lang == "en") and ("已丢弃" in text) == (lang == "zh")
    (table,) = report.tables
    assert table.rows[0][0] == "max_dup_lines" and table.rows[0][-1] == "gopher [all]"
    (figures,) = report.report["documents"]
    assert figures["reason"] == "max_dup_lines" and "max_dup_5gram_chars" in figures["broken"]


def test_what_was_changed_is_told(corpus: Path, lang: str) -> None:
    text = "\n".join(why("good", corpus=corpus).lines)
    assert "line_ends 1" in text and "html_debris 2" in text
    assert ("training part" in text) == (lang == "en")


def test_the_command(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "why", "bad", "--corpus", str(corpus)]) == 0
    assert "max_dup_lines" in capsys.readouterr().out
    assert main(["data", "why", "bad", "--corpus", str(corpus), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["documents"][0]["fate"] == "removed"
    assert main(["data", "why", "nobody", "--corpus", str(corpus)]) == 3
    assert "E238" in capsys.readouterr().err
