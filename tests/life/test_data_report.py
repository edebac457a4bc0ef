"""`hanlin data report` makes a report again, in the other language, from what lies in the corpus."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.text.doctor.junk import chinese, english, rows
from tests.text.pages.reading import check_is_safe

import hanlin
from hanlin.cli.main import main


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text(rows({"text": english(3)}, {"text": chinese(3)}, {"text": "no"}))
    hanlin.build_data("a.jsonl", out=Path("corpus"), min_chars=5)
    return tmp_path / "corpus"


def test_a_build_writes_its_report(corpus: Path) -> None:
    page = check_is_safe((corpus / "report.html").read_text(encoding="utf-8"))
    assert "Report on a corpus" in page.text and "corpus" in page.text
    figures = json.loads((corpus / "report.json").read_text(encoding="utf-8"))
    assert [one["step"] for one in figures["funnel"]] == ["read", "too_short"] and figures["format"] == 1


def test_again_in_the_other_language(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (corpus / "report.json").read_text(encoding="utf-8")
    (corpus.parent / "a.jsonl").unlink()  # nothing is read again
    assert main(["data", "report", "corpus", "--lang", "zh"]) == 0
    assert "读入：3 篇文档" in capsys.readouterr().out
    assert "语料报告" in check_is_safe((corpus / "report.html").read_text(encoding="utf-8")).text
    assert (corpus / "report.json").read_text(encoding="utf-8") == before, "figures know no language"


def test_json_and_no_corpus(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "report", "corpus", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["losses"][0]["reason"] == "too_short"
    assert main(["data", "report", "nowhere"]) == 3
    assert "E204" in capsys.readouterr().err
