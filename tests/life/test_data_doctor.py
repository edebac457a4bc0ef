"""`hanlin data doctor` through the command line and in Python, in both languages, and its recipe built."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.text.doctor.junk import chinese, english, rows
from tests.text.pages.reading import check_is_safe

import hanlin
from hanlin.base.errors import ConfigError
from hanlin.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text(f"{english(5)}\n\0 and on\n{chinese(5)}")
    (tmp_path / "in" / "b.jsonl").write_text(rows({"text": english(3)}) + "{bad\n")
    return tmp_path


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str], lang: str) -> None:
    assert main(["data", "doctor", "in", "--seconds", "0", "--progress", "none"]) == 0
    told = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "b.jsonl:2" in told and "a.txt:6" in told
    assert ("NUL bytes in text: 1" in told) == (lang == "en") and ("文本中的 NUL 字节" in told) == (lang == "zh")
    page = check_is_safe((folder / "data-doctor" / "report.html").read_text(encoding="utf-8"))
    assert "b.jsonl:2" in page.text
    assert json.loads((folder / "data-doctor" / "report.json").read_text())["format"] == 2
    assert main(["data", "build", "--config", "data-doctor/recipe.toml", "--out", "corpus", "--progress", "none"]) == 0


def test_json_on_stdout_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "doctor", "in/a.txt", "in/b.jsonl", "--out", "none", "--seconds", "0", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert {one["kind"] for one in figures["findings"]} == {"nul_bytes", "bad_json", "no_licence"}
    assert not (folder / "data-doctor").exists()


def test_a_report_by_the_name_of_a_page_is_refused(folder: Path, lang: str) -> None:
    """`--out report.html` made a folder of that name, and the page in it."""
    with pytest.raises(ConfigError) as caught:
        hanlin.data_doctor("in", out=Path("report.html"))
    assert [one.name for one in caught.value.problems] == ["out"] and "report.html" in str(caught.value)
    assert [path.name for path in folder.iterdir()] == ["in"]


def test_no_more_is_looked_at_than_there_is(folder: Path) -> None:
    """The page said 118 %, since an endless line is read twice; and examples showed what stood before the mojibake."""
    (folder / "in" / "c.txt").write_text("x" * 3_000_000)
    (folder / "in" / "d.txt").write_bytes(f"{english(20)} It’s odd.".encode().decode("cp1252").encode())
    found = hanlin.data_doctor("in", out=None, seconds=0).report
    assert found["looked"]["bytes"] == found["looked"]["of_bytes"]
    (wrong,) = (one["examples"][0]["text"] for one in found["findings"] if one["kind"] == "mojibake")
    assert "Itâ€™s" in wrong and "It’s" in wrong


def test_its_own_reports_are_no_data(folder: Path) -> None:
    first = hanlin.data_doctor("in", out=Path("in/report"), seconds=0).report
    again = hanlin.data_doctor("in", out=Path("in/report"), seconds=0)
    assert again.report["formats"] == first["formats"]
    assert again.path == Path("in/report") and "recipe.toml" in again.next_steps[0]


def test_nothing_wrong_is_said(folder: Path, lang: str) -> None:
    (folder / "good.jsonl").write_text(
        rows({"text": english(3), "licence": "CC0"}, {"text": chinese(3), "licence": "CC0"})
    )
    report = hanlin.data_doctor("good.jsonl", out=None, seconds=0)
    assert report.tables == () and report.lines[-1].startswith("在所查看" if lang == "zh" else "Nothing wrong")
    assert report.next_steps == ()


def test_a_path_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "doctor", "nowhere"]) == 3
    assert "E201" in capsys.readouterr().err
