"""The checkers from the command line: skeleton out, file in, hints and an exit code."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.course.solutions import changed, solved

from hanlin.base.errors import InputError
from hanlin.course.check import main, start
from hanlin.course.findings import load_file


@pytest.mark.parametrize("exercise", ["1", "2"])
def test_a_fresh_skeleton_runs_and_is_told_what_to_write(exercise, lang, tmp_path, capsys):
    path = tmp_path / "mine.py"
    assert main(["start", exercise, str(path)]) == 0
    assert "TODO" in capsys.readouterr().out
    assert main([exercise, str(path)]) == 6
    assert "NotImplementedError" in capsys.readouterr().out
    assert main(["start", exercise, str(path)]) == 3
    assert capsys.readouterr().err.startswith("E823: ")
    with pytest.raises(InputError) as caught:
        start(exercise, path)
    assert caught.value.code == "E823"


def test_a_solution_is_told_to_be_one(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(solved("1"), encoding="utf-8")
    assert main(["1", str(path)]) == 0
    assert "Exercise 1 is solved" in capsys.readouterr().out


def test_a_hint_comes_in_the_language_asked_for(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HANLIN_LANG", "en")
    path = tmp_path / "mine.py"
    path.write_text(changed("1", "softmax(dim=-1)", "softmax(dim=-2)"), encoding="utf-8")
    assert main(["--lang", "zh", "1", str(path)]) == 6
    assert "各列之和为 1" in capsys.readouterr().out
    assert main(["1", str(path), "--lang", "en"]) == 6
    assert "columns sum to 1" in capsys.readouterr().out


def test_it_is_a_program_of_its_own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(solved("1", num_parts=0), encoding="utf-8")
    command = [sys.executable, "-m", "hanlin.course.check", "1", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 6
    assert "attention weights" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (["1", "nowhere.py"], "E820", 3),
        (["3", "mine.py"], "E822", 2),
        (["start", "x", "mine.py"], "E822", 2),
        (["1", "mine.py", "--lang", "fr"], "E824", 2),
        (["1", "mine.py", "--lang"], "E824", 2),
    ],
)
def test_what_cannot_be_done_is_said(words, code, status, tmp_path, capsys, lang, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("x = 1\n")
    assert main(words) == status
    assert capsys.readouterr().err.startswith(f"{code}: ")


@pytest.mark.parametrize("words", [[], ["1"], ["start", "1"], ["--help"]])
def test_too_few_words_show_how_it_is_used(words, capsys, lang):
    assert main(words) == (0 if words == ["--help"] else 2)
    assert "python -m hanlin.course.check" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "line"), [("x = 1\ny = \n", 2), ("import math\n\nmath.sqr(2)\n", 3)])
def test_a_file_that_stops_is_told_with_its_line(text, line, tmp_path, lang):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_file(path)
    assert caught.value.code == "E821"
    assert caught.value.values["line"] == line
