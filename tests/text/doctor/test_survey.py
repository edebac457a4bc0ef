"""Listing what lies at a path: bounded, patient with nothing, the same every time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hanlin.text.doctor import survey as module
from hanlin.text.doctor.findings import Findings
from hanlin.text.doctor.survey import Survey, suffix_of, survey


def listed(*paths: Path | str, seconds: float = 0.0, leave_out: Path | None = None) -> tuple[Survey, Findings]:
    findings = Findings(3, lambda finding: None)
    return survey(tuple(map(str, paths)), findings, seconds=seconds, leave_out=leave_out), findings


def test_files_by_suffix(tmp_path: Path) -> None:
    for name in ("a.txt", "b.TXT", "c.jsonl.zst", "noname", "d.txt.gz"):
        (tmp_path / name).write_text("12345")
    found, _ = listed(tmp_path)
    assert {name: (one.files, one.bytes) for name, one in found.suffixes.items()} == {
        ".txt": (2, 10), ".jsonl.zst": (1, 5), "-": (1, 5), ".txt.gz": (1, 5),
    }  # fmt: skip
    assert (found.num_files, found.num_bytes, found.is_whole) == (5, 25, True)


def test_suffixes() -> None:
    names = {"a/b.Jsonl.ZST": ".jsonl.zst", "x.gz": ".gz", "Makefile": "-", "a.tar.gz": ".tar.gz"}
    assert {name: suffix_of(name) for name in names} == names


def test_the_sample_is_bounded_and_the_same_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DRAWN", 5)
    names = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        for number in range(40):
            (folder / f"{number}.txt").write_text("x")
        drawn = [Path(path).name for path, _ in listed(folder)[0].drawn()]
        assert len(drawn) == 5
        names.append(drawn)
    assert names[0] == names[1]


def test_suffixes_take_turns(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.txt").write_text("x" * 100)
    (tmp_path / "only.csv").write_text("x")
    order = [Path(path).suffix for path, _ in listed(tmp_path)[0].drawn()]
    assert order[:2] == [".txt", ".csv"] and len(order) == 7


def test_links_in_circles_pipes_and_hidden_things(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / "pipe")
    found, findings = listed(tmp_path)
    assert found.num_files == 1
    assert (findings.number("special_file"), findings.number("hidden")) == (2, 1)


def test_time_ends_a_long_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHECKED", 1)
    for number in range(30):
        (tmp_path / f"{number}.txt").write_text("x")
    found, _ = listed(tmp_path, seconds=1e-9)
    assert not found.is_whole and 1 <= found.num_files < 30


def test_many_empty_files(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"{number}.txt").touch()
    found, findings = listed(tmp_path)
    assert findings.number("empty_file") == 2000 and len(next(iter(findings)).examples) == 3
    assert not list(found.drawn()), "nothing to look into"


def test_patterns_and_what_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.json").write_text("{}")
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "b.md").write_text("x")
    assert set(listed(tmp_path / "*.txt")[0].suffixes) == {".txt"}
    assert set(listed(tmp_path, leave_out=tmp_path / "out")[0].suffixes) == {".txt", ".md"}
