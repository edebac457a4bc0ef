"""`hanlin data collect` through the command line and in Python, in both languages, and on to a corpus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.text.collect.site import Reply, Site, page, serving

import hanlin
from hanlin.cli.main import main

ARGUMENTS = ["--web.private_addresses", "--web.delay", "0", "--progress", "none"]


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as started:
        started.routes["/a"] = Reply(
            page("A", foot='<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">x</a>')
        )
        started.routes["/b"] = Reply(page("B"))
        started.routes["/robots.txt"] = Reply("User-agent: *\nDisallow: /b", kind="text/plain")
        yield started


def test_from_a_site_to_a_corpus(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str) -> None:
    out, corpus = tmp_path / "got", tmp_path / "corpus"
    (tmp_path / "note.txt").write_text("A note of my own about the lighthouse.")
    words = [
        "data",
        "collect",
        str(tmp_path / "note.txt"),
        f"{site.root}/a",
        f"{site.root}/b",
        "--out",
        str(out),
        *ARGUMENTS,
    ]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert ("2 documents" if lang == "en" else "2 篇文档") in said
    assert ("robots.txt forbids it" if lang == "en" else "robots.txt 不允许") in said
    assert ("1 documents do not say" if lang == "en" else "1 篇文档未注明许可") in said
    assert "CC-BY-4.0" in said
    assert f"hanlin data build {out / 'documents-1.jsonl'}" in said
    assert main(["data", "build", str(out / "documents-1.jsonl"), "--out", str(corpus), "--progress", "none"]) == 0
    built = json.loads((corpus / "corpus.json").read_text())
    assert sum(part["documents"] for part in built["splits"].values()) == 2


def test_figures_for_programs(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(
            [
                "data",
                "collect",
                f"{site.root}/a",
                f"{site.root}/b",
                "--out",
                str(tmp_path / "got"),
                "--json",
                *ARGUMENTS,
            ]
        )
        == 0
    )
    figures = json.loads(capsys.readouterr().out)
    assert figures["totals"]["kept"] == 1
    assert figures["reasons"] == {"robots": 1}
    assert figures["licences"] == {"CC-BY-4.0": 1}
    kept = json.loads((tmp_path / "got" / ".collect" / "report.json").read_text())
    assert figures == {**kept, "command": "data collect", "path": str(tmp_path / "got" / "documents-1.jsonl")}


def test_off_line_is_exit_code_5(tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str) -> None:
    (tmp_path / "note.txt").write_text("A note of my own.")
    words = [
        "data",
        "collect",
        str(tmp_path / "note.txt"),
        "http://127.0.0.1:9/",
        "--out",
        str(tmp_path / "got"),
        *ARGUMENTS,
    ]
    assert main(words) == 5
    error = capsys.readouterr().err
    assert "E230" in error
    assert ("off-line" if lang == "en" else "离线") in error
    assert "Traceback" not in error
    assert (tmp_path / "got" / "documents-1.jsonl").read_text().count("\n") == 1


def test_what_cannot_be_collected_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "collect", str(tmp_path / "none"), "--out", str(tmp_path / "got"), *ARGUMENTS]) == 3
    assert "E201" in capsys.readouterr().err
    assert main(["data", "collect", "hub:nonsense", "--out", str(tmp_path / "got"), *ARGUMENTS]) == 3
    assert "E234" in capsys.readouterr().err


def test_the_python_face(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("A note of my own.")
    made = hanlin.collect_data(str(tmp_path / "note.txt"), out=tmp_path / "got", licence="CC0-1.0")
    assert made.report["licences"] == {"CC0-1.0": 1}
    assert made.path == tmp_path / "got" / "documents-1.jsonl"
